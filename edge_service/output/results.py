"""The lines of `--results`: one JSON object per frame, in the order of the frames."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_service.errors import PostprocessError
from edge_service.frame import FrameResult, cut_label
from edge_service.output.boxes import boxes_of, counted, in_picture
from edge_service.output.json_values import finite, json_value
from pictures import Placement
from split_model import Model, ValueSpec
from split_model.numbers import numbers_by_path
from split_model.structure import Tree

__all__ = ["describe_outputs", "frame_record", "seen"]

_TOP = 3
_MOST_SEEN = 60
_MOST_REASON = 300


def frame_record(
    model: Model,
    result: FrameResult,
    *,
    source_s: float,
    run: str,
    picture: Placement | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """A frame's line, as values that JSON can represent.

    Args:
        model: the model, for the class names, its `postprocess` and the outputs' structure.
        result: the frame's result.
        source_s: the frame's time in the source.
        run: the policy.
        picture: the source's picture; boxes are given in its pixels.
        name: what people call the picture, such as its file; None where its time says all.
    """
    split = result.partition
    record: dict[str, Any] = {
        "frame": result.frame_id,
        "source_s": round(source_s, 6),
        "run": run,
        "outcome": result.outcome.value,
        "cloud": result.cloud,
        "mode": result.mode,
        "cut": None if split is None else list(split.cut),
        "encoding": None if split is None or not split.cut else split.encoding,
        "cut_label": None if split is None else cut_label(split, model.places),
        "switched": result.switched,
        "latency_s": result.latency_s if result.outcome.has_result else None,
        "sent_bytes": result.sent_bytes,
        "uplink_bps": result.uplink_bps,
        "predicted_s": dict(result.predicted()),
        "measured_s": {} if split is None else dict(result.measured()),
        "times_s": asdict(result.times),
    }
    if name is not None:
        record["name"] = name
    if picture is not None:
        record["picture"] = {"width": picture.width, "height": picture.height}
    if result.outcome.has_result:
        record |= describe_outputs(model, result.outputs, picture)
    if result.error is not None:
        record["error"] = result.error
    return record


def describe_outputs(model: Model, outputs: Tree, picture: Placement | None = None) -> dict[str, Any]:
    """What results show of outputs.

    Args:
        model: the model.
        outputs: its return value, of arrays or tensors.
        picture: the source's picture; boxes are given in its pixels.

    Returns:
        `result`: what the model's `postprocess` makes of them, with boxes in pixels of the picture; or `top`: the top
        classes of a classification; or `outputs`: shapes and ranges. `result_error` beside `outputs` says why there is
        no `result`.
    """
    if model.postprocess is not None:
        try:
            made = _postprocessed(model.postprocess, _own(model, outputs))
        except PostprocessError as error:
            return {"result_error": str(error), "outputs": _summaries(model, outputs)}
        return {"result": made if picture is None else in_picture(made, picture)}
    first = next(iter(_numbers(model, outputs).values()), np.empty(0))
    if model.labels is not None and first.shape == (1, len(model.labels)) and not np.iscomplexobj(first):
        return {"top": _top(first, model.labels)}
    return {"outputs": _summaries(model, outputs)}


def seen(record: Mapping[str, Any]) -> str:
    """What a frame with a result shows, in a few words: the top class, the boxes by label, or that it is done.

    >>> seen({"result": {"boxes": [[1, 2, 3, 4]], "labels": ["dog"], "scores": [0.9]}})
    '1 dog'
    """
    if record.get("top"):
        return str(record["top"][0]["label"])
    if "result" not in record:
        return "postprocess failed" if "result_error" in record else "done"
    boxes = boxes_of(record["result"])
    if boxes is not None:
        return counted(boxes)
    made = record["result"]
    text = made if isinstance(made, str) else json.dumps(made)
    return text if len(text) <= _MOST_SEEN else f"{text[: _MOST_SEEN - 3]}..."


def _own(model: Model, outputs: Tree) -> Tree:
    """A copy of outputs, as the model's module returns them.

    The outputs may be compared later, and may share the model's own constants; functions change their input.
    """
    copies = {path: array.copy(order="K") for path, array in model.flatten(outputs).items()}
    return model.returned(model.definition.outputs.nested(copies))


def _postprocessed(postprocess: Callable[[Any], Any], outputs: Tree) -> Any:  # noqa: ANN401 # JSON has no type
    try:
        with _without_gradients():
            made = postprocess(outputs)
    except (Exception, SystemExit) as error:  # the caller's own function: it costs this result, not the run
        raise PostprocessError(_in_a_line(error)) from error
    try:
        return json_value(made, "what postprocess returned")
    except TypeError as error:
        raise PostprocessError(str(error)) from error
    except RecursionError as error:
        raise PostprocessError("what postprocess returned holds itself, or is nested too deeply for JSON") from error


def _without_gradients() -> contextlib.AbstractContextManager[Any]:
    """As the module runs; where nobody has imported torch, nothing records any."""
    torch: Any = sys.modules.get("torch")
    return contextlib.nullcontext() if torch is None else torch.inference_mode()


def _in_a_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    # Frames of the function's own file: below them there may be many of torch's, and above them there is this one.
    _, *called = traceback.extract_tb(error.__traceback__)
    place = next((frame for frame in reversed(called) if frame.filename == called[0].filename), None)
    where = "" if place is None else f" in {place.filename}:{place.lineno}"
    return f"postprocess failed{where}: {type(error).__name__}: {text[:_MOST_REASON]}"


def _top(logits: NDArray[Any], labels: Sequence[str]) -> list[dict[str, Any]]:
    """The classes of the highest scores; of equal ones the first comes first."""
    scores = _softmax(logits[0])
    best = np.argsort(-scores, kind="stable")[:_TOP]
    return [
        {"index": index, "label": labels[index], "score": finite(round(scores[index].item(), 4))}
        for index in best.tolist()
    ]


def _softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    wide = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of an infinite logit, which makes all scores not-a-numbers
        weights = np.exp(wide - wide.max())
    return np.asarray(weights / weights.sum())


def _numbers(model: Model, outputs: Tree) -> dict[str, NDArray[Any]]:
    return numbers_by_path(model.flatten(outputs), model.outputs)


def _summaries(model: Model, outputs: Tree) -> dict[str, Any]:
    numbers = _numbers(model, outputs)
    return {spec.path: _summary(numbers[spec.path], spec) for spec in model.outputs}


def _summary(numbers: NDArray[Any], spec: ValueSpec) -> dict[str, Any]:
    summary: dict[str, Any] = {"shape": list(numbers.shape), "dtype": spec.dtype}
    if numbers.size and not np.iscomplexobj(numbers):
        summary |= {"min": finite(numbers.min().item()), "max": finite(numbers.max().item())}
    return summary
