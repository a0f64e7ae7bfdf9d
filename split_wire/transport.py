"""The gRPC methods, with the readers and writers of `split_wire.frames` in place of the generated serialisers.

The bytes on the wire are the same, so the other side may use the generated stubs or any other client.
"""

import secrets
from functools import cache
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from split_wire import frames, split_pb2
from split_wire.split_pb2_grpc import SplitInferenceServicer

SERVICE: str = split_pb2.DESCRIPTOR.services_by_name["SplitInference"].full_name
"""`dads.v1.SplitInference`."""

LONGEST_BEAT_KEY = "dads-longest-beat-s"
"""The metadata by which a caller allows longer pauses between heartbeats; see "Heartbeats" in split.proto."""

EDGE_KEY = "dads-edge"
"""The metadata by which edges at one address tell themselves apart; see "Clients" in split.proto."""


@cache
def edge_name() -> str:
    """Return this process's name as an edge: random, so that it says nothing and no two are equal."""
    return secrets.token_hex(8)


def add_to_server(servicer: SplitInferenceServicer, server: grpc.aio.Server) -> None:
    """Register a service whose `RunTail` and `StreamTails` use the values of `split_wire.frames`.

    Every method receives an unreadable request as `Malformed`; gRPC itself would answer INTERNAL.

    Args:
        servicer: `RunTail` takes `TailRequest | Malformed` and returns `TailResponse`; `StreamTails` takes an iterator
            of `StreamRequest | Malformed` and writes `StreamEvent`s; the other methods take the generated requests, or
            `Malformed`.
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
        "ProbeDown": grpc.unary_stream_rpc_method_handler(
            servicer.ProbeDown, frames.reader(split_pb2.ProbeDownRequest), _serialized
        ),
        "RunTail": grpc.unary_unary_rpc_method_handler(servicer.RunTail, frames.read_request, frames.write_response),
        "StreamTails": grpc.stream_stream_rpc_method_handler(
            servicer.StreamTails, frames.read_stream_request, frames.write_event
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def run_tail(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 # gRPC's callables are generic in their messages
    """Return the callable of `RunTail`: a `TailRequest` to a `TailResponse | Malformed`."""
    return channel.unary_unary(
        f"/{SERVICE}/RunTail", request_serializer=frames.write_request, response_deserializer=frames.read_response
    )


def stream_tails(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401 # gRPC's callables are generic in their messages
    """Return the callable of `StreamTails`: `TimedRequest`s to `StreamEvent | Malformed | None`."""
    return channel.stream_stream(
        f"/{SERVICE}/StreamTails",
        request_serializer=frames.write_timed_request,
        response_deserializer=frames.read_event,
    )


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
