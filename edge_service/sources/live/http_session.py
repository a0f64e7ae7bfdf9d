"""One connection to a live source over HTTP: JPEGs in a multipart answer are read here, all else by FFmpeg."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import cast

from edge_service.frame_image import Shot
from edge_service.sources.addresses import masked
from edge_service.sources.errors import SourceLoginError, SourceLostError, SourceSilentError
from edge_service.sources.live.addresses import Way, is_direct, without_login
from edge_service.sources.live.decoding import shots_of
from edge_service.sources.live.ffmpeg_session import FfmpegWay, ffmpeg_shots
from edge_service.sources.live.jpeg_stream import JpegStream, TooLargeError
from edge_service.sources.live.limits import Limits
from edge_service.sources.pacing import Timed
from pictures import StreamFormat
from pictures.stream_format import STILL

__all__ = ["http_shots"]

_READ_BYTES = 64 * 1024
_JPEGS = ("multipart/", "video/x-motion-jpeg", "video/x-mjpeg", "video/mjpeg", "video/x-jpeg")
_NO_STREAMS = {"text/html": "a page", "image/jpeg": "one picture", "image/png": "one picture"}
_LOGIN = (401, 403, 407)


def http_shots(address: str, limits: Limits, *, as_packets: bool = False) -> Iterator[Timed[Shot]]:
    """Connect, and yield pictures with the times of their arrival (`time.monotonic`). Blocks.

    Args:
        address: The camera's, with user and password if it asks for them.
        limits: The connection's.
        as_packets: Whether pictures stay compressed.

    Raises:
        SourceSilentError: Nothing came for too long.
        SourceLoginError: The camera refuses user and password.
        SourceLostError: Anything else ended the connection, also its proper end.
    """
    with _opened(address, limits) as answer:
        kind = answer.headers.get_content_type()
        if kind.startswith(_JPEGS):
            yield from _jpegs(answer, limits, as_packets=as_packets)
            raise SourceLostError("it ended the stream")
    if kind in _NO_STREAMS:
        raise SourceLostError(f"it answers with {_NO_STREAMS[kind]}, not with a stream; expected its stream's address")
    yield from ffmpeg_shots(FfmpegWay.of(address, Way.HTTP, as_packets=as_packets), limits)


def _opened(address: str, limits: Limits) -> http.client.HTTPResponse:
    try:
        login, bare = without_login(address)
        parts = urllib.parse.urlsplit(bare)
        sent = parts._replace(path=_escaped(parts.path), query=_escaped(parts.query), fragment="")
        answer = _opener(login, bare, parts.hostname).open(sent.geturl(), timeout=limits.silence_s)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _LOGIN:
            raise SourceLoginError(f"it refuses user and password ({error.code} {error.reason})") from error
        raise SourceLostError(f"it answers {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise SourceSilentError(f"it sent nothing for {limits.silence_s:g} s") from error
    except http.client.HTTPException as error:  # its text may be the answer itself
        ends = isinstance(error, http.client.RemoteDisconnected)
        raise SourceLostError("it closed the connection" if ends else "it does not answer in HTTP") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SourceLostError(masked(f"{reason}" or type(error).__name__)) from error
    return cast("http.client.HTTPResponse", answer)


def _escaped(text: str) -> str:
    """What people write into addresses, such as spaces and umlauts, as HTTP wants it."""
    return urllib.parse.quote(text, safe="%!$&'()*+,;=:@/?[]~|")


def _opener(login: str, bare: str, host: str | None) -> urllib.request.OpenerDirector:
    """What opens an address: no other schemes than HTTP's, and a proxy only to other machines."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if login:
        user, _, password = login.partition(":")
        passwords.add_password(None, bare, urllib.parse.unquote(user), urllib.parse.unquote(password))
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if is_direct(host or "") else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _jpegs(answer: http.client.HTTPResponse, limits: Limits, *, as_packets: bool) -> Iterator[Timed[Shot]]:
    jpegs, made = JpegStream(), shots_of(StreamFormat(STILL), as_packets=as_packets)
    last_s = time.monotonic()
    while data := _read(answer, limits):
        try:
            found = jpegs.feed(data)
        except TooLargeError as error:
            raise SourceLostError(str(error)) from error
        now_s = time.monotonic()
        for jpeg in found:
            yield from made.add(jpeg, True, at_s=now_s)
        last_s = now_s if found else last_s
        if now_s - last_s > 2 * limits.silence_s:  # bytes come, but no picture
            raise SourceSilentError(f"no picture was complete for {now_s - last_s:.0f} s")


def _read(answer: http.client.HTTPResponse, limits: Limits) -> bytes:
    try:
        return answer.read1(_READ_BYTES)
    except TimeoutError as error:
        raise SourceSilentError(f"it sent nothing for {limits.silence_s:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceLostError(str(error) or type(error).__name__) from error
