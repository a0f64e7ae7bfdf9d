"""What a benchmark asks of the edge at the link's other end, and what it hears: plain values, told as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from partitioner import CostProfile, Layer, LayerGraph

__all__ = ["EdgeModel", "EdgeRun", "RunFrame", "RunResult"]

Pace = Literal["single", "rate"]


@dataclass(frozen=True, slots=True)
class EdgeRun:
    """Frames through one agent.

    Attributes:
        model: As `split_model.load` takes it.
        cloud: "HOST:PORT", or None.
        strategy: The agent's.
        chooser: "strategy" leaves the choice to it; "given" runs the splits in `splits`; "oracle" knows the uplink's
            trace and takes, for each frame, the split that ends first.
        splits: Edge sets by layer names, each for `frames` frames; one after another.
        trace: For the oracle, rows of (time_s, uplink_bps), from the moment that the run is let go.
        goodput_share: For the oracle, payload per byte that the trace counts.
        frames: Frames with a result that are wanted; of each split where splits are given.
        warmup: Frames before, not told. With given splits, before each.
        pace: "single" submits a frame when the one before it is done; "rate" submits `rate_hz` frames a second, and
            stops when `frames` have a result or after `limit_s`.
        rate_hz: What the agent is told, and the pace.
        pause_s: With "single", how long to wait before each frame.
        limit_s: See above.
        slowdown: The edge's.
        max_waiting: Frames that wait for the head; None leaves the agent's own.
        encodings: What else may be sent: "raw" is sent as it is, "auto" chooses among the lossless encodings too.
        input_encoding: How input frames are sent: "raw" or "jpeg".
    """

    model: str
    cloud: str | None
    strategy: str = "adaptive"
    chooser: Literal["strategy", "given", "oracle"] = "strategy"
    splits: tuple[tuple[str, ...], ...] = ()
    trace: tuple[tuple[float, float], ...] = ()
    goodput_share: float = 1.0
    frames: int = 10
    warmup: int = 2
    pace: Pace = "single"
    rate_hz: float = 1.0
    pause_s: float = 0.0
    limit_s: float = 600.0
    slowdown: float = 1.0
    max_waiting: int | None = None
    encodings: Literal["raw", "auto"] = "raw"
    input_encoding: Literal["raw", "jpeg"] = "raw"

    def as_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns the run that `as_json` wrote."""
        splits = tuple(tuple(names) for names in data["splits"])
        trace = tuple((float(time_s), float(bps)) for time_s, bps in data["trace"])
        return cls(**{**data, "splits": splits, "trace": trace})


@dataclass(frozen=True, slots=True)
class RunFrame:
    """One frame of a run. Seconds.

    Attributes:
        split: Position in `EdgeRun.splits`, or -1.
        outcome: As `edge_service.Outcome`.
        cut: The tensors sent, as a label.
        encoding: What they were sent in; "" where nothing was.
        mode: "light", "heavy" or None.
        switched: Whether its split is another than that of the frame before it.
        submitted_s: Since the run was let go.
        wall_s: From submission to the result in the caller's hands.
        latency_s: What the agent says of the same.
        predicted: By stage.
        measured: By stage.
        times: Every stage of `StageTimes`.
        uplink_bps: The estimate it was planned with.
        error: Why it failed or fell back.
    """

    split: int
    outcome: str
    cut: str
    encoding: str
    mode: str | None
    switched: bool
    submitted_s: float
    wall_s: float
    latency_s: float
    predicted: dict[str, float]
    measured: dict[str, float]
    times: dict[str, float]
    uplink_bps: float | None
    error: str | None

    @property
    def ended_s(self) -> float:
        """When its result was there, since the run was let go."""
        return self.submitted_s + self.wall_s

    @property
    def has_result(self) -> bool:
        """Whether it has outputs."""
        return self.outcome in ("offloaded", "edge_only", "local_fallback")


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run's frames in order, the warm-up left out, and how long the whole run took, setting up included."""

    frames: tuple[RunFrame, ...]
    took_s: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns what `dataclasses.asdict` made of it."""
        return cls(tuple(RunFrame(**frame) for frame in data["frames"]), data["took_s"])

    @property
    def done(self) -> tuple[RunFrame, ...]:
        """Those with a result."""
        return tuple(frame for frame in self.frames if frame.has_result)


@dataclass(frozen=True, slots=True)
class EdgeModel:
    """A model as the edge loaded and profiled it.

    Attributes:
        spec: As `split_model.load` takes it.
        graph: Its layers.
        layer_s: Seconds of each layer on this machine, at full speed.
        whole_s: Seconds of the whole.
        input_bytes: What a raw frame takes on the wire.
    """

    spec: str
    graph: LayerGraph
    layer_s: tuple[float, ...] = field(repr=False)
    whole_s: float
    input_bytes: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Returns what the edge told."""
        layers = tuple(Layer(name, tuple(inputs), size) for name, inputs, size in data["layers"])
        graph = LayerGraph(layers, tuple(data["outputs"]))
        sent = sum(layer.output_bytes for layer in layers if not layer.inputs)
        return cls(data["spec"], graph, tuple(data["layer_s"]), data["whole_s"], sent)

    def costs(self, slowdown: float) -> CostProfile:
        """The costs of an edge so many times slower than the cloud, which is as fast as this machine."""
        return CostProfile(tuple(slowdown * seconds for seconds in self.layer_s), self.layer_s)
