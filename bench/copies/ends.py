"""The two ends of `bench.copies`, children that count what they copy.

The cloud tells two ports, of the service and of one with protobuf's generated classes, and then, whenever it is asked,
the bytes that it has copied so far. The edge is asked [WHAT, TIMES], does that so often, and tells the bytes that it
copied meanwhile.
"""

import contextlib
import ctypes
from collections.abc import AsyncIterator

import grpc
import numpy as np
import torch

import split_model
from bench.child import Parent
from bench.rpc_overhead.ends import (
    Array,
    checked,
    model_and_array,
    serve_beside,
    serve_models,
    stream_turns,
    unary_turns,
)
from bench.rpc_overhead.raw import ANSWER_BYTES, Turn
from edge_service.cloud.client import OPTIONS
from split_model.pytorch.tensors import tensor_of
from split_wire import decode_tensor, encode_tensor, frames, split_pb2, split_pb2_grpc
from split_wire.transport import SERVICE

SIZE_BYTES = 16_000_000


def copied_bytes() -> int:
    """What this process has copied so far; `count_copies.c` must have been loaded before it."""
    count = ctypes.CDLL(None).dads_copied_bytes
    count.restype = ctypes.c_ulonglong
    return int(count())


async def answer_generated(request: split_pb2.RunTailRequest, _: object) -> split_pb2.RunTailResponse:
    """`RunTail` as one writes it with the generated classes: a tensor that may be written to, and 1 kB of it back."""
    (tensor,) = request.tensors
    values = torch.from_numpy(np.frombuffer(tensor.data, np.float32).copy())
    return split_pb2.RunTailResponse(outputs=[message_of("out", values[: ANSWER_BYTES // 4].numpy())])


def message_of(name: str, array: Array) -> split_pb2.Tensor:
    message = split_pb2.Tensor()
    message.CopyFrom(encode_tensor(name, array).meta)
    message.data = array.tobytes()
    return message


async def serve(parent: Parent) -> None:
    server = await serve_models("127.0.0.1:0", [SIZE_BYTES])
    handler = grpc.unary_unary_rpc_method_handler(
        answer_generated, split_pb2.RunTailRequest.FromString, split_pb2.RunTailResponse.SerializeToString
    )
    _generated, port = await serve_beside("127.0.0.1:0", SERVICE, "RunTail", handler)
    parent.tell([server.port, port])
    while True:
        await parent.hear()
        parent.tell(copied_bytes())


@contextlib.asynccontextmanager
async def generated_turns(address: str, model: split_model.Model, array: Array) -> AsyncIterator[Turn]:
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub = split_pb2_grpc.SplitInferenceStub(channel)

        async def turn() -> None:
            message = message_of("x", array)
            request = split_pb2.RunTailRequest(model=model.name, digest=model.digest, frame_id=1, tensors=[message])
            response = await stub.RunTail(request)
            checked(np.frombuffer(response.outputs[0].data, np.float32))

        yield turn


def written(model: split_model.Model, array: Array) -> bytes:
    """An array to the bytes that gRPC is given."""
    request = frames.TailRequest(model.name, model.digest, 1, (encode_tensor("x", array),))
    return frames.write_timed_request(frames.TimedRequest(frames.write_stream_request(request), timeout_s=1.0))


def read(model: split_model.Model, message: bytes) -> torch.Tensor:
    """The bytes that gRPC gives to a torch tensor."""
    found = frames.read_stream_request(message)
    assert isinstance(found, frames.StreamRequest), "what was written can be read"
    (tensor,) = found.request.tensors
    (spec,) = model.layer_specs["x"]
    value = split_model.value_of((decode_tensor(tensor),), (spec,))
    assert isinstance(value, np.ndarray), "there is one spec"
    return tensor_of(value, spec)


async def drive(parent: Parent, service: str, generated: str) -> None:
    sent = model, array = model_and_array(SIZE_BYTES)
    message = written(model, array)

    async def write_turn() -> None:
        written(model, array)

    async def read_turn() -> None:
        read(model, message)

    async with (
        stream_turns(service, *sent) as stream,
        unary_turns(service, *sent) as unary,
        generated_turns(generated, *sent) as with_generated,
    ):
        turns: dict[str, Turn] = {"stream": stream, "unary": unary, "generated": with_generated}
        turns |= {"written": write_turn, "read": read_turn}
        while True:
            name, times = await parent.hear()
            before = copied_bytes()
            for _ in range(times):
                await turns[name]()
            parent.tell(copied_bytes() - before)
