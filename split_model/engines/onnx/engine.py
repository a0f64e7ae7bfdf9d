"""`OnnxEngine`: runs parts of a model in ONNX Runtime on the CPU, from a model file and without torch.

A part's session is made in the background. Until it is there, another engine runs the part; without one, a run waits.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from split_model.engines.engine import Part, PartSpec, Recorder, Results
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
from split_model.values import Value

__all__ = ["OnnxEngine", "OnnxPart"]


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

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:
        """See `split_model.engines.engine.Part`; only the other engine tells the recorder anything.

        Raises:
            ExecutionError: An operator failed.
            ModelError: ONNX Runtime cannot run the part, and there is no other engine.
        """
        session = self._sessions.get(self.spec)
        if session is not None:
            return session.run(feeds, recorder)
        if self._fallback is None:
            return self._sessions.wait(self.spec).run(feeds, recorder)
        if self._other is None:
            self._other = self._fallback(self.spec)
        return self._other.run(feeds, recorder)


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
        packed = PackedWeights(None if folder is None else folder / fingerprint(file))
        self._builder = Builder(file, packed, threads)
        self._sessions = Sessions(self._builder.lasting, limits or Limits())
        self._end = weakref.finalize(self, _end, self._sessions, packed)  # also at the end of the process

    def part(self, spec: PartSpec) -> OnnxPart:
        """See `split_model.engines.engine.Engine`."""
        return OnnxPart(spec, self._sessions, self._fallback)

    def once(self, spec: PartSpec) -> Session:
        """A part for a few runs, which is made at once, and not kept.

        Raises:
            ModelError: ONNX Runtime cannot run it.
        """
        return self._builder.once(spec)

    def prefer(self, specs: Iterable[PartSpec]) -> None:
        """Tells the parts that may ever be chosen, the likeliest first: their sessions are made first, and kept.

        Parts that were told earlier are no longer preferred.
        """
        self._sessions.prefer(specs)

    def is_ready(self, spec: PartSpec) -> bool:
        """Whether the part has a session."""
        return self._sessions.has(spec)

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
