r"""Sessions made in the background: what a part's session can be, and who is served first.

A part is in one of five states::

    unknown --asked for, or preferred--> queued --the thread takes it--> making --> ready --no room--> unknown
                                                                            \--> failed --60 s--> unknown

- The thread takes parts that a run waits for first, then preferred ones in their order, then the newest asked for.
- Of parts that were only asked for, the newest 16 are queued.
- A failed part is not made again for 60 s; who waits for it gets its error.
- The thread starts when there is work, and ends when this is closed. It does not keep the process alive.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from time import monotonic

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.kept import Kept, Limits
from split_model.engines.onnx.session import Session
from split_model.errors import ModelError

__all__ = ["Sessions"]

_MOST_QUEUED = 16
_MOST_FAILED = 64
_FAILED_S = 60.0


class Sessions:
    """The sessions of one model; safe to use from several threads.

    Args:
        build: Makes the session of a part, in the thread of this object.
        limits: How many sessions are kept.
        now: A clock, in seconds.
    """

    def __init__(
        self, build: Callable[[PartSpec], Session], limits: Limits, now: Callable[[], float] = monotonic
    ) -> None:
        self._build = build
        self._now = now
        self._kept = Kept(limits)
        self._awaited: Counter[PartSpec] = Counter()
        self._asked: OrderedDict[PartSpec, None] = OrderedDict()
        self._making: PartSpec | None = None
        self._failed: OrderedDict[PartSpec, tuple[float, Exception]] = OrderedDict()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def prefer(self, specs: Iterable[PartSpec]) -> None:
        """Tells the parts to be made and kept before all others, in this order, in place of those told earlier."""
        with self._changed:
            self._kept.prefer(specs)
            self._start()

    def get(self, spec: PartSpec) -> Session | None:
        """The session of a part; where it is missing, asks for it and returns `None`."""
        with self._changed:
            session = self._kept.get(spec)
            if session is None and spec != self._making and self._failure(spec) is None:
                self._asked[spec] = None
                self._asked.move_to_end(spec)
                if len(self._asked) > _MOST_QUEUED:
                    self._asked.popitem(last=False)
                self._start()
            return session

    def wait(self, spec: PartSpec) -> Session:
        """The session of a part, when it is there; after `close` it is made at once, and not kept.

        Raises:
            ModelError: It cannot be made.
        """
        with self._changed:
            self._awaited[spec] += 1
            try:
                while not self._closed:
                    session = self._kept.get(spec)
                    if session is not None:
                        return session
                    failure = self._failure(spec)
                    if failure is not None:
                        raise ModelError(str(failure)) from failure
                    self._start()
                    self._changed.wait()
            finally:
                self._awaited[spec] -= 1
                self._awaited += Counter()  # without those that nobody waits for
        return self._build(spec)

    def settle(self, timeout_s: float | None = None) -> bool:
        """Waits until nothing is queued or being made; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._next() is None and self._making is None, timeout_s)

    def has(self, spec: PartSpec) -> bool:
        """Whether the session of a part is ready."""
        with self._changed:
            return spec in self._kept

    @property
    def specs(self) -> frozenset[PartSpec]:
        """The parts whose sessions are ready."""
        with self._changed:
            return self._kept.specs

    def close(self, timeout_s: float = 10.0) -> None:
        """Ends the thread, after the session that it is making."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _start(self) -> None:
        if self._next() is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="onnx-sessions", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _next(self) -> PartSpec | None:
        if self._closed:
            return None
        preferred = () if self._kept.full else self._kept.preferred
        for spec in (*self._awaited, *preferred, *reversed(self._asked)):
            if spec not in self._kept and spec != self._making and self._failure(spec) is None:
                return spec
        return None

    def _failure(self, spec: PartSpec) -> Exception | None:
        failed = self._failed.get(spec)
        if failed is None or self._now() - failed[0] >= _FAILED_S:
            return None
        return failed[1]

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._next() is not None)
                spec = self._making = self._next()
            if spec is None:
                return
            session, failure = self._made(spec)
            with self._changed:
                self._asked.pop(spec, None)
                self._making = None
                if session is not None:
                    self._kept.put(spec, session)
                    self._failed.pop(spec, None)
                elif failure is not None:
                    self._failed[spec] = (self._now(), failure)
                    if len(self._failed) > _MOST_FAILED:
                        self._failed.popitem(last=False)
                self._changed.notify_all()
            del session  # or this thread would hold an evicted one until the next

    def _made(self, spec: PartSpec) -> tuple[Session | None, Exception | None]:
        try:
            return self._build(spec), None
        except Exception as error:  # noqa: BLE001  # whoever waits for it is told; the thread goes on
            return None, error
