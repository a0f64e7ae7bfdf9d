"""Measures the bytes, the encoding time and the accuracy of each layer's value in each encoding.

Compression ratios and rounding errors depend on the values, so they are measured on frames from the source. The whole
model is run one layer at a time, and each value is encoded. To check a lossy encoding, the rest of the model is run
from the decoded value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import median
from time import thread_time

import numpy as np

from edge_service.config import AgentConfig
from edge_service.control import EncodingCosts
from edge_service.log import log
from edge_service.output.verify import Expected
from edge_service.sendable import value_fits
from split_model import Model, TensorSpec, Value, arrays_of, value_of
from split_model.structure import Tree, map_leaves
from split_model.values import carried, is_tensor
from split_wire import LOSSLESS, PICTURES, Encoding, applies, available, roundtrip
from split_wire.codec_timing import measure

__all__ = ["WireCosts", "encodings_of", "measure_wire_costs"]

_LOSSLESS = tuple(encoding for encoding in Encoding if encoding in LOSSLESS - PICTURES)
_LOSSLESS_PICTURES = tuple(encoding for encoding in Encoding if encoding in LOSSLESS & PICTURES)
_LOSSY = tuple(encoding for encoding in Encoding if encoding not in LOSSLESS | PICTURES)


@dataclass(frozen=True, slots=True)
class WireCosts:
    """The measured costs of the encodings.

    Attributes:
        encodings: the encodings that a cut may be sent in, raw first.
        inputs: names of the model's inputs.
        input_encoding: the inputs' encoding in every cut; raw means that of the cut.
    """

    encodings: tuple[EncodingCosts, ...]
    inputs: frozenset[str]
    input_encoding: Encoding

    def of_cut(self, cut: Sequence[str], encoding: str) -> dict[str, Encoding]:
        """The encoding of each layer in a cut of this encoding."""
        return {layer: self.of_layer(layer, Encoding(encoding)) for layer in cut}

    def decode_s(
        self, layers: Sequence[str], measured: Mapping[Encoding, tuple[float, ...]]
    ) -> dict[str, tuple[float, ...]]:
        """The cloud's seconds to decode each layer's value, by the encoding of a cut.

        Args:
            layers: names of all layers, in graph order.
            measured: the seconds that the cloud measured for each layer, by the layer's encoding; the cloud does not
                accept an encoding that is missing.
        """
        return {
            encoding.name: tuple(
                measured[self.of_layer(layer, Encoding(encoding.name))][i] for i, layer in enumerate(layers)
            )
            for encoding in self.encodings
            if {Encoding(encoding.name), self.input_encoding} <= measured.keys()
        }

    def of_layer(self, layer: str, encoding: Encoding) -> Encoding:
        """The encoding of one layer in a cut of this encoding."""
        special = layer in self.inputs and self.input_encoding is not Encoding.RAW
        return self.input_encoding if special else encoding


def measure_wire_costs(
    model: Model,
    frames: Sequence[tuple[Tree, ...]],
    config: AgentConfig,
    on_progress: Callable[[int, int], None] | None = None,
) -> WireCosts:
    """Measures every encoding that the configuration allows.

    A layer's size in an encoding is infinite if the encoding exceeds the largest error on any of the frames, and in
    every encoding if the value is too large for a message: it is not measured then. An encoding of pictures is for
    cuts of inputs only: for every other layer its size is infinite. If JPEG exceeds the largest error on the inputs,
    they are sent raw; with a largest error of 0, the inputs' encoding is not checked.

    Args:
        model: the model.
        frames: inputs from the source; at least one.
        config: the encodings, the inputs' encoding, and the largest error.
        on_progress: called with the number of layers done, and of all layers.

    Raises:
        ValueError: there are no frames.
    """
    if not frames:
        raise ValueError("no frames to measure the encodings on; expected at least one")
    wire = WireCosts((), _inputs(model), _input_encoding(model, frames, config))
    encodings = encodings_of(model, config, wire.input_encoding)
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


def encodings_of(model: Model, config: AgentConfig, input_encoding: Encoding) -> tuple[Encoding, ...]:
    """The encodings of cuts to choose from; raw is the first, because decisions use the first as their default.

    Args:
        model: the model; encodings of pictures are for one that takes pictures.
        config: the encodings, and the largest error.
        input_encoding: the inputs' encoding, if it is another than that of the cut.
    """
    if config.encodings == "raw":
        return (Encoding.RAW,)
    pictures = [each for each in _LOSSLESS_PICTURES if input_encoding is Encoding.RAW and available(each)]
    specs = [spec.sent for name in _inputs(model) for spec in model.layer_specs[name]]
    for_inputs = (each for each in pictures if any(applies(each, spec.dtype, spec.sizes) for spec in specs))
    return (*_LOSSLESS, *for_inputs, *(_LOSSY if config.max_error > 0 else ()))


def _inputs(model: Model) -> frozenset[str]:
    return frozenset(entry.name for entry in model.graph.layers if not entry.inputs)


def _input_encoding(model: Model, frames: Sequence[tuple[Tree, ...]], config: AgentConfig) -> Encoding:
    wanted = Encoding(config.input_encoding)
    if wanted is Encoding.RAW or config.max_error == 0:
        return wanted
    for frame in frames:
        arrived = map_leaves(partial(_arrived_input, encoding=wanted), frame)
        found = Expected(model, frame, config.max_error).difference(model.flatten(model(*arrived)))
        if found is not None:
            log.warning("frames are sent raw, because JPEG changes the result too much", difference=found)
            return Encoding.RAW
    return wanted


def _arrived_input(leaf: object, *, encoding: Encoding) -> object:
    if not (is_tensor(leaf) or isinstance(leaf, np.ndarray)):
        return leaf
    array = carried(leaf)
    return _arrived(array, (TensorSpec.of(array),), encoding)


def _arrived(value: Value, specs: Sequence[TensorSpec], encoding: Encoding) -> Value:
    """A value after encoding and decoding."""
    arrays = [
        roundtrip(array, encoding) if applies(encoding, spec.sent.dtype, spec.sent.sizes) else array
        for array, spec in zip(arrays_of(value), specs, strict=True)
    ]
    return value_of(arrays, specs)


def _size(layer: str, encoding: Encoding, samples: Sequence[_Sample]) -> float:
    if any((layer, encoding) in sample.forbidden for sample in samples):
        return math.inf
    return float(median(sample.sizes[layer, encoding] for sample in samples))


class _Sample:
    """The measurements on one frame, by layer and encoding.

    Attributes:
        sizes: bytes of the encoded value.
        seconds: seconds to encode it.
        forbidden: the pairs that exceed the largest error.
    """

    def __init__(
        self,
        model: Model,
        frame: tuple[Tree, ...],
        wire: WireCosts,
        encodings: tuple[Encoding, ...],
        max_error: float,
    ) -> None:
        self._model = model
        self._frame = frame
        self._wire = wire
        self._encodings = encodings
        self._max_error = max_error
        self.sizes: dict[tuple[str, Encoding], float] = {}
        self.seconds: dict[tuple[str, Encoding], float] = {}
        self.forbidden: set[tuple[str, Encoding]] = set()

    @cached_property
    def _expected(self) -> Expected:
        """Only lossy encodings ask for it; a module that was kept from an earlier start is built for that."""
        return Expected(self._model, self._frame, self._max_error)

    def run(self) -> Iterator[str]:
        """Measures every layer; yields the name of each when it is done."""
        for layer, values in self._model.walk(*self._frame):
            self._measure(layer, values)
            yield layer

    def _measure(self, layer: str, values: Mapping[str, Value]) -> None:
        measured: dict[Encoding, tuple[float, float]] = {}
        kept: dict[Encoding, bool] = {}
        fits, is_input = value_fits(self._model, layer), layer in self._wire.inputs
        for encoding in self._encodings:
            if not fits or (encoding in PICTURES and not is_input):
                self.sizes[layer, encoding], self.seconds[layer, encoding] = math.inf, 0.0
                continue
            sent = self._sent(layer, encoding)
            if sent not in measured:
                measured[sent] = self._encode(layer, values[layer], sent)
            self.sizes[layer, encoding], self.seconds[layer, encoding] = measured[sent]
            lossy = sent.plain
            if lossy in LOSSLESS | PICTURES:
                continue  # `_input_encoding` has checked JPEG
            if lossy not in kept:
                kept[lossy] = self._is_close(layer, values, lossy)
            if not kept[lossy]:
                self.forbidden.add((layer, encoding))

    def _sent(self, layer: str, encoding: Encoding) -> Encoding:
        """The layer's actual encoding: raw if the wanted one does not apply."""
        wanted = self._wire.of_layer(layer, encoding)
        specs = [spec.sent for spec in self._model.layer_specs[layer]]
        return wanted if any(applies(wanted, spec.dtype, spec.sizes) for spec in specs) else Encoding.RAW

    def _encode(self, layer: str, value: Value, encoding: Encoding) -> tuple[float, float]:
        """The encoded bytes, and this thread's seconds, with the copy that makes a value contiguous."""
        specs = self._model.layer_specs[layer]
        began_s = thread_time()
        arrays = arrays_of(value)
        copied_s = thread_time() - began_s
        # One repeat is enough: start-up waits for all layers in all encodings. What decoding costs, the cloud tells.
        tensors = [(array, spec.sent.dtype) for array, spec in zip(arrays, specs, strict=True)]
        cost = measure({layer: tensors}, encoding, most_repeats=1, decodes=False)[layer]
        return float(cost.size_bytes), copied_s + cost.encode_s

    def _is_close(self, layer: str, values: Mapping[str, Value], encoding: Encoding) -> bool:
        """Whether the outputs stay within the largest error if this layer's value is sent in this encoding."""
        arrived = _arrived(values[layer], self._model.layer_specs[layer], encoding)
        feeds = {**values, layer: arrived}
        outputs = self._model.tail(tuple(feeds)).run(feeds)
        return self._expected.difference(outputs) is None
