"""An edge's uplink: bytes pass one after the other, as fast as its trace says, whichever cloud they are for."""

from link_emulator.trace import Trace


class Uplink:
    """See the module docstring.

    Args:
        trace: The rate over time.
        start_s: Where in it the simulation begins.
    """

    def __init__(self, trace: Trace, start_s: float) -> None:
        self._trace, self._start_s = trace, start_s
        self._free_s = 0.0

    def send(self, size: float, from_s: float) -> float:
        """Puts bytes on the link as soon as it is free; returns when the last has left it, infinite if never."""
        begins_s = self._start_s + max(from_s, self._free_s)
        self._free_s = self._trace.time_after(begins_s, size) - self._start_s
        return self._free_s

    def cancel(self, most_bytes: float, now_s: float) -> None:
        """What waits is given up, but for so many bytes, which the sender's kernel has already."""
        at_s = self._start_s + now_s
        kept = min(self._trace.bytes_between(at_s, self._start_s + self._free_s), most_bytes)
        self._free_s = self._trace.time_after(at_s, kept) - self._start_s
