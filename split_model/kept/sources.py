"""The key of what is captured: a network by its name and weights, a file by its content; a user's code has none."""

import hashlib
from pathlib import Path

from split_model.kept.versions import key_of, made_by

__all__ = ["key_of_source"]

_NAMED = ("zoo", "torchvision")
_CHUNK_BYTES = 1 << 20


def key_of_source(prefix: str, rest: str, weights: str | Path | None) -> str | None:
    """The key of a spec: equal keys mean that a capture gives the same model.

    Args:
        prefix: The first part of the spec.
        rest: Its second part.
        weights: As `split_model.load`.

    Returns:
        The key; `None` for a factory, whose code may do anything, and for a file that cannot be read.
    """
    try:
        if prefix == "file":
            return key_of("file", _content(Path(rest)), made_by())
        if prefix in _NAMED:
            known = weights if weights is None or str(weights) == "DEFAULT" else _content(Path(weights))
            return key_of(prefix, rest, known, made_by())
    except OSError:  # who loads it says what is wrong
        return None
    return None


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
