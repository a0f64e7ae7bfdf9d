"""What a camera sends, and to whom: size, rate, keyframes, address, password."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

__all__ = ["CameraOptions"]


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """A camera's settings.

    Attributes:
        width: Even.
        height: Even.
        rate_hz: Pictures a second.
        keyframe_every: Pictures from one keyframe to the next.
        b_frames: B-frames between two other pictures (H.264).
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        path: The path of the stream; others are not found.
        user: Needed to view, with the password; None: nobody is asked.
        password: See `user`.
        first: The first picture's number.
        repeat_every: After so many pictures a new encoder draws and encodes the first ones again, to the same bits, as
            it does after any fault; so numbers say what a picture shows, not which one it is. 0: numbers go on.
    """

    width: int = 320
    height: int = 180
    rate_hz: float = 25.0
    keyframe_every: int = 50
    b_frames: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    path: str = "/stream"
    user: str | None = None
    password: str = ""
    first: int = 0
    repeat_every: int = 0

    def admits(self, authorization: str | None) -> bool:
        """Whether a request with this header `Authorization` may view."""
        if self.user is None:
            return True
        return authorization == "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()
