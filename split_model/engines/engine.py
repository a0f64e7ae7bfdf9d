"""`Engine`: what runs a part of a model, from some layers' values to other layers' values and outputs.

Laws: an engine never modifies the arrays that it is given, and several threads may run one part at once. Arrays carry
tensors as `split_model.values` says.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from split_model.engines.profile import Profile
from split_model.values import Array, Value

__all__ = ["Engine", "Part", "PartSpec", "Preparation", "Recorder", "Results"]

Recorder = Callable[[str, float], None]
"""Called with the name and the seconds of each layer when it is done, on `split_model.engines.clock.compute_clock`. The
time of relabelling operators counts for the next layer, that of the last ones for the last layer."""


@dataclass(frozen=True, slots=True)
class PartSpec:
    """A part of a model.

    Attributes:
        feeds: The layers whose values it reads, in graph order; none that it does not need.
        layers: The layers whose values it returns, in graph order; some may be feeds.
        outputs: The paths of the outputs that it returns, none of them a constant.
    """

    feeds: tuple[str, ...]
    layers: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def computes(self) -> bool:
        """Whether it returns anything but its feeds; if not, nothing needs to run."""
        return bool(self.outputs) or not set(self.layers) <= set(self.feeds)


class Results(NamedTuple):
    """What a part computed: layers' values by name, and outputs by path.

    `prepared_s` has the seconds that the run waited before it could compute; 0 if everything was there.
    """

    layers: dict[str, Value]
    outputs: dict[str, Array]
    prepared_s: float = 0.0


class Part(Protocol):
    """A part that can be run."""

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:
        """Computes the part.

        Args:
            feeds: At least the values of the part's feeds, of the dtypes and shapes of `Definition.layer_specs`.
            recorder: Receives the time of each layer, where the engine can tell it; else it is ignored.

        Raises:
            ExecutionError: An operator failed; the message names it where the engine knows.
        """
        ...


class Preparation(Enum):
    """What becomes of the run of a part that is not ready."""

    NONE = "none"
    """Every part is ready."""

    BRIDGED = "bridged"
    """Another engine runs it meanwhile."""

    AWAITED = "awaited"
    """The run waits until the part is ready."""


class Engine(Protocol):
    """What runs the parts of one model."""

    @property
    def name(self) -> str:
        """`torch` or `onnx`."""
        ...

    @property
    def preparation(self) -> Preparation:
        """What becomes of the run of a part that is not ready."""
        ...

    def part(self, spec: PartSpec) -> Part:
        """A part, which is ready in no time; its first run may take longer, if it prepares something then."""
        ...

    def is_ready(self, spec: PartSpec) -> bool:
        """Whether a run of this part prepares nothing."""
        ...

    def prefer(self, specs: Sequence[PartSpec]) -> None:
        """Makes these parts ready in the background and keeps them, as many as there is room for, the first ones first.

        Those of an earlier call are no longer preferred. Returns at once.
        """
        ...

    def prepare(self, specs: Sequence[PartSpec]) -> None:
        """Makes these parts ready before any others, and waits for that.

        Raises:
            ModelError: One cannot be made, and no other engine runs it.
        """
        ...

    def prepare_thread(self, threads: int | None) -> None:
        """Prepares the calling thread, which will run parts.

        Args:
            threads: Threads that one run may use, if that is a setting of the thread; None keeps the engine's default.
        """
        ...

    def walk(self, feeds: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """Every layer that is no input, in graph order, with its value, from the values of the inputs."""
        ...

    def measure(
        self, feeds: Mapping[str, Value], *, repeats: int, warmup: int, on_progress: Callable[[int, int], None] | None
    ) -> Profile:
        """Measures each layer as this engine runs it; see `split_model.engines.profiling.profile`.

        Args:
            feeds: The values of the inputs.
            repeats: Runs of each kind, whose medians count.
            warmup: Runs before these, which do not count.
            on_progress: Called with the steps done, and of all steps.
        """
        ...

    def close(self) -> None:
        """Ends background work; parts that were made still run."""
        ...
