"""Open Inference requests and answers as the values of a tail that begins at a model's inputs.

Laws:
    * Raw contents are not copied into protobuf's classes, neither in requests nor in answers.
    * Names, dtypes, shapes and sizes are checked against the model before anything of their size is allocated.
    * What would change the meaning of a request and is not served (parameters, typed contents) is refused, not ignored.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf.message import DecodeError

import split_model
from cloud_service.errors import AnswerTooLargeError, InvalidRequestError
from cloud_service.open_inference import open_inference_pb2 as wire
from split_wire import DTYPES, EncodedTensor, Encoding, Reason, WireError, dtype_name, split_pb2
from split_wire.encodings import WIRE
from split_wire.frames import Malformed, TailRequest
from split_wire.limits import MAX_NAME_BYTES
from split_wire.packing import Buffer
from split_wire.wire import Level, Separator, length_delimited

DATATYPES: Mapping[str, str] = MappingProxyType(
    {name: name.upper().replace("BFLOAT", "BF").replace("FLOAT", "FP") for name in DTYPES}
)
"""The protocol's datatypes by the names that models use: `FP32` by `float32`."""

_DTYPES: Mapping[str, str] = {datatype: name for name, datatype in DATATYPES.items()}
_REQUEST = Level({5: Level(is_tensor=True)}, data=7)
_RAW_OUTPUT = 6


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A `ModelInferRequest` without its raw contents, these contents, and the bytes of the whole message."""

    head: wire.ModelInferRequest
    contents: tuple[Buffer, ...]
    size: int


def read_infer(message: bytes) -> InferRequest | Malformed:
    """Parse a `ModelInferRequest`; the contents share its memory."""
    separator = Separator(message)
    try:
        head = wire.ModelInferRequest.FromString(separator.separate(_REQUEST))
        contents = tuple(separator.data(mark) for mark in head.raw_input_contents)
    except (WireError, DecodeError) as error:
        return Malformed(f"the message cannot be read: {error}", None)
    head.ClearField("raw_input_contents")
    return InferRequest(head, contents, len(message))


def tail_request(model: split_model.Model, request: InferRequest) -> TailRequest:
    """Return the request for the tail that begins at the model's inputs.

    Raises:
        InvalidRequestError: BAD_REQUEST, BAD_TENSOR, WRONG_TENSOR, DUPLICATE_TENSOR or MISSING_TENSOR.
    """
    head = request.head
    if len(head.id.encode()) > MAX_NAME_BYTES:
        raise InvalidRequestError(Reason.BAD_REQUEST, f"the id is too long; expected at most {MAX_NAME_BYTES} bytes")
    _refuse_unserved(head)
    if len(request.contents) != len(head.inputs):
        raise InvalidRequestError(
            Reason.BAD_REQUEST,
            f"{len(request.contents)} raw_input_contents for {len(head.inputs)} inputs; expected one for each input",
        )
    specs = {spec.path: spec for spec in model.inputs}
    found: dict[str, EncodedTensor] = {}
    for tensor, data in zip(head.inputs, request.contents, strict=True):
        if tensor.name in found:
            raise InvalidRequestError(
                Reason.DUPLICATE_TENSOR, f"input {tensor.name!r} was sent twice; expected each input once"
            )
        found[tensor.name] = _read_input(specs, tensor, data)
    missing = [path for path in specs if path not in found]
    if missing:
        raise InvalidRequestError(
            Reason.MISSING_TENSOR, f"input {missing[0]!r} was not sent; expected all of: {_listed(specs)}"
        )
    wanted = tuple(output.name for output in head.outputs)
    return TailRequest(model.name, model.digest, 0, tuple(found.values()), wanted, request.size)


def write_answer(
    request: InferRequest, model: split_model.Model, outputs: Sequence[EncodedTensor], most_bytes: int
) -> bytes:
    """Serialise the `ModelInferResponse` with these outputs.

    Raises:
        AnswerTooLargeError: it is larger than `most_bytes`.
    """
    head = wire.ModelInferResponse(
        model_name=request.head.model_name,
        model_version=version_of(model),
        id=request.head.id,
        outputs=[
            wire.ModelInferResponse.InferOutputTensor(
                name=output.name, datatype=DATATYPES[dtype_name(output.meta)], shape=output.meta.shape
            )
            for output in outputs
        ],
    )
    parts: list[Buffer] = [head.SerializeToString()]
    for output in outputs:
        parts += (length_delimited(_RAW_OUTPUT, len(output.data)), output.data)
    size = sum(map(len, parts))
    if size > most_bytes:
        raise AnswerTooLargeError(
            f"the answer has {size} bytes; expected at most {most_bytes}: ask for fewer outputs, or send smaller inputs"
        )
    return b"".join(parts)


def metadata(model: split_model.Model) -> wire.ModelMetadataResponse:
    """Return what ModelMetadata tells of a model."""
    return wire.ModelMetadataResponse(
        name=model.name,
        versions=[version_of(model)],
        platform=f"dads_{model.engine.name}",
        inputs=map(_metadata, model.inputs),
        outputs=map(_metadata, model.outputs),
    )


def version_of(model: split_model.Model) -> str:
    """Return the first 12 digits of a model's digest."""
    return model.digest[:12]


def _metadata(spec: split_model.ValueSpec) -> wire.ModelMetadataResponse.TensorMetadata:
    sent = spec.tensor.sent
    return wire.ModelMetadataResponse.TensorMetadata(
        name=spec.path,
        datatype=DATATYPES.get(sent.dtype, ""),  # an input that cannot be sent: requests for it are refused
        shape=[-1 if size is None else size for size in sent.shape],
    )


def _refuse_unserved(head: wire.ModelInferRequest) -> None:
    given = list(head.parameters)
    given += [name for tensor in head.inputs for name in tensor.parameters]
    given += [name for output in head.outputs for name in output.parameters]
    if given:
        raise InvalidRequestError(
            Reason.BAD_REQUEST, f"parameter {given[0][:MAX_NAME_BYTES]!r} is not served; expected no parameters"
        )
    for tensor in head.inputs:
        if tensor.HasField("contents"):
            raise InvalidRequestError(
                Reason.BAD_REQUEST,
                f"input {tensor.name[:MAX_NAME_BYTES]!r} has typed contents; expected its bytes in raw_input_contents",
            )


def _read_input(
    specs: Mapping[str, split_model.ValueSpec], tensor: wire.ModelInferRequest.InferInputTensor, data: Buffer
) -> EncodedTensor:
    """Check one input against the model and return it as its layer's tensor."""
    name = tensor.name[:MAX_NAME_BYTES]
    spec = specs.get(tensor.name)
    if spec is None or spec.layer is None:
        raise InvalidRequestError(
            Reason.UNKNOWN_LAYER, f"the model has no input {name!r}; expected some of: {_listed(specs)}"
        )
    wanted, shape = spec.tensor.sent, tuple(tensor.shape)
    dtype = _DTYPES.get(tensor.datatype, "")
    if not wanted.admits(split_model.TensorSpec(dtype, shape)):
        raise InvalidRequestError(
            Reason.WRONG_TENSOR,
            f"input {name!r}: expected {DATATYPES.get(wanted.dtype, wanted.dtype)} of shape {list(wanted.shape)}, "
            f"got {tensor.datatype[:16]!r} of shape {list(shape[:16])}",
        )
    size = split_model.TensorSpec(dtype, shape).bytes
    if len(data) != size:
        raise InvalidRequestError(
            Reason.BAD_TENSOR,
            f"input {name!r}: {tensor.datatype} of shape {list(shape)} needs {size} bytes of raw contents, "
            f"got {len(data)}",
        )
    meta = split_pb2.Tensor(name=spec.layer, dtype=DTYPES[dtype], shape=shape, encoding=WIRE[Encoding.RAW])
    return EncodedTensor(meta, data)


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:16]) + (", …" if len(known) > 16 else "")
