"""The description of an RTSP stream: which payload it has, and the parameter sets of its H.264 (SDP, RFC 4566)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from chaos.cameras.film import Film
from chaos.cameras.rtp import CLOCK_HZ, H264, JPEG, nal_units

__all__ = ["h264_description", "jpeg_description", "parameter_sets"]


def h264_description(host: str, sets: Sequence[bytes]) -> str:
    """The description of a stream of H.264; without parameter sets a reader waits for a keyframe."""
    fields = f"{H264} packetization-mode=1"
    if sets:
        coded = ",".join(b64encode(unit).decode() for unit in sets)
        fields += f";profile-level-id={sets[0][1:4].hex().upper()};sprop-parameter-sets={coded}"
    return _description(host, H264, f"a=rtpmap:{H264} H264/{CLOCK_HZ}", f"a=fmtp:{fields}")


def jpeg_description(host: str) -> str:
    """The description of a stream of JPEGs."""
    return _description(host, JPEG, f"a=rtpmap:{JPEG} JPEG/{CLOCK_HZ}")


def parameter_sets(width: int, height: int, b_frames: int) -> list[bytes]:
    """SPS and PPS of a film of this size."""
    film = Film(width, height, b_frames=b_frames)
    first, *_ = [*film.shoot(), *film.rest()]
    return [unit for unit in nal_units(first.data) if unit[0] & 0x1F in (7, 8)]


def _description(host: str, payload_type: int, *about: str) -> str:
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=camera", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
    lines += [f"m=video 0 RTP/AVP {payload_type}", *about, "a=control:track1"]
    return "".join(f"{line}\r\n" for line in lines)
