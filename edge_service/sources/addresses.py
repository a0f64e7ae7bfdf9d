"""Addresses without their passwords, for everything that people read: errors, logs, reports."""

from __future__ import annotations

import re

__all__ = ["masked"]

# A password may hold what should have been escaped: a slash, a space, another "@". FFmpeg takes what is before the last
# "@" of the authority. Behind a colon, what looks like a port and a path may be a password with a slash.
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#\s]*:[^\s'\"]*|[^/?#\n]*)@")
_SECRET = re.compile(r"(?P<name>[?&;/_][\w.-]*?(?:pas|pwd|token|key|secret|auth|sig)\w*=)[^&\s#'\"]+", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")


def masked(text: str) -> str:
    """An address, or a text with addresses in it, such as FFmpeg's messages: without users, passwords and tokens.

    >>> masked("rtsp://admin:secret@camera/1: Connection refused")
    'rtsp://***@camera/1: Connection refused'
    >>> masked("http://camera/mjpg?user=a&pwd=secret")
    'http://camera/mjpg?user=a&pwd=***'
    """
    without_user = _USER.sub(r"\g<scheme>***@", text)
    return _ADDRESS.sub(lambda found: _SECRET.sub(r"\g<name>***", found[0]), without_user)
