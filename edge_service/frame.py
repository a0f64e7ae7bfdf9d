"""The result of a frame: its outcome, its outputs, its split and the times of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edge_service.control.stage_times import StageTimes
from partitioner import Partition
from split_model.structure import Tree

__all__ = ["FrameResult", "Outcome", "StageTimes", "cut_label"]


class Outcome(StrEnum):
    """How a frame ended; the first three have outputs."""

    OFFLOADED = "offloaded"
    EDGE_ONLY = "edge_only"
    LOCAL_FALLBACK = "local_fallback"
    DROPPED = "dropped"
    FAILED = "failed"

    @property
    def has_result(self) -> bool:
        """Whether a frame with this outcome has outputs."""
        return self in (Outcome.OFFLOADED, Outcome.EDGE_ONLY, Outcome.LOCAL_FALLBACK)


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The result of one frame.

    Attributes:
        frame_id: counts from 0 in the order of submission.
        outcome: how it ended.
        outputs: the module's return value, of tensors if the frame was submitted as tensors, else of arrays; None for a
            dropped or failed frame.
        partition: its split with the predicted stages, or None if it never started.
        mode: "light" or "heavy", or None if it never started.
        keeps_up: whether the split was expected to keep up with the frames, or None if it never started.
        max_rate_hz: the sustainable rate when it started, or None.
        switched: whether its split differs from the previous frame's.
        latency_s: seconds from submission to result.
        times: the measured stages.
        uplink_bps: the uplink estimate for which the split was chosen, or None.
        downlink_bps: the downlink estimate likewise; None for a model whose outputs are small.
        sent_bytes: bytes of its message to the cloud, whether or not an answer came; 0 if none was made.
        error: why it failed, fell back or was dropped; else None.
        feeds: the inputs, of arrays, if the agent keeps them for verification; else None.
        cloud: the cloud that answered, as its address was given; None if none did.
    """

    frame_id: int
    outcome: Outcome
    outputs: Tree = None
    partition: Partition | None = None
    mode: str | None = None
    keeps_up: bool | None = None
    max_rate_hz: float | None = None
    switched: bool = False
    latency_s: float = 0.0
    times: StageTimes = field(default_factory=StageTimes)
    uplink_bps: float | None = None
    downlink_bps: float | None = None
    sent_bytes: int = 0
    error: str | None = None
    feeds: tuple[Tree, ...] | None = None
    cloud: str | None = None

    def predicted(self) -> Mapping[str, float]:
        """The predicted seconds of the stages; empty if the frame never started.

        The stages are head (with encoding), transfer, fixed (round trip and overhead) and tail (with decoding).
        """
        split = self.partition
        if split is None:
            return {}
        return {
            "head": split.edge_s,
            "transfer": split.transfer_s,
            "fixed": split.fixed_s,
            "tail": split.cloud_s,
        }

    def measured(self) -> Mapping[str, float]:
        """The measured seconds of the same stages."""
        times = self.times
        return {
            "head": times.head_s + times.encode_s,
            "transfer": times.transfer_s,
            "fixed": times.round_trip_s + times.server_s + times.decode_s,
            "tail": times.unpack_s + times.tail_s,
        }


def cut_label(partition: Partition, places: Mapping[str, str] | None = None) -> str:
    """A short name of a cut for display: its first tensors and the number of others; "edge" if nothing is sent.

    Args:
        partition: The split.
        places: Each layer's name for people, by its name; layers without one keep their name.

    >>> from partitioner import CostProfile, Layer, LayerGraph, Link, evaluate
    >>> graph = LayerGraph((Layer("x", (), 4), Layer("y", ("x",), 4)), ("y",))
    >>> costs = CostProfile((0.0, 1.0), (0.0, 1.0))
    >>> cut_label(evaluate(graph, costs, Link(1e6), frozenset({"x"})))
    'x'
    """
    if not partition.cut:
        return "edge"
    # torch's name of batch normalisation is long.
    shown = "+".join((places or {}).get(name, name) for name in partition.cut[:2])
    shown = shown.replace("_native_batch_norm_legit_no_training", "batch_norm")
    return shown if len(partition.cut) <= 2 else f"{shown}+{len(partition.cut) - 2} more"
