"""What the headers of a request mean for a model, found out once for each set of headers, and what such tails cost.

An edge sends the same headers in frame after frame. The first request with some headers is read and checked like any
other; if it is answered, its plan is kept, and the next ones are read by it. So a plan is of valid headers only, and
what is wrong with a request is always found and told in one place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import split_model
from cloud_service.errors import InvalidRequestError
from split_wire import CodecError, EncodedTensor, Encoding, Reason, decode_tensor
from split_wire.headers.header import Header

__all__ = ["CHEAP_S", "Headers", "TailPlan", "TailPlans", "headers_of", "sent_dtypes"]

CHEAP_S = 0.001
"""Seconds of decoding, computing and encoding up to which a tail is cheap.

The change to a thread and back, and the wait for Python's lock there, cost a third of that.
"""

_KEPT = 64  # as many as a model keeps tails
_WEIGHT = 0.2

Headers = tuple[tuple[Header, ...], tuple[str, ...]]
"""The headers of a request's tensors, and the outputs that it wants."""


def headers_of(tensors: Sequence[EncodedTensor], outputs: tuple[str, ...]) -> Headers | None:
    """Return what identifies a plan; None if a header is not one that is kept."""
    headers = tuple([tensor.header for tensor in tensors if tensor.header is not None])
    return (headers, outputs) if len(headers) == len(tensors) else None


def sent_dtypes(model: split_model.Model) -> dict[str, str]:
    """Return the name of each output's element type on the wire, by path."""
    return {spec.path: spec.tensor.sent.dtype for spec in model.outputs}


@dataclass(slots=True)
class TailPlan:
    """How requests with some headers are answered.

    Attributes:
        tail: What is computed.
        layers: Each layer that is sent, its tensors, and their places among the request's.
        sent: The name of each output's element type on the wire, by path.
        predicted_s: Seconds of the tail according to the profile.
        decode_s: Seconds of decoding according to the profile; infinite if it does not tell.
        measured_s: Mean seconds of decoding, computing and encoding; None before the first run. Processor time of the
            thread: on a busy machine, waiting for a core or for Python's lock would make every tail look dear.
    """

    tail: split_model.Tail
    layers: tuple[tuple[str, tuple[split_model.TensorSpec, ...], tuple[int, ...]], ...]
    sent: Mapping[str, str]
    predicted_s: float
    decode_s: float
    measured_s: float | None = field(default=None)

    @property
    def is_cheap(self) -> bool:
        """Whether it costs less than a thread, both by the profile and as measured."""
        return (
            self.predicted_s + self.decode_s <= CHEAP_S and self.measured_s is not None and self.measured_s <= CHEAP_S
        )

    def measured(self, seconds: float) -> None:
        """Note what one run took."""
        before = seconds if self.measured_s is None else self.measured_s
        self.measured_s = before + _WEIGHT * (seconds - before)

    def feeds(self, tensors: Sequence[EncodedTensor]) -> dict[str, split_model.Value]:
        """Decode a request's tensors: the values of its layers.

        Raises:
            InvalidRequestError: BAD_TENSOR.
        """
        try:
            return {
                layer: _value([decode_tensor(tensors[place]) for place in places], specs)
                for layer, specs, places in self.layers
            }
        except CodecError as error:
            raise InvalidRequestError(Reason.BAD_TENSOR, str(error)) from error


class TailPlans:
    """The plans of one model, which several threads may use.

    Args:
        model: The model.
        decode_s: Seconds to decode each layer's value, in the order of its graph, by encoding.
    """

    def __init__(self, model: split_model.Model, decode_s: Mapping[Encoding, Sequence[float]]) -> None:
        self._model = model
        self._decode_s = decode_s
        self._sent = sent_dtypes(model)
        self._position = {layer.name: position for position, layer in enumerate(model.graph.layers)}
        self._kept: dict[Headers, TailPlan] = {}

    def find(self, headers: Headers | None) -> TailPlan | None:
        """Return the plan that is kept for these headers."""
        return None if headers is None else self._kept.get(headers)

    def keep(self, headers: Headers | None, tail: split_model.Tail, predicted_s: float) -> TailPlan | None:
        """Keep the plan of a request that was answered."""
        if headers is None:
            return None
        places: dict[str, dict[int, int]] = {}
        for place, header in enumerate(headers[0]):
            places.setdefault(header.meta.name, {})[header.meta.index] = place
        specs = self._model.layer_specs
        layers = tuple(
            (layer, specs[layer], tuple(found[index] for index in range(len(specs[layer]))))
            for layer, found in places.items()
        )
        decode_s = sum(self._profiled_s(header) / len(specs[header.meta.name]) for header in headers[0])
        while len(self._kept) >= _KEPT:
            self._kept.pop(next(iter(self._kept), headers), None)  # another thread may have been first
        plan = self._kept[headers] = TailPlan(tail, layers, self._sent, predicted_s, decode_s)
        return plan

    def _profiled_s(self, header: Header) -> float:
        layers_s = self._decode_s.get(header.layout.encoding)
        return float("inf") if layers_s is None else layers_s[self._position[header.meta.name]]


def _value(arrays: list[split_model.Array], specs: tuple[split_model.TensorSpec, ...]) -> split_model.Value:
    """Return a layer's value; what a plan's headers say of its arrays has been checked, where they lie has not."""
    if not all(array.flags.aligned for array in arrays):
        return split_model.value_of(arrays, specs)
    return arrays[0] if len(arrays) == 1 else tuple(arrays)
