"""What a benchmark asks of the edge at the link's other end, and what it hears: plain values, told as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from partitioner import CostProfile, LayerGraph


@dataclass(frozen=True, slots=True)
class EdgeRun:
    """Frames through one agent.

    Attributes:
        model: As `split_model.load` takes it; one that the services serve.
        cloud: "HOST:PORT", or None.
        strategy: Who chooses, where neither splits nor a trace are given.
        splits: What to run one after another, each by the names of its layers on the edge.
        trace: The uplink of an oracle that takes, for each frame, the split that ends first: its times in seconds from
            the moment that the run is let go, and its rates in bits per second.
        goodput_share: For the oracle, payload per byte that the trace counts.
        frames: Frames with a result that are wanted, of each split where splits are given.
        warmup: Frames before, not told.
        pace: "single" submits a frame when the one before it is done and `pause_s` have passed; "rate" submits
            `rate_hz` frames a second, and stops when `frames` have a result or after `limit_s`.
        rate_hz: What the agent is told, and the pace.
        slowdown: The edge's.
        encodings: "raw" is sent as it is, "auto" chooses among the lossless encodings too.
        input_encoding: How input frames are sent.
    """

    model: str
    cloud: str | None
    strategy: str = "adaptive"
    splits: Sequence[Sequence[str]] = ()
    trace: tuple[Sequence[float], Sequence[float]] | None = None
    goodput_share: float = 1.0
    frames: int = 10
    warmup: int = 2
    pace: Literal["single", "rate"] = "single"
    rate_hz: float = 1.0
    pause_s: float = 0.0
    limit_s: float = 600.0
    slowdown: float = 1.0
    encodings: Literal["raw", "auto"] = "raw"
    input_encoding: Literal["raw", "jpeg"] = "raw"


@dataclass(frozen=True, slots=True)
class RunFrame:
    """One frame of a run. Times in seconds.

    Attributes:
        split: Position in `EdgeRun.splits`, or -1.
        outcome: As `edge_service.Outcome`.
        cut: The tensors sent, as a label.
        encoding: What they were sent in; "" where nothing was.
        switched: Whether its split is another than that of the frame before it.
        submitted_s: Since the run was let go.
        wall_s: From submission to the result in the caller's hands.
        latency_s: What the agent says of the same.
        predicted: By stage.
        measured: By stage.
        times: Every stage of `StageTimes`.
        uplink_bps: The estimate it was planned with.
        loop_blocked_s: The longest block of the agent's event loop since the frame before it.
        table_splits: How many splits the table has that answers decisions; 0 while no table does.
        error: Why it failed or fell back.
    """

    split: int
    outcome: str
    cut: str
    encoding: str
    switched: bool
    submitted_s: float
    wall_s: float
    latency_s: float
    predicted: dict[str, float]
    measured: dict[str, float]
    times: dict[str, float]
    uplink_bps: float | None
    loop_blocked_s: float
    table_splits: int
    error: str | None

    @property
    def ended_s(self) -> float:
        """When its result was there, since the run was let go."""
        return self.submitted_s + self.wall_s

    @property
    def has_result(self) -> bool:
        return self.outcome in ("offloaded", "edge_only", "local_fallback")

    def told(self, *names: str) -> dict[str, Any]:
        """What a benchmark keeps of it."""
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class EdgeModel:
    """A model as the edge loaded and profiled it: seconds of each layer and of the whole, at full speed."""

    graph: LayerGraph
    layer_s: tuple[float, ...]
    whole_s: float

    @property
    def inputs(self) -> tuple[str, ...]:
        """The layers on the edge where everything else is in the cloud."""
        return tuple(layer.name for layer in self.graph.layers if not layer.inputs)

    @property
    def everything(self) -> tuple[str, ...]:
        """The layers on the edge where nothing is in the cloud."""
        return tuple(layer.name for layer in self.graph.layers)

    def costs(self, slowdown: float) -> CostProfile:
        """The costs of an edge so many times slower than the cloud, which is as fast as this machine."""
        return CostProfile(tuple(slowdown * seconds for seconds in self.layer_s), self.layer_s)
