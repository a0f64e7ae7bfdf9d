"""Which sessions are kept: those of preferred parts, and of others a few, bounded by number and bytes.

Other parts are kept by Segmented LRU (see `split_model.cache`), so a flood of parts that are asked for once evicts
neither preferred parts nor those used repeatedly. A session that is no longer kept lives until its last run ends.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.session import Session

__all__ = ["Kept", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sessions are kept.

    Attributes:
        preferred: Sessions of preferred parts.
        others: Sessions of other parts, in each of the two segments.
        preferred_bytes: Bytes that the sessions of preferred parts hold for themselves.
        others_bytes: Likewise of other parts, in each segment; one session is kept whatever its size.
    """

    preferred: int = 128
    others: int = 16
    preferred_bytes: int = 256 * 2**20
    others_bytes: int = 64 * 2**20


class Kept:
    """Sessions by part; not safe to use from several threads.

    Args:
        limits: How many are kept.

    Attributes:
        full: Whether a preferred session found no room since the preferred parts were told last.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._wanted: dict[PartSpec, None] = {}
        self._preferred: dict[PartSpec, Session] = {}
        self._used: OrderedDict[PartSpec, Session] = OrderedDict()
        self._new: OrderedDict[PartSpec, Session] = OrderedDict()
        self.full = False

    @property
    def preferred(self) -> Collection[PartSpec]:
        """The preferred parts, in the order in which they were told."""
        return self._wanted.keys()

    @property
    def specs(self) -> frozenset[PartSpec]:
        """The parts whose sessions are kept."""
        return frozenset((*self._preferred, *self._used, *self._new))

    def __contains__(self, spec: PartSpec) -> bool:
        return spec in self._preferred or spec in self._used or spec in self._new

    def get(self, spec: PartSpec) -> Session | None:
        """The session of a part, which counts as used now."""
        if spec in self._preferred:
            return self._preferred[spec]
        if spec in self._used:
            self._used.move_to_end(spec)
            return self._used[spec]
        session = self._new.pop(spec, None)
        if session is not None:
            self._used[spec] = session
            for demoted, old in self._evicted(self._used):
                self._new[demoted] = old
            self._evicted(self._new)
        return session

    def put(self, spec: PartSpec, session: Session) -> None:
        """Keeps a session, which is not kept yet."""
        if spec in self._wanted and self._has_room(session):
            self._preferred[spec] = session
            return
        self.full = self.full or spec in self._wanted
        self._new[spec] = session
        self._evicted(self._new)

    def prefer(self, specs: Iterable[PartSpec]) -> None:
        """Tells the preferred parts, the most important ones first; earlier ones are no longer preferred."""
        self._wanted = dict.fromkeys(specs)
        self.full = False
        old = {**self._new, **self._used, **self._preferred}
        self._preferred = {}
        for spec in self._wanted:
            if spec in old and self._has_room(old[spec]):
                self._preferred[spec] = old[spec]
                self._used.pop(spec, None)
                self._new.pop(spec, None)
        for spec, session in old.items():
            if spec not in self:
                self._new[spec] = session
        self._evicted(self._new)

    def _has_room(self, session: Session) -> bool:
        held = sum(kept.own_bytes for kept in self._preferred.values())
        few = len(self._preferred) < self._limits.preferred
        return few and held + session.own_bytes <= self._limits.preferred_bytes

    def _evicted(self, segment: "OrderedDict[PartSpec, Session]") -> list[tuple[PartSpec, Session]]:
        """Takes the oldest sessions from a segment until the rest is within the limits."""
        held = sum(session.own_bytes for session in segment.values())
        evicted = []
        while len(segment) > self._limits.others or (held > self._limits.others_bytes and len(segment) > 1):
            spec, session = segment.popitem(last=False)
            held -= session.own_bytes
            evicted.append((spec, session))
        return evicted
