"""Frames of streams whose tails cost less than a thread: answered on the event loop, without a task of their own.

Laws:
    * The answer is the one that a thread would make, and so is every refusal: the same functions make them.
    * A frame is taken here only if its tail is cheap, by the profile and as measured, its engine is ready, and
      no limit is in the way. Every other frame goes the way of all, which tells what is wrong with it.
    * What a frame may have waited for the loop counts as queueing.
    * A frame whose deadline has passed, or whose stream is over, is not computed.
"""

import math
import time
from collections.abc import Callable

from cloud_service.access import clients
from cloud_service.answering.frames import FrameAnswers
from cloud_service.calls import Calls
from cloud_service.errors import ExpiredError, RequestError
from cloud_service.load.admission import EXPIRED, Admission
from cloud_service.load.streams import FrameStream
from cloud_service.registry import ServedModel
from cloud_service.tail_plans import headers_of
from cloud_service.tails import answer, is_ready
from split_wire.frames import Malformed, StreamEvent, StreamRequest

__all__ = ["CheapAnswers"]

Stream = FrameStream[StreamRequest | Malformed, StreamEvent]


class CheapAnswers:
    """Answers cheap frames where they arrive.

    Args:
        frames: Answers frames.
        admission: Says whether one may run here.
        calls: Counts them.
        refusal: Makes the response to a frame that is refused.
        prepare: Prepares the thread of the event loop for computing; called once, before the first frame.
    """

    def __init__(
        self,
        frames: FrameAnswers,
        admission: Admission,
        calls: Calls,
        refusal: Callable[[int, RequestError], StreamEvent],
        prepare: Callable[[], None],
    ) -> None:
        self._frames = frames
        self._admission = admission
        self._calls = calls
        self._refusal = refusal
        self._prepare: Callable[[], None] | None = prepare

    def take(self, received: StreamRequest | Malformed, stream: Stream) -> bool:
        """Whether a frame is answered here; its answer goes to the stream, now or soon."""
        now_s = time.monotonic()
        arrived_s = now_s - self._admission.lag_s(now_s)
        if isinstance(received, Malformed) or not 0 <= received.timeout_s < math.inf:
            return False
        request = received.request
        try:
            served = self._frames.served(request)
        except RequestError:
            return False
        plan = served.plans.find(headers_of(request.tensors, request.outputs))
        if plan is None or not plan.is_cheap or not is_ready(served, plan):
            return False

        def work() -> None:
            if not stream.is_over:
                stream.reply(self._answered(served, received, arrived_s))

        return self._admission.run_here(work, size_bytes=request.size, client=clients.CURRENT.get())

    def _answered(self, served: ServedModel, received: StreamRequest, arrived_s: float) -> StreamEvent:
        if self._prepare is not None:
            self._prepare()
            self._prepare = None
        request, until_s = received.request, arrived_s + (received.timeout_s or math.inf)
        try:
            with self._calls.counted("StreamTails", arrived_s):
                try:
                    _check_in_time(until_s)
                    answered = answer(served, request, self._frames.most_bytes, until_s=until_s)
                    return self._frames.complete(request, answered, arrived_s, arrived_s, 0.0)
                except Exception as error:
                    self._frames.refused(request, error, arrived_s)
                    raise
        except RequestError as error:
            return self._refusal(request.frame_id, error)


def _check_in_time(until_s: float) -> None:
    if time.monotonic() >= until_s:
        raise ExpiredError(EXPIRED)
