"""What each encoding makes of each layer's value: bytes, seconds, and whether the outputs stay close enough.

Measured on frames like those to come: what compresses well, and what a rounding does to the result, depends on what the
camera sees. The whole model is run one layer at a time; each value is encoded, and where an encoding loses something
the rest of the model is run from what would arrive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import thread_time

import torch

from edge_service.config import AgentConfig
from edge_service.control import EncodingCosts
from edge_service.log import log
from edge_service.output.verify import difference
from split_model import Model, TensorSpec, Value, arrays_of, value_of
from split_wire import LOSSLESS, Encoding, applies, limits, roundtrip
from split_wire.codec_timing import measure

__all__ = ["WireCosts", "measure_wire_costs"]

_LOSSY = tuple(encoding for encoding in Encoding if encoding not in LOSSLESS and encoding is not Encoding.JPEG)


@dataclass(frozen=True, slots=True)
class WireCosts:
    """What was measured.

    Attributes:
        encodings: What a cut may be sent in, raw first.
        inputs: Names of the model's inputs.
        input_encoding: What these are sent in, whatever the rest of a cut is sent in; raw for no exception.
    """

    encodings: tuple[EncodingCosts, ...]
    inputs: frozenset[str]
    input_encoding: Encoding

    def of_cut(self, cut: Sequence[str], encoding: str) -> dict[str, Encoding]:
        """How each layer of a cut is sent."""
        return {layer: self.of_layer(layer, Encoding(encoding)) for layer in cut}

    def decode_s(
        self, layers: Sequence[str], measured: Mapping[Encoding, tuple[float, ...]]
    ) -> dict[str, tuple[float, ...]]:
        """By encoding of a cut, the cloud's seconds to decode each layer's value.

        Args:
            layers: names of all layers, in graph order.
            measured: by encoding of a layer, what the cloud measured; an encoding that is missing it does not accept.
        """
        return {
            encoding.name: tuple(
                measured[self.of_layer(layer, Encoding(encoding.name))][i] for i, layer in enumerate(layers)
            )
            for encoding in self.encodings
            if {Encoding(encoding.name), self.input_encoding} <= measured.keys()
        }

    def of_layer(self, layer: str, encoding: Encoding) -> Encoding:
        """How one layer is sent in a cut of this encoding."""
        special = layer in self.inputs and self.input_encoding is not Encoding.RAW
        return self.input_encoding if special else encoding


def measure_wire_costs(
    model: Model,
    frames: Sequence[tuple[torch.Tensor, ...]],
    config: AgentConfig,
    on_progress: Callable[[int, int], None] | None = None,
) -> WireCosts:
    """Measures every encoding that the configuration allows.

    A layer of which an encoding costs too much accuracy on any of the frames has no end of bytes in it. Frames that
    JPEG changes too much are sent as they are; without a limit it is taken as asked for.

    Args:
        model: the model.
        frames: inputs like those to come; at least one.
        config: which encodings, the input's, and the largest error.
        on_progress: told layers done and layers in all.
    """
    if not frames:
        raise ValueError("no frames to measure the encodings on; expected at least one")
    inputs = frozenset(entry.name for entry in model.graph.layers if not entry.inputs)
    wire = WireCosts((), inputs, _input_encoding(model, frames, config))
    encodings = _allowed(config)
    samples = [_Sample(model, frame, wire, encodings, config.max_error) for frame in frames]
    names = [entry.name for entry in model.graph.layers]
    total, done = len(samples) * len(names), 0
    for sample in samples:
        for _ in sample.run():
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return replace(
        wire,
        encodings=tuple(
            EncodingCosts(
                name=encoding.value,
                output_bytes=tuple(_size(name, encoding, samples) for name in names),
                encode_s=tuple(min(sample.seconds[name, encoding] for sample in samples) for name in names),
            )
            for encoding in encodings
        ),
    )


def _allowed(config: AgentConfig) -> tuple[Encoding, ...]:
    """The encodings to choose from; raw is the first, as decisions want their default."""
    if config.encodings == "raw":
        return (Encoding.RAW,)
    return (Encoding.RAW, Encoding.ZSTD, *(_LOSSY if config.max_error > 0 else ()))


def _input_encoding(model: Model, frames: Sequence[tuple[torch.Tensor, ...]], config: AgentConfig) -> Encoding:
    wanted = Encoding(config.input_encoding)
    if wanted is Encoding.RAW or config.max_error == 0:
        return wanted
    for frame in frames:
        arrived = [_arrived(value, (_spec_of(value),), wanted, model.device) for value in frame]
        found = difference(model.flatten(model(*frame)), model.flatten(model(*arrived)), config.max_error)
        if found is not None:
            log.warning("frames are sent raw: as JPEG they change the result too much", difference=found)
            return Encoding.RAW
    return wanted


def _spec_of(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))


def _arrived(value: Value, specs: Sequence[TensorSpec], encoding: Encoding, device: torch.device) -> Value:
    """What comes out on the other side."""
    arrays = [
        roundtrip(array, encoding) if applies(encoding, spec.dtype, spec.shape) else array
        for array, spec in zip(arrays_of(value), specs, strict=True)
    ]
    return value_of(arrays, specs, device)


def _size(layer: str, encoding: Encoding, samples: Sequence[_Sample]) -> float:
    if any((layer, encoding) in sample.forbidden for sample in samples):
        return math.inf
    return float(median(sample.sizes[layer, encoding] for sample in samples))


class _Sample:
    """One frame through every layer and every encoding; bytes and seconds by layer and encoding."""

    def __init__(
        self,
        model: Model,
        frame: tuple[torch.Tensor, ...],
        wire: WireCosts,
        encodings: tuple[Encoding, ...],
        max_error: float,
    ) -> None:
        self._model = model
        self._frame = frame
        self._wire = wire
        self._encodings = encodings
        self._max_error = max_error
        self._expected = model.flatten(model(*frame))
        self.sizes: dict[tuple[str, Encoding], float] = {}
        self.seconds: dict[tuple[str, Encoding], float] = {}
        self.forbidden: set[tuple[str, Encoding]] = set()

    def run(self) -> Iterator[str]:
        """Measures every layer; yields the name of each when it is done."""
        with torch.inference_mode():
            for layer, values in self._model.walk(*self._frame):
                self._measure(layer, values)
                yield layer

    def _measure(self, layer: str, values: Mapping[str, Value]) -> None:
        measured: dict[Encoding, tuple[float, float]] = {}
        kept: dict[Encoding, bool] = {}
        for encoding in self._encodings:
            sent = self._sent(layer, encoding)
            if sent not in measured:
                measured[sent] = self._encode(layer, values[layer], sent)
            self.sizes[layer, encoding], self.seconds[layer, encoding] = measured[sent]
            lossy = sent.plain
            if lossy in LOSSLESS or lossy is Encoding.JPEG:
                continue  # whether frames may be sent as JPEG is settled
            if lossy not in kept:
                kept[lossy] = self._is_close(layer, values, lossy)
            if not kept[lossy]:
                self.forbidden.add((layer, encoding))

    def _sent(self, layer: str, encoding: Encoding) -> Encoding:
        """What the layer really travels as: an encoding that does not apply gives way to raw."""
        wanted = self._wire.of_layer(layer, encoding)
        specs = self._model.layer_specs[layer]
        return wanted if any(applies(wanted, spec.dtype, spec.shape) for spec in specs) else Encoding.RAW

    def _encode(self, layer: str, value: Value, encoding: Encoding) -> tuple[float, float]:
        """Bytes, and seconds of this thread; the copy that makes a value contiguous is a part of it."""
        specs = self._model.layer_specs[layer]
        if sum(spec.bytes for spec in specs) > limits.MAX_CUT_BYTES:
            return math.inf, 0.0  # no message takes what unfolds to more than one holds
        began_s = thread_time()
        arrays = arrays_of(value)
        copied_s = thread_time() - began_s
        # Once is enough: there are other frames, and start-up waits for all layers in all encodings.
        tensors = [(array, spec.dtype) for array, spec in zip(arrays, specs, strict=True)]
        cost = measure({layer: tensors}, encoding, most_repeats=1)[layer]
        return float(cost.size_bytes), copied_s + cost.encode_s

    def _is_close(self, layer: str, values: Mapping[str, Value], encoding: Encoding) -> bool:
        """Whether the outputs stay within the largest error when this layer's value travels so."""
        arrived = _arrived(values[layer], self._model.layer_specs[layer], encoding, self._model.device)
        feeds = {**values, layer: arrived}
        outputs = self._model.tail(tuple(feeds)).run(feeds)
        return difference(self._expected, outputs, tolerance=self._max_error) is None
