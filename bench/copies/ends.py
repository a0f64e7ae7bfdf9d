"""The two ends of `bench.copies`, children that count what they copy.

The cloud tells two ports, of the service and of one with protobuf's generated classes, and then, whenever it is asked,
the bytes that it has copied so far. The edge is asked [WHAT, TIMES], does that so often, and tells the bytes that it
copied meanwhile.
"""

import contextlib
import ctypes
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import torch

import split_model
from bench.child import Parent
from bench.rpc_overhead.ends import ANSWER_BYTES, Turn, checked, model_of, stream_turns, unary_turns
from cloud_service import CloudConfig, CloudServer
from edge_service.cloud.client import OPTIONS
from split_wire import decode_tensor, encode_tensor, split_pb2, split_pb2_grpc
from split_wire.frames import (
    StreamRequest,
    TailRequest,
    TimedRequest,
    read_stream_request,
    write_stream_request,
    write_timed_request,
)
from split_wire.transport import SERVICE

SIZE_BYTES = 16_000_000

Array = np.ndarray[Any, Any]


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
    server = CloudServer(CloudConfig(listen="127.0.0.1:0", insecure=True, threads=1), [model_of(SIZE_BYTES)])
    await server.start()
    generated = grpc.aio.server(options=OPTIONS)
    method = grpc.unary_unary_rpc_method_handler(
        answer_generated, split_pb2.RunTailRequest.FromString, split_pb2.RunTailResponse.SerializeToString
    )
    generated.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"RunTail": method}),))
    generated_port = generated.add_insecure_port("127.0.0.1:0")
    await generated.start()
    parent.tell([server.port, generated_port])
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
    request = TailRequest(model.name, model.digest, 1, (encode_tensor("x", array),))
    return write_timed_request(TimedRequest(write_stream_request(request), timeout_s=1.0))


def read(model: split_model.Model, message: bytes) -> split_model.Value:
    """The bytes that gRPC gives to a torch tensor."""
    found = read_stream_request(message)
    if not isinstance(found, StreamRequest):
        raise TypeError(f"cannot read what was written: {found}")
    (tensor,) = found.request.tensors
    return split_model.value_of((decode_tensor(tensor),), model.layer_specs["x"], model.device)


async def drive(parent: Parent, service: str, generated: str) -> None:
    model = model_of(SIZE_BYTES)
    array = np.random.default_rng(0).random((1, SIZE_BYTES // 4), np.float32)
    message = written(model, array)

    async def write_turn() -> None:
        written(model, array)

    async def read_turn() -> None:
        read(model, message)

    async with (
        stream_turns(service, model, array) as stream,
        unary_turns(service, model, array) as unary,
        generated_turns(generated, model, array) as with_generated,
    ):
        turns = {"stream": stream, "unary": unary, "generated": with_generated}
        turns |= {"written": write_turn, "read": read_turn}
        while True:
            name, times = await parent.hear()
            before = copied_bytes()
            for _ in range(times):
                await turns[name]()
            parent.tell(copied_bytes() - before)
