"""One connection to a live source by FFmpeg: RTSP, a camera device, or a stream over HTTP."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import av

from edge_service.frame_image import Shot
from edge_service.sources.addresses import masked
from edge_service.sources.errors import SourceError, SourceLoginError, SourceLostError, SourceSilentError
from edge_service.sources.live.addresses import Way, host_and_port
from edge_service.sources.live.decoding import shots_of
from edge_service.sources.live.held_back import HeldBack
from edge_service.sources.live.limits import Limits
from edge_service.sources.live.packet_log import counted_losses
from edge_service.sources.live.parameter_sets import ParameterSets
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import ShotToDecode
from pictures import PictureError, StreamFormat
from pictures.decoder import picture_of

__all__ = ["FfmpegWay", "check_reachable", "ffmpeg_shots"]

_LOGIN = (av.HTTPUnauthorizedError, av.HTTPForbiddenError)
_Packets = Iterator["av.Packet[av.VideoStream]"]
_Shots = Iterator[tuple[float | None, Timed[Shot]]]  # with their times in the stream
# FFmpeg finds the end of a packet of these where the next one begins.
_HELD_BACK = ("h264", "hevc", "mpeg4")
_TIMEOUTS = (TimeoutError, av.ExitError)
# The handshake of RTSP takes several round trips, and slow cameras think in between.
_HANDSHAKE_S = 8.0
_CONTROL_S = 0.5  # more than the first limit, so that this one decides only where there are control packets


@dataclass(frozen=True, slots=True)
class FfmpegWay:
    """How FFmpeg opens an address.

    Attributes:
        address: What it opens.
        demuxer: FFmpeg's name of it; None: it finds out.
        options: Its options, without limits of time.
        as_packets: Whether pictures stay compressed where they can.
    """

    address: str
    demuxer: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    as_packets: bool = False

    @classmethod
    def of(cls, address: str, way: Way, *, transport: str = "tcp", as_packets: bool = False) -> FfmpegWay:
        """The options of a way.

        Args:
            address: The source.
            way: Its way.
            transport: For RTSP, `tcp` or `udp`.
            as_packets: Whether pictures stay compressed where they can.
        """
        match way:
            case Way.RTSP:
                # Without probing, which takes 25 pictures (12 s at 2 a second); the description names the codec.
                # Over TCP, because over UDP lost packets damage pictures, silently.
                options = {"rtsp_transport": transport, "allowed_media_types": "video", "probesize": "32"}
                return cls(address, None, options, as_packets)
            case Way.DEVICE:
                return cls(address, "v4l2", {}, as_packets)
            case Way.HTTP:
                direct = {} if host_and_port(address) is None else {"http_proxy": ""}
                return cls(address, None, {"analyzeduration": "1000000", **direct}, as_packets)


def check_reachable(address: str, limits: Limits) -> None:
    """Connect once, within a limit of its own: FFmpeg's holds for the camera's silence too, which may be longer.

    Raises:
        SourceLostError: Nobody answers there.
    """
    there = host_and_port(address)
    if there is None:
        return
    # What looks like host and port may be user and password before a slash.
    named = f"{there[0]}:{there[1]}: " if there[0] in masked(address).lower() else ""
    try:
        socket.create_connection(there, limits.connect_s).close()
    except TimeoutError as error:
        raise SourceLostError(f"{named}no answer within {limits.connect_s:g} s") from error
    except OSError as error:
        raise SourceLostError(f"{named}{error.strerror or error}") from error


def ffmpeg_shots(
    way: FfmpegWay, limits: Limits, on_lost: Callable[[int], object] | None = None
) -> Iterator[Timed[Shot]]:
    """Connect, and yield pictures with the times of their arrival (`time.monotonic`). Blocks.

    Ends only where a clip ends, which is played at its own pace.

    Args:
        way: What is opened, and how.
        limits: The connection's.
        on_lost: Called with the number of RTP packets that are lost on the way; None: nobody counts them.

    Raises:
        SourceSilentError: Nothing came for too long.
        SourceLoginError: The camera refuses user and password.
        SourceLostError: Anything else ended the connection, also its proper end.
    """
    if way.demuxer == "v4l2" and not Path(way.address).exists():
        raise SourceLostError("there is no such camera")
    with _told(limits.silence_s), contextlib.closing(_opened(way, limits)) as container:
        if not container.streams.video:
            raise SourceLostError("it sends no pictures")
        stream = container.streams.video[0]
        packets = _packets(container, stream)
        packets = packets if on_lost is None else _counted(packets, on_lost)
        if StreamFormat.of(stream).stands_alone:
            shots = _from_packets(packets, stream, limits.silence_s, as_packets=way.as_packets)
        else:
            shots = _decoded_here(packets, stream)
        if container.duration is not None and container.duration > 0:
            yield from _at_its_pace(shots, limits)
            return
        yield from (shot for _, shot in shots)
        raise SourceLostError("it ended the stream")


def _opened(way: FfmpegWay, limits: Limits) -> av.container.InputContainer:
    # The first limit is counted from the last byte, the second from the last packet: control packets alone would keep a
    # silent camera's connection.
    timeout = {} if way.demuxer == "v4l2" else {"timeout": str(int(limits.silence_s * 1e6))}
    times = (limits.silence_s + _HANDSHAKE_S, limits.silence_s + _CONTROL_S)
    began_s = time.monotonic()
    try:
        return av.open(way.address, format=way.demuxer, options=way.options | timeout, timeout=times)
    except av.InvalidDataError as error:
        if time.monotonic() - began_s >= limits.silence_s:  # of no answer at all, RTSP says that it is no valid one
            raise SourceSilentError(f"it sent nothing for {limits.silence_s:g} s") from error
        raise


@contextlib.contextmanager
def _told(silence_s: float) -> Iterator[None]:
    """Translate FFmpeg's errors."""
    try:
        yield
    except SourceError:
        raise
    except _LOGIN as error:
        raise SourceLoginError(f"it refuses user and password ({error.strerror})") from error
    except _TIMEOUTS as error:
        raise SourceSilentError(f"it sent nothing for {silence_s:g} s") from error
    except PictureError as error:
        raise SourceLostError(str(error)) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceLostError(masked(getattr(error, "strerror", None) or str(error))) from error


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> _Packets:
    return (packet for packet in container.demux(stream) if packet.size)


def _counted(packets: _Packets, on_lost: Callable[[int], object]) -> _Packets:
    with counted_losses() as since_last:
        for packet in packets:
            if lost := since_last():
                on_lost(lost)
            yield packet


def _from_packets(packets: _Packets, stream: av.VideoStream, silence_s: float, *, as_packets: bool) -> _Shots:
    """Shots with their times in the stream; the packets alone are enough to decode them."""
    stream_format = StreamFormat.of(stream)
    sets = ParameterSets(stream_format.codec, stream_format.extradata)
    made, is_new = shots_of(stream_format, as_packets=as_packets), False
    arrivals = HeldBack(time.monotonic()) if stream_format.codec in _HELD_BACK else None
    try:
        for packet in packets:
            now_s, data = time.monotonic(), bytes(packet)
            at_s = now_s if arrivals is None else arrivals.came_out(now_s)
            if arrivals is not None and arrivals.is_stale and arrivals.held_s >= silence_s:
                # A read over its limit gives out what was held, and fails only when it is over it again. By then it may
                # have lost its place among the packets.
                raise TimeoutError
            is_new = sets.saw(data) or is_new
            if is_new and packet.is_keyframe:
                made.end()
                # The size may be another, too.
                stream_format = replace(stream_format, extradata=sets.extradata, width=0, height=0)
                made, is_new = shots_of(stream_format, as_packets=as_packets), False
            pts_s, dts_s = _seconds(packet.pts, packet), _seconds(packet.dts, packet)
            shots = made.add(data, packet.is_keyframe, pts_s, dts_s, at_s=at_s)
            if arrivals is None or not arrivals.is_stale:
                yield from ((pts_s, shot) for shot in shots)
    finally:
        made.end()  # decoders wait for no more packets


def _decoded_here(packets: _Packets, stream: av.VideoStream) -> _Shots:
    """Shots of streams that only their container can decode, such as a camera's uncompressed pictures."""
    stream_format = StreamFormat.of(stream)
    for packet in packets:
        at_s = time.monotonic()
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame):
                yield frame.time, Timed(at_s, ShotToDecode(partial(picture_of, frame, stream_format)))


def _seconds(stamp: int | None, packet: av.Packet[av.VideoStream]) -> float | None:
    return None if stamp is None or packet.time_base is None else float(stamp * packet.time_base)


def _at_its_pace(shots: _Shots, limits: Limits) -> Iterator[Timed[Shot]]:
    """Play a clip: a server sends it as fast as it can."""
    ahead_s: float | None = None  # of the stream's clock before ours
    for stream_s, shot in shots:
        now_s = time.monotonic()
        if stream_s is not None:
            ahead_s = stream_s - now_s if ahead_s is None else ahead_s
            if limits.stop.wait(max(0.0, stream_s - ahead_s - now_s)):
                return
        yield Timed(time.monotonic(), shot.item)
