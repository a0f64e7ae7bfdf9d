"""`OnnxEngine`: runs parts of a model in ONNX Runtime on the CPU, from a model file and without torch.

A part's session is made in the background. Until it is there, another engine runs the part; without one, a run waits.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from split_model.engines.engine import Part, PartSpec, Preparation, Recorder, Results
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.kept import Limits
from split_model.engines.onnx.network import NetworkFile
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.pricing.anchors import measure
from split_model.engines.onnx.processor import fingerprint
from split_model.engines.onnx.session import Session
from split_model.engines.onnx.sessions import Sessions
from split_model.engines.onnx.walking import walk_in_blocks
from split_model.engines.profile import Profile
from split_model.errors import ExecutionError, ModelError
from split_model.values import Value

__all__ = ["OnnxEngine", "OnnxPart"]

_MOST_FORMS = 4
"""Forms of a weight that are kept: as it was, reordered for the processor's layout in one way or another."""

_SPARE_BYTES = 64 * 2**20


class OnnxPart:
    """A part of a model, whose session may not be there yet.

    Args:
        spec: The part.
        sessions: Where its session comes from.
        fallback: Makes the part of another engine, which runs until then; `None`: a run waits.

    Attributes:
        spec: As given.
    """

    def __init__(self, spec: PartSpec, sessions: Sessions, fallback: Callable[[PartSpec], Part] | None) -> None:
        self.spec = spec
        self._sessions = sessions
        self._fallback = fallback
        self._other: Part | None = None

    def prepare(self) -> float:
        """See `split_model.engines.engine.Part`; with another engine there is nothing to wait for."""
        if not self.spec.computes or self._sessions.get(self.spec) is not None or self._fallback is not None:
            return 0.0
        return self._awaited()[1]

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:
        """See `split_model.engines.engine.Part`; only the other engine tells the recorder anything."""
        if not self.spec.computes:
            return Session.of_feeds(self.spec).run(feeds)
        session = self._sessions.get(self.spec)
        if session is not None:
            return session.run(feeds)
        if self._fallback is None:
            session, waited_s = self._awaited()
            return session.run(feeds)._replace(prepared_s=waited_s)
        if self._other is None:
            self._other = self._fallback(self.spec)
        return self._other.run(feeds, recorder)

    def _awaited(self) -> tuple[Session, float]:
        """The session when it is there, and the seconds until then."""
        begun_s = perf_counter()
        try:
            session = self._sessions.wait(self.spec)
        except ModelError as error:
            raise ExecutionError((*self.spec.layers, *self.spec.outputs)[-1], error) from error
        return session, perf_counter() - begun_s


class OnnxEngine:
    """Runs parts of the model in a file.

    Args:
        file: The model's file, which must stay where it is.
        threads: Threads of each operator.
        fallback: Makes a part of another engine, which runs while a session is missing or cannot be made; `None`: a run
            waits for its session.
        folder: Where fused parts and packed weights are kept for the next time, for all models; `None`: until `close`.
        limits: How many sessions are kept.

    Attributes:
        name: `onnx`.
        definition: The model.
        threads: As given.
    """

    name = "onnx"

    def __init__(
        self,
        file: NetworkFile,
        *,
        threads: int = 1,
        fallback: Callable[[PartSpec], Part] | None = None,
        folder: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.definition = file.definition
        self.threads = threads
        self._fallback = fallback
        own = None if folder is None else folder / fingerprint(file)
        packed = PackedWeights(own, most_bytes=_SPARE_BYTES + _MOST_FORMS * file.weights_bytes)
        self._builder = Builder(file, packed, threads)
        self._sessions = Sessions(self._builder.lasting, limits or Limits())
        self._end = weakref.finalize(self, _end, self._sessions, packed)  # also at the end of the process

    @property
    def preparation(self) -> Preparation:
        """See `split_model.engines.engine.Engine`."""
        return Preparation.AWAITED if self._fallback is None else Preparation.BRIDGED

    def part(self, spec: PartSpec) -> OnnxPart:
        """See `split_model.engines.engine.Engine`."""
        return OnnxPart(spec, self._sessions, self._fallback)

    def once(self, spec: PartSpec) -> Session:
        """A part for a few runs, which is made at once, and not kept.

        Raises:
            ModelError: ONNX Runtime cannot run it.
        """
        return self._builder.once(spec)

    def prefer(self, specs: Sequence[PartSpec]) -> None:
        """See `split_model.engines.engine.Engine`."""
        self._sessions.prefer(spec for spec in specs if spec.computes)

    def prepare(self, specs: Sequence[PartSpec]) -> None:
        """See `split_model.engines.engine.Engine`."""
        for spec in specs:
            try:
                if spec.computes:
                    self._sessions.wait(spec)
            except ModelError:
                if self._fallback is None:
                    raise

    def prepare_thread(self, threads: int | None) -> None:
        """Does nothing: the number of threads is a session's."""

    def is_ready(self, spec: PartSpec) -> bool:
        """Whether the part has a session, or needs none."""
        return not spec.computes or self._sessions.has(spec)

    def ready_specs(self) -> frozenset[PartSpec]:
        """The parts that have a session."""
        return self._sessions.specs

    def settle(self, timeout_s: float | None = None) -> bool:
        """Waits until no session is being made; whether that came in time."""
        return self._sessions.settle(timeout_s)

    def walk(self, feeds: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """See `split_model.engines.engine.Engine`."""
        return walk_in_blocks(self.definition, feeds, self.once)

    def measure(
        self, feeds: Mapping[str, Value], *, repeats: int, warmup: int, on_progress: Callable[[int, int], None] | None
    ) -> Profile:
        """See `split_model.engines.engine.Engine`."""
        return measure(self._builder, self.definition, feeds, repeats=repeats, warmup=warmup, on_progress=on_progress)

    def close(self) -> None:
        """See `split_model.engines.engine.Engine`."""
        self._end()


def _end(sessions: Sessions, packed: PackedWeights) -> None:
    sessions.close()
    packed.close()
