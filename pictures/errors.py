"""The errors of decoding and preparing pictures.

PictureError              (ValueError) a picture cannot be decoded
└── PicturePendingError   it cannot be decoded yet
PreprocessError           (ValueError) choices of preprocessing cannot be read, or do not fit the model
"""


class PictureError(ValueError):
    """A picture cannot be decoded; the message says why."""


class PicturePendingError(PictureError):
    """A decoder needs later packets before it gives a picture out."""


class PreprocessError(ValueError):
    """Choices of preprocessing cannot be read, or do not fit a model; the message says what was expected."""
