"""The methods with tensors over gRPC, read and written by `split_wire.frames` in place of the generated serialisers.

On the wire nothing differs: the generated stubs and servicers, and any other client, can be on the other side.
"""

from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from split_wire import frames, split_pb2
from split_wire.split_pb2_grpc import SplitInferenceServicer

SERVICE: str = split_pb2.DESCRIPTOR.services_by_name["SplitInference"].full_name
"""`dads.v1.SplitInference`."""


def add_to_server(servicer: SplitInferenceServicer, server: grpc.aio.Server) -> None:
    """Register a service whose `RunTail` and `StreamTails` speak the values of `split_wire.frames`.

    A request of any method that cannot be read comes as `Malformed`: gRPC would answer INTERNAL.

    Args:
        servicer: `RunTail` takes `TailRequest | Malformed` and returns `TailResponse`; `StreamTails` takes an iterator
            of `StreamRequest | Malformed` and writes `StreamEvent`s; its other methods
            take what the generated ones take, or `Malformed`.
        server: Not started yet.
    """
    handlers = {
        "ListModels": grpc.unary_unary_rpc_method_handler(
            servicer.ListModels, frames.reader(split_pb2.ListModelsRequest), _serialized
        ),
        "GetProfile": grpc.unary_unary_rpc_method_handler(
            servicer.GetProfile, frames.reader(split_pb2.GetProfileRequest), _serialized
        ),
        "Probe": grpc.stream_unary_rpc_method_handler(
            servicer.Probe, frames.reader(split_pb2.ProbeRequest), _serialized
        ),
        "RunTail": grpc.unary_unary_rpc_method_handler(servicer.RunTail, frames.read_request, frames.write_response),
        "StreamTails": grpc.stream_stream_rpc_method_handler(
            servicer.StreamTails, frames.read_stream_request, frames.write_event
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def run_tail(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 # gRPC's callables are generic in what they speak
    """Return the callable of `RunTail`: a `TailRequest` to a `TailResponse | Malformed`."""
    return channel.unary_unary(
        f"/{SERVICE}/RunTail", request_serializer=frames.write_request, response_deserializer=frames.read_response
    )


def stream_tails(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 # gRPC's callables are generic in what they speak
    """Return the callable of `StreamTails`: `TimedRequest`s to `StreamEvent | Malformed | None`."""
    return channel.stream_stream(
        f"/{SERVICE}/StreamTails",
        request_serializer=frames.write_timed_request,
        response_deserializer=frames.read_event,
    )


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
