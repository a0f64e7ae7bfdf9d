"""A replica of the cloud in simulated time: the rules of its admission, without threads, and its real load factor.

Tails begin in order of arrival, so a tail's end is known when it arrives. One that is still waiting at its deadline is
not computed, as in `cloud_service.load.admission`.
"""

import heapq
from dataclasses import dataclass

from cloud_service.load.factor import ServerLoad


@dataclass(slots=True)
class Served:
    """A tail that was admitted: waits, and is then computed, unless its deadline comes first."""

    queue_s: float
    compute_s: float
    ends_s: float
    expires: bool = False


class Replica:
    """One server.

    Args:
        places: Tails computed at once.
        queue: Tails that may wait.
        loop_s: Seconds of the event loop for each frame, whatever becomes of it; one frame at a time.

    Attributes:
        load: What its heartbeats and answers tell.
        busy_s: Seconds of all places in which tails were computed, or are going to be.
        refused: Frames that found no place.
        expired: Frames whose deadline came while they waited.
    """

    def __init__(self, *, places: int, queue: int, loop_s: float = 0.0) -> None:
        self._most = places + queue
        self._loop_s = loop_s
        self._loop_free_s = 0.0
        self._free_s = [0.0] * places
        self._leave_s: list[float] = []
        self.load = ServerLoad()
        self.busy_s = 0.0
        self.refused = 0
        self.expired = 0

    def waiting(self, now_s: float) -> int:
        """Tails that wait or are computed."""
        while self._leave_s and self._leave_s[0] <= now_s:
            heapq.heappop(self._leave_s)
        return len(self._leave_s)

    def admit(self, tail_s: float, timeout_s: float, now_s: float) -> Served | None:
        """Takes a frame that has arrived, whose tail takes so long; None if it is refused."""
        read_s = self._loop_free_s = max(self._loop_free_s, now_s) + self._loop_s
        if self.waiting(read_s) >= self._most:
            self.refused += 1
            return None
        begins_s = max(read_s, self._free_s[0])
        if begins_s > now_s + timeout_s:
            self.expired += 1
            heapq.heappush(self._leave_s, now_s + timeout_s)
            return Served(timeout_s, 0.0, now_s + timeout_s, expires=True)
        ends_s = begins_s + tail_s
        heapq.heapreplace(self._free_s, ends_s)
        heapq.heappush(self._leave_s, ends_s)
        self.busy_s += tail_s
        return Served(begins_s - now_s, tail_s, ends_s)

    def computed(self, served: Served, predicted_s: float, now_s: float) -> float:
        """A tail was computed; returns the load factor that its answer tells."""
        self.load.observe(now_s, predicted_s=predicted_s, queue_s=served.queue_s, compute_s=served.compute_s)
        return self.load.factor(now_s)
