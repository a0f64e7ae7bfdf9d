"""What each encoding makes of each layer's value: bytes, seconds, and whether the outputs stay close enough.

Measured on frames like those to come: what compresses well, and what a rounding does to the result, depends on what the
camera sees. The whole model is run one layer at a time; each value is encoded, and where an encoding loses something
the rest of the model is run from what would arrive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from time import perf_counter

import torch

from edge_service.config import AgentConfig
from edge_service.control import EncodingCosts
from edge_service.verify import difference
from models import Model, Value, arrays_of, value_of
from protos import LOSSLESS, Encoding, applies, encode_tensor, roundtrip

__all__ = ["encodings_of", "measure_wire_costs", "wire_encodings"]

_LOSSY = tuple(encoding for encoding in Encoding if encoding not in LOSSLESS and encoding is not Encoding.JPEG)


def encodings_of(config: AgentConfig) -> tuple[Encoding, ...]:
    """The encodings to choose from; raw is the first, as decisions want their default."""
    if config.encodings == "raw":
        return (Encoding.RAW,)
    return (Encoding.RAW, Encoding.ZSTD, *(_LOSSY if config.max_error > 0 else ()))


def wire_encodings(
    model: Model, layers: Sequence[str], encoding: Encoding, input_encoding: Encoding
) -> dict[str, Encoding]:
    """How the values of these layers are sent under an encoding: the model's inputs may have one of their own."""
    inputs = {entry.name for entry in model.graph.layers if not entry.inputs}
    return {
        layer: input_encoding if layer in inputs and input_encoding is not Encoding.RAW else encoding
        for layer in layers
    }


def measure_wire_costs(
    model: Model,
    frames: Sequence[tuple[torch.Tensor, ...]],
    config: AgentConfig,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[EncodingCosts, ...]:
    """Measures every encoding that the configuration allows.

    Args:
        model: the model.
        frames: inputs like those to come; at least one.
        config: which encodings, the input's, and the largest error.
        on_progress: told layers done and layers in all.

    Returns:
        The costs, raw's first. A layer of which an encoding costs too much accuracy on any of the frames has no end of
        bytes in it.
    """
    if not frames:
        raise ValueError("no frames to measure the encodings on; expected at least one")
    samples = [_Sample(model, frame, config) for frame in frames]
    names = [entry.name for entry in model.graph.layers]
    total, done = len(samples) * len(names), 0
    for sample in samples:
        for _ in sample.run():
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return tuple(
        EncodingCosts(
            name=encoding.value,
            output_bytes=tuple(_size(name, encoding, samples) for name in names),
            encode_s=tuple(median(sample.seconds[name, encoding] for sample in samples) for name in names),
        )
        for encoding in encodings_of(config)
    )


def _size(layer: str, encoding: Encoding, samples: Sequence[_Sample]) -> float:
    if any((layer, encoding) in sample.forbidden for sample in samples):
        return math.inf
    return float(median(sample.sizes[layer, encoding] for sample in samples))


class _Sample:
    """One frame through every layer and every encoding; bytes and seconds by layer and encoding."""

    def __init__(self, model: Model, frame: tuple[torch.Tensor, ...], config: AgentConfig) -> None:
        self._model = model
        self._frame = frame
        self._encodings = encodings_of(config)
        self._input_encoding = Encoding(config.input_encoding)
        self._max_error = config.max_error
        self._expected = model.flatten(model(*frame))
        self.sizes: dict[tuple[str, Encoding], int] = {}
        self.seconds: dict[tuple[str, Encoding], float] = {}
        self.forbidden: set[tuple[str, Encoding]] = set()

    def run(self) -> Iterator[str]:
        """Measures every layer; yields the name of each when it is done."""
        with torch.inference_mode():
            for layer, values in self._model.walk(*self._frame):
                self._measure(layer, values)
                yield layer

    def _measure(self, layer: str, values: Mapping[str, Value]) -> None:
        measured: dict[Encoding, tuple[int, float]] = {}
        kept: dict[Encoding, bool] = {}
        for encoding in self._encodings:
            sent = self._sent(layer, encoding)
            if sent not in measured:
                measured[sent] = self._encode(layer, values[layer], sent)
            self.sizes[layer, encoding], self.seconds[layer, encoding] = measured[sent]
            lossy = sent.plain
            if lossy in LOSSLESS or (lossy is Encoding.JPEG and self._max_error == 0):
                continue  # a JPEG without a limit is what the user asked for
            if lossy not in kept:
                kept[lossy] = self._is_close(layer, values, lossy)
            if not kept[lossy]:
                self.forbidden.add((layer, encoding))

    def _sent(self, layer: str, encoding: Encoding) -> Encoding:
        """What the layer really travels as: an encoding that does not apply gives way to raw."""
        wanted = wire_encodings(self._model, (layer,), encoding, self._input_encoding)[layer]
        specs = self._model.layer_specs[layer]
        return wanted if any(applies(wanted, spec.dtype, spec.shape) for spec in specs) else Encoding.RAW

    def _encode(self, layer: str, value: Value, encoding: Encoding) -> tuple[int, float]:
        """Bytes and seconds; the copy that makes a value contiguous is a part of it."""
        began_s = perf_counter()
        specs = self._model.layer_specs[layer]
        encoded = [
            encode_tensor(layer, array, index=index, dtype=spec.dtype, encoding=encoding)
            for index, (array, spec) in enumerate(zip(arrays_of(value), specs, strict=True))
        ]
        return sum(tensor.size for tensor in encoded), perf_counter() - began_s

    def _is_close(self, layer: str, values: Mapping[str, Value], encoding: Encoding) -> bool:
        """Whether the outputs stay within the largest error when this layer's value travels so."""
        specs = self._model.layer_specs[layer]
        arrived = [
            roundtrip(array, encoding) if applies(encoding, spec.dtype, spec.shape) else array
            for array, spec in zip(arrays_of(values[layer]), specs, strict=True)
        ]
        feeds = {**values, layer: value_of(arrived, specs, self._model.device)}
        outputs = self._model.tail(tuple(feeds)).run(feeds)
        return difference(self._expected, outputs, tolerance=self._max_error) is None
