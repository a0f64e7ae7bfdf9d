"""The errors of sources of frames.

EdgeError
└── SourceError               (also ValueError) a source cannot be used
    ├── SourceNotFoundError       no such file, folder, camera or stream
    ├── SourceFormatError         the source has no pictures that can be decoded
    ├── SourceFailedError         a source that had begun cannot be read any further
    │   └── SourceLostError           the connection to a live source is lost, or it was given up
    │       └── SourceSilentError         it sends nothing
    ├── SourceLoginError          a live source refuses user and password
    └── DemoExtraMissingError     the sample clips are not installed
"""

from __future__ import annotations

from edge_service.errors import EdgeError

EXPECTED = "expected a video file, a folder of images, /dev/video0, rtsp://..., http://... or sample"
"""The end of a message about a source that is none."""


class SourceError(EdgeError, ValueError):
    """A source of frames cannot be used; the message says what was expected."""


class SourceNotFoundError(SourceError):
    """No such file, folder, camera or stream."""


class SourceFormatError(SourceError):
    """The source has no pictures that can be decoded."""


class SourceFailedError(SourceError):
    """A source that had begun cannot be read any further; the message says how far it was read."""


class SourceLostError(SourceFailedError):
    """The connection to a live source is lost, or the source was given up."""


class SourceSilentError(SourceLostError):
    """A live source sends nothing."""


class SourceLoginError(SourceError):
    """A live source refuses user and password."""


class DemoExtraMissingError(SourceError):
    """The package with the sample clips is not installed."""
