"""What users choose of live sources: RTSP's transport, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LiveOptions", "Transport"]

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """The choices for one live source.

    Attributes:
        rtsp_transport: `tcp`, or `udp`, which loses packets.
        give_up_after_s: So long without a picture ends the run; None: never.
        silence_s: So long without a picture is a loss of the connection, at least; slow cameras are given more.
    """

    rtsp_transport: Transport = "tcp"
    give_up_after_s: float | None = None
    silence_s: float = 2.0
