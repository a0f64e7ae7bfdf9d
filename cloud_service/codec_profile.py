"""The decoding profile: this machine's seconds to decode each layer's value in each encoding.

Measuring every layer in every encoding would take seconds to minutes for large models. Decoding is a pass or two over
memory, so a few tensors are measured, and for each encoding and dtype seconds = a + b * bytes is fitted to them, with
least squared relative errors. A value that is too large for a message is never received, so it is never measured.

How long a picture takes depends on what it shows, and the example of a user's model may be noise or all black, so
encodings of pictures are measured on a picture that compresses as a camera's do.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

import split_model
from split_wire import PICTURES, Encoding, applies, available, fits
from split_wire.codec_timing import measure
from split_wire.encodings import OF_ARRAYS

SAMPLED_LAYERS = 6
"""Layers measured for each dtype, with sizes spread from the smallest to the largest."""

_GRAIN = 8  # levels of noise: about half as many bytes, without loss, as raw

Line = tuple[float, float]
"""a and b: seconds for a tensor of any size, and seconds for each of its bytes."""

Sample = tuple[npt.NDArray[Any], str]
"""A tensor and its dtype's name."""


def profile_decoding(model: split_model.Model) -> dict[Encoding, tuple[float, ...]]:
    """Measure how long a few layers' values take to decode, and estimate it for all layers.

    Returns:
        By encoding that is available here, the seconds of each layer, in graph order; raw's for a layer to which the
        encoding does not apply, and 0 for a layer whose value cannot be sent.
    """
    samples = _samples(model, _spread(model))
    lines = {encoding: _lines(samples, encoding) for encoding in OF_ARRAYS if available(encoding)}
    specs = [_sent(model, layer.name) for layer in model.graph.layers]
    return {encoding: tuple(_decode_s(layer, encoding, lines) for layer in specs) for encoding in lines}


def _sent(model: split_model.Model, layer: str) -> tuple[split_model.TensorSpec, ...]:
    """Return the tensors that are sent for a layer's value; none if it cannot be sent."""
    specs = [spec.sent for spec in model.layer_specs[layer]]
    sendable = fits(layer, [spec.sizes for spec in specs], sum(spec.bytes for spec in specs))
    return tuple(specs) if sendable else ()


def _spread(model: split_model.Model) -> list[str]:
    """Return the names of the layers to measure."""
    by_dtype: dict[str, dict[int, str]] = {}
    for layer in model.graph.layers:
        for spec in _sent(model, layer.name):
            by_dtype.setdefault(spec.dtype, {})[layer.output_bytes] = layer.name
    names = []
    for by_bytes in by_dtype.values():
        sizes = sorted(by_bytes)
        places = np.linspace(0, len(sizes) - 1, min(SAMPLED_LAYERS, len(sizes))).round().astype(int)
        names += [by_bytes[sizes[place]] for place in places]
    return names


def _samples(model: split_model.Model, names: Iterable[str]) -> list[Sample]:
    """Run the model's example inputs layer after layer; return the tensors of these layers."""
    wanted = set(names)
    return [
        (array, spec.dtype)
        for layer, values in model.walk(*model.example_inputs)
        if layer in wanted
        for array, spec in zip(split_model.arrays_of(values[layer]), _sent(model, layer), strict=True)
    ]


def _lines(samples: Sequence[Sample], encoding: Encoding) -> dict[str, Line]:
    """Fit a line for each dtype that the encoding applies to."""
    fitting = {
        str(place): [(_picture(*array.shape) if encoding in PICTURES else array, dtype)]
        for place, (array, dtype) in enumerate(samples)
        if applies(encoding, dtype, array.shape)
    }
    points: dict[str, list[tuple[int, float]]] = {}
    for place, cost in measure(fitting, encoding).items():
        [(array, dtype)] = fitting[place]
        points.setdefault(dtype, []).append((array.nbytes, cost.decode_s))
    return {dtype: _fit(measured) for dtype, measured in points.items()}


def _picture(*shape: int) -> npt.NDArray[np.uint8]:
    """Return a picture, uint8 [1, 3, H, W], that compresses as a camera's do: slopes with some grain."""
    _, planes, height, width = shape
    slopes = np.add.outer(np.arange(planes) * 50, np.add.outer(np.arange(height), np.arange(width)) // 4)
    grain = np.random.default_rng(0).integers(0, _GRAIN, slopes.shape)
    return np.asarray(slopes + grain, np.uint8)[np.newaxis]


def _fit(points: Sequence[tuple[int, float]]) -> Line:
    """Return the line with the least squared relative errors and a, b >= 0."""
    sizes, seconds = np.array(points, np.float64).T
    (a, b), _ = nnls(np.stack([1 / seconds, sizes / seconds], axis=1), np.ones_like(seconds))
    return float(a), float(b)


def _decode_s(
    specs: Iterable[split_model.TensorSpec], encoding: Encoding, lines: Mapping[Encoding, Mapping[str, Line]]
) -> float:
    total_s = 0.0
    for spec in specs:
        used = encoding if applies(encoding, spec.dtype, spec.sizes) else Encoding.RAW
        # Every dtype was sampled, but an encoding may apply to none of the sampled shapes.
        a, b = lines[used].get(spec.dtype) or lines[Encoding.RAW][spec.dtype]
        total_s += a + b * spec.bytes
    return total_s
