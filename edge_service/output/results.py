"""The lines of `--results`: one JSON object per frame, in the order of the frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from edge_service.frame import FrameResult, cut_label
from split_model import Model, TensorSpec

__all__ = ["describe_outputs", "frame_record"]

_TOP = 3


def frame_record(model: Model, result: FrameResult, *, source_s: float, run: str) -> dict[str, Any]:
    """A frame's line, as values that JSON can represent.

    Args:
        model: the model, for the class names and the outputs' structure.
        result: the frame's result.
        source_s: the frame's time in the source.
        run: the policy.
    """
    split = result.partition
    record: dict[str, Any] = {
        "frame": result.frame_id,
        "source_s": round(source_s, 6),
        "run": run,
        "outcome": result.outcome.value,
        "mode": result.mode,
        "cut": None if split is None else list(split.cut),
        "encoding": None if split is None or not split.cut else split.encoding,
        "cut_label": None if split is None else cut_label(split, model.places),
        "switched": result.switched,
        "latency_s": result.latency_s if result.outcome.has_result else None,
        "uplink_bps": result.uplink_bps,
        "predicted_s": dict(result.predicted()),
        "measured_s": {} if split is None else dict(result.measured()),
        "times_s": asdict(result.times),
    }
    if result.outcome.has_result:
        record |= describe_outputs(model, result.outputs)
    if result.error is not None:
        record["error"] = result.error
    return record


def describe_outputs(model: Model, outputs: object) -> dict[str, Any]:
    """The top classes of a classification, or the shapes and ranges of other outputs."""
    flat = model.flatten(outputs)
    first = next(iter(flat.values()), None)
    if model.labels is not None and first is not None and first.shape == (1, len(model.labels)):
        return {"top": _top(first, model.labels)}
    return {"outputs": {path: _summary(tensor) for path, tensor in flat.items()}}


def _top(logits: torch.Tensor, labels: Sequence[str]) -> list[dict[str, Any]]:
    scores, indices = logits[0].float().softmax(-1).topk(min(_TOP, len(labels)))
    return [
        {"index": index, "label": labels[index], "score": _finite(round(score, 4))}
        for index, score in zip(indices.tolist(), scores.tolist(), strict=True)
    ]


def _summary(tensor: torch.Tensor) -> dict[str, Any]:
    spec = TensorSpec.of(tensor)
    summary: dict[str, Any] = {"shape": list(spec.shape), "dtype": spec.dtype}
    if tensor.numel() and not tensor.is_complex():
        summary |= {"min": _finite(tensor.min().item()), "max": _finite(tensor.max().item())}
    return summary


def _finite(number: float) -> float | None:
    """None for infinities and NaN, which are no JSON, although Python would write them."""
    return number if math.isfinite(number) else None
