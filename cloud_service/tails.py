"""The work for one request: decode and check the feeds, run the tail, encode the outputs.

It blocks and runs in a worker thread; it takes a model and a request, and knows nothing of gRPC.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import split_model
from cloud_service.errors import AnswerTooLargeError, ExpiredError, InvalidRequestError
from cloud_service.registry import ServedModel
from cloud_service.tail_plans import TailPlan, headers_of, sent_dtypes
from split_model import Array
from split_wire import (
    CodecError,
    EncodedTensor,
    Reason,
    decode_tensor,
    decoded_bytes,
    dtype_name,
    encode_tensor,
    split_pb2,
)
from split_wire.frames import StreamEvent, TailRequest, TailResponse
from split_wire.limits import ANNOUNCED_BYTES, MAX_MESSAGE_BYTES

# At most, in an answer: what it has besides its outputs; and the length of an output, with the padding of its data.
_TIMING_BYTES, _HEADER_BYTES = 100, 32


@dataclass(frozen=True, slots=True)
class Answer:
    """A computed tail.

    Attributes:
        response: Complete but for `timing.total_s`, `timing.queue_s` and `load_factor`, which the service sets.
        started_s: When the worker thread started, on `time.monotonic`.
        predicted_s: Seconds of the tail according to the profile.
    """

    response: TailResponse
    started_s: float
    predicted_s: float


def answer(
    served: ServedModel, request: TailRequest, most_bytes: int = MAX_MESSAGE_BYTES, *, until_s: float = math.inf
) -> Answer:
    """Run the rest of the model.

    Args:
        served: The model that the request names.
        request: Its feeds and fetches; its model and digest have been checked.
        most_bytes: The most that a message may have.
        until_s: The caller's deadline, on `time.monotonic`.

    Raises:
        InvalidRequestError: the request does not fit the model; the message says what was expected.
        ExpiredError: the deadline passed while the engine prepared the cut.
        AnswerTooLargeError: the outputs do not fit in a message.
    """
    started_s, used_s = time.monotonic(), time.thread_time()
    model = served.model
    headers = headers_of(request.tensors, request.outputs)
    plan = served.plans.find(headers)
    if plan is None:
        arrays = read_feeds(model, request.tensors)
        tail = find_tail(model, arrays, request.outputs)
        feeds = {layer: split_model.value_of(values, model.layer_specs[layer]) for layer, values in arrays.items()}
    else:
        tail, feeds = plan.tail, plan.feeds(request.tensors)
    decoded_s = time.monotonic()
    # Only now, so that a request that cannot be answered makes no session.
    prepare_s = prepared_s(model, tail.spec)
    if prepare_s and time.monotonic() > until_s:
        raise ExpiredError("the deadline passed while the server prepared this cut; it was not computed")
    results = tail.results(feeds)
    prepare_s += results.prepared_s
    computed_s = time.monotonic()
    written = write_outputs(model, results.outputs, None if plan is None else plan.sent)
    outputs = tuple(_within(most_bytes, written))
    ended_s = time.monotonic()
    timing = split_pb2.ServerTiming(
        decode_s=decoded_s - started_s,
        prepare_s=prepare_s,
        compute_s=max(0.0, computed_s - decoded_s - prepare_s),
        encode_s=ended_s - computed_s,
    )
    if plan is None:
        plan = served.plans.keep(headers, tail, served.predicted_s(feeds, request.outputs))
    predicted_s = plan.predicted_s if plan is not None else served.predicted_s(feeds, request.outputs)
    if plan is not None and not prepare_s:
        plan.measured(time.thread_time() - used_s)
    return Answer(TailResponse(request.frame_id, outputs, timing), started_s, predicted_s)


def is_ready(served: ServedModel, plan: TailPlan) -> bool:
    """Whether a planned tail runs without waiting for its engine."""
    engine, spec = served.model.engine, plan.tail.spec
    return engine.preparation is split_model.Preparation.NONE or not spec.outputs or engine.is_ready(spec)


def read_feeds(model: split_model.Model, tensors: Sequence[EncodedTensor]) -> dict[str, tuple[Array, ...]]:
    """Decode a request's tensors: by layer, one array for each tensor of its value.

    Together the decoded arrays take at most `MAX_MESSAGE_BYTES`, the limit of raw tensors, so that compression cannot
    make a request larger.

    Raises:
        InvalidRequestError: BAD_REQUEST, UNKNOWN_LAYER, BAD_TENSOR, WRONG_TENSOR, DUPLICATE_TENSOR, or MISSING_TENSOR
            if a layer's tuple is incomplete.
    """
    found: dict[str, dict[int, Array]] = {}
    left = MAX_MESSAGE_BYTES
    for tensor in tensors:
        array = _read_tensor(model, tensor, left)
        left -= array.nbytes
        parts = found.setdefault(tensor.name, {})
        if tensor.index in parts:
            raise InvalidRequestError(
                Reason.DUPLICATE_TENSOR,
                f"tensor {tensor.name!r}, index {tensor.index}, was sent twice; expected each tensor once",
            )
        parts[tensor.index] = array
    return {layer: _in_order(layer, parts, len(model.layer_specs[layer])) for layer, parts in found.items()}


def find_tail(model: split_model.Model, feeds: Mapping[str, object], outputs: Sequence[str]) -> split_model.Tail:
    """Return the tail from these layers to these outputs (paths; empty: all).

    Raises:
        InvalidRequestError: UNKNOWN_OUTPUT, MISSING_TENSOR, or BAD_REQUEST for an output wanted twice.
    """
    paths = tuple(spec.path for spec in model.outputs)
    for path in outputs:
        if path not in paths:
            raise InvalidRequestError(
                Reason.UNKNOWN_OUTPUT, f"{path[:256]!r} is not an output; expected some of: {_listed(paths)}"
            )
    if len(set(outputs)) < len(outputs):
        raise InvalidRequestError(Reason.BAD_REQUEST, "an output is wanted twice; expected each path once")
    try:
        return model.tail(tuple(feeds), tuple(outputs))
    except split_model.MissingTensorError as error:
        raise InvalidRequestError(
            Reason.MISSING_TENSOR,
            f"the wanted outputs need layer {error.layer!r}; expected its tensor, or those of layers after it",
        ) from error


def prepared_s(model: split_model.Model, spec: split_model.PartSpec) -> float:
    """Wait until the model's engine can run a part, and return the seconds; 0 if it can already."""
    engine = model.engine
    waits = bool(spec.outputs) and engine.preparation is split_model.Preparation.AWAITED
    if not waits or engine.is_ready(spec):
        return 0.0
    began_s = time.monotonic()
    engine.prepare((spec,))
    return time.monotonic() - began_s


def write_outputs(
    model: split_model.Model, computed: Mapping[str, Array], sent: Mapping[str, str] | None = None
) -> Iterator[EncodedTensor]:
    """Encode computed outputs, by path, one at a time.

    Args:
        model: The model.
        computed: The outputs.
        sent: `sent_dtypes(model)`, where it is known.
    """
    dtypes = sent_dtypes(model) if sent is None else sent
    for path, output in computed.items():
        (array,) = split_model.arrays_of(output)  # an output is one tensor
        yield encode_tensor(path, array, dtype=dtypes[path])


def _within(most_bytes: int, outputs: Iterator[EncodedTensor]) -> Iterator[EncodedTensor]:
    """Yield outputs as long as they fit in one message."""
    left = most_bytes - _TIMING_BYTES
    try:
        for output in outputs:
            left -= output.size + _HEADER_BYTES
            if left < 0:
                raise AnswerTooLargeError(
                    f"with output {output.name!r} the answer is larger than a message of {most_bytes} bytes; "
                    "expected the edge to compute this output, or smaller inputs"
                )
            yield output
    except CodecError as error:
        raise AnswerTooLargeError(f"an output cannot be sent: {error}") from error


def announcement(event: StreamEvent) -> split_pb2.Announcement | None:
    """Return what is sent before an event: for a large result, the words that its download begins now; else None."""
    if not isinstance(event, TailResponse):
        return None
    size = sum(len(tensor.data) for tensor in event.outputs)
    if size < ANNOUNCED_BYTES:
        return None
    return split_pb2.Announcement(frame_id=event.frame_id, bytes=size, timing=event.timing)


def _read_tensor(model: split_model.Model, tensor: EncodedTensor, left: int) -> Array:
    """Decode a tensor of at most `left` bytes, checking it against the layer first."""
    layer = tensor.name
    specs = model.layer_specs.get(layer)
    if specs is None:
        raise InvalidRequestError(
            Reason.UNKNOWN_LAYER,
            f"the model has no layer {layer[:256]!r}; expected names that ListModels returns",
        )
    try:
        size = decoded_bytes(tensor)
        _check_spec(specs, tensor)
        if size > left:
            raise InvalidRequestError(
                Reason.BAD_REQUEST,
                f"layer {layer!r}: the request's tensors take more than {MAX_MESSAGE_BYTES} bytes when they are "
                "decoded; expected at most that",
            )
        return decode_tensor(tensor)
    except CodecError as error:
        raise InvalidRequestError(Reason.BAD_TENSOR, str(error)) from error


def _check_spec(specs: Sequence[split_model.TensorSpec], tensor: EncodedTensor) -> None:
    layer = tensor.name
    if tensor.index >= len(specs):
        raise InvalidRequestError(
            Reason.WRONG_TENSOR, f"layer {layer!r} has {len(specs)} tensors; index {tensor.index} is not one of them"
        )
    spec = specs[tensor.index].sent
    dtype, shape = dtype_name(tensor.meta), tuple(tensor.meta.shape)
    if not spec.admits(split_model.TensorSpec(dtype, shape)):
        raise InvalidRequestError(
            Reason.WRONG_TENSOR,
            f"layer {layer!r}, index {tensor.index}: expected {spec.dtype} of shape {list(spec.shape)}, "
            f"got {dtype} of shape {list(shape)}",
        )


def _in_order(layer: str, parts: Mapping[int, Array], count: int) -> tuple[Array, ...]:
    for index in range(count):
        if index not in parts:
            raise InvalidRequestError(
                Reason.MISSING_TENSOR,
                f"layer {layer!r} is a tuple of {count} tensors; index {index} was not sent, expected all of them",
            )
    return tuple(parts[index] for index in range(count))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:16]) + (", …" if len(names) > 16 else "")
