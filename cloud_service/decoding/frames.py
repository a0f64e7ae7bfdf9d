"""A request whose frame came as packets becomes one with the frame itself, before it waits for its turn."""

from dataclasses import dataclass, replace

import split_model
from cloud_service.decoding.session import PacketSession
from cloud_service.errors import InvalidRequestError
from split_wire import CodecError, EncodedTensor, Reason, encode_tensor
from split_wire.frames import TailRequest
from split_wire.packets import is_packets, read_packets

__all__ = ["Decoded", "decode_packets", "takes_pictures"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request without packets.

    Attributes:
        request: The request; its size counts the frame that was decoded.
        seconds: Of decoding; 0 if no frame came as packets.
    """

    request: TailRequest
    seconds: float


def takes_pictures(model: split_model.Model) -> bool:
    """Whether an input of the model can be sent as packets."""
    return any(_is_picture(spec) for spec in model.inputs)


async def decode_packets(model: split_model.Model, request: TailRequest, session: PacketSession) -> Decoded:
    """Decode a request's packets, if it has any.

    Raises:
        InvalidRequestError: The packets are malformed or of no picture input, or their picture cannot be decoded.
        RequestError: As `PacketSession.frame` says.
    """
    found = [place for place, tensor in enumerate(request.tensors) if is_packets(tensor)]
    if not found:
        return Decoded(request, 0.0)
    if len(found) > 1:
        raise InvalidRequestError(
            Reason.BAD_REQUEST, f"{len(found)} tensors are packets; expected one, for a stream has one session"
        )
    tensor = request.tensors[found[0]]
    height, width = _size(model, tensor)
    try:
        packets = read_packets(tensor)
    except CodecError as error:
        raise InvalidRequestError(Reason.BAD_TENSOR, str(error)) from error
    frame = await session.frame(packets, height, width)
    tensors = list(request.tensors)
    tensors[found[0]] = encode_tensor(tensor.name, frame.pixels)
    return Decoded(replace(request, tensors=tuple(tensors), size=request.size + frame.pixels.nbytes), frame.seconds)


def _is_picture(spec: split_model.ValueSpec) -> bool:
    return spec.layer is not None and spec.dtype == "uint8" and len(spec.shape) == 4 and spec.shape[:2] == (1, 3)


def _size(model: split_model.Model, tensor: EncodedTensor) -> tuple[int, int]:
    """The height and the width of the frame, which must be an input of the model."""
    shape = tuple(tensor.meta.shape)
    for spec in model.inputs:
        is_meant = spec.layer == tensor.name and tensor.index == 0 and _is_picture(spec)
        if is_meant and split_model.TensorSpec(spec.dtype, spec.shape).admits(split_model.TensorSpec("uint8", shape)):
            return shape[2], shape[3]
    raise InvalidRequestError(
        Reason.WRONG_TENSOR,
        f"packets for layer {tensor.name[:256]!r} of shape {list(shape[:32])}; expected an input of the model that is "
        "uint8 [1, 3, H, W], and its shape",
    )
