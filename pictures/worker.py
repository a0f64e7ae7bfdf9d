"""A decoder process: reads the packets of one stream on stdin, and writes the frames that they show on stdout.

`python -P -m pictures.worker` is started by a service for each session, so that packets that crash, block or fill a
decoder cost that session alone. It limits itself: memory, time of a request, no files. It ends when its stdin does, or
by its alarm, so that none is left behind by a service that was killed.
"""

import contextlib
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pictures.decoder import PacketDecoder
from pictures.errors import PictureError, PicturePendingError, PreprocessError
from pictures.packets import Packet
from pictures.prepare import prepared
from pictures.preprocess import Preprocess
from pictures.shown_pictures import ShownPictures
from pictures.worker_messages import MOST_TEXT_BYTES, Begin, Outcome, Request, read_request, reply

__all__ = ["serve"]

_MOST_MEMORY = 2 * 1024**3  # beyond what the empty process maps; a 4K stream needs 0.4 GiB
_MOST_FILES = 16
_GRACE_S = 1.0


def main() -> None:
    """Serve stdin and stdout until stdin ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be read as a reply
    _limit()
    gc.freeze()
    serve(sys.stdin.buffer, replies, watched=_watched)


def serve(
    requests: BinaryIO, replies: BinaryIO, *, watched: Callable[[float], contextlib.AbstractContextManager[None]]
) -> None:
    """Answer every request, until there are no more.

    Args:
        requests: See `pictures.worker_messages`.
        replies: One for each.
        watched: Called with the seconds that a request may take; entered and left with it.
    """
    session = _Session()
    while request := read_request(requests.read):
        with watched(request.limit_s):
            replies.write(session.answer(request))
            replies.flush()


class _Session:
    """The session in progress, if there is one."""

    def __init__(self) -> None:
        self._pictures: ShownPictures | None = None
        self._preprocess = Preprocess()

    def answer(self, request: Request) -> bytes:
        began_s = time.perf_counter()
        content: bytes | memoryview
        try:
            if request.begin is not None:
                self._begin(request.begin)
            outcome, content = Outcome.PIXELS, self._pixels(request)
        except PicturePendingError as error:
            outcome, content = Outcome.PENDING, _text(error)
        except _RefusedError as error:
            outcome, content = Outcome.REFUSED, _text(error)
        except PictureError as error:
            outcome, content = Outcome.LOST, _text(error)
        except Exception as error:  # noqa: BLE001 # hostile pictures have sizes at which libraries raise anything
            outcome, content = Outcome.LOST, _text(error, f"picture {request.shown}: {type(error).__name__}: ")
        if outcome in (Outcome.LOST, Outcome.REFUSED):
            self._pictures = None
        return reply(time.perf_counter() - began_s, outcome, content)

    def _begin(self, begin: Begin) -> None:
        self._pictures = None  # frees the decoder before the next one is made
        try:
            self._preprocess = Preprocess.parse(begin.preprocess)
            self._pictures = ShownPictures(PacketDecoder(begin.format))
        except (PictureError, PreprocessError) as error:
            raise _RefusedError(str(error)) from error

    def _pixels(self, request: Request) -> memoryview:
        if self._pictures is None:
            raise PictureError(f"picture {request.shown} is of no session")
        packets = (
            Packet(number, bytes(data), is_keyframe=request.begin is not None and number == request.first)
            for number, data in enumerate(request.packets, request.first)
        )
        self._pictures.feed(packets, request.shown)
        picture = self._pictures.picture(request.shown)
        return prepared(picture, self._preprocess, request.height, request.width).data.cast("B")


class _RefusedError(Exception):
    """There is no decoder for this, or no such way to prepare a picture."""


def _text(error: Exception, before: str = "") -> bytes:
    """What an error says, on one printable line."""
    line = "".join(sign if sign.isprintable() else " " for sign in f"{before}{error}")
    return line.encode(errors="replace")[:MOST_TEXT_BYTES]


def _limit() -> None:
    """Bound what hostile packets can take. Where memory runs out all the same, this process is the first to go."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: _MOST_FILES}
    with contextlib.suppress(OSError):  # only Linux has these files
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + _MOST_MEMORY
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, most))


@contextlib.contextmanager
def _watched(limit_s: float) -> Iterator[None]:
    # Nobody handles the signal, so it ends the process, wherever it is. A service that is alive is to notice first.
    signal.setitimer(signal.ITIMER_REAL, limit_s + _GRACE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    # A frame whose side data were read is part of a cycle, and megabytes hang on few objects: too few for a collection
    # to begin by itself. What was imported is frozen, so this takes microseconds, after the reply.
    gc.collect()


if __name__ == "__main__":
    main()
