"""The methods of GRPCInferenceService: whole models through the queue, limits and statuses of RunTail."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from cloud_service.calls import Calls
from cloud_service.errors import InvalidRequestError, RequestError, UnknownModelError
from cloud_service.metrics import CloudMetrics, running_version
from cloud_service.open_inference import messages
from cloud_service.open_inference import open_inference_pb2 as wire
from cloud_service.registry import Registry, ServedModel
from cloud_service.statuses import Context, abort
from split_wire import Reason
from split_wire.frames import Malformed, TailRequest, TailResponse, reader

SERVICE: str = wire.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
"""`inference.GRPCInferenceService`."""

Request = TypeVar("Request")
Response = TypeVar("Response")

RunTail = Callable[[TailRequest, float, float | None], Awaitable[TailResponse]]
"""Queues and computes a request that arrived at a time, within seconds or None."""


class OpenInference:
    """The service of `open_inference.proto`.

    Args:
        registry: The served models.
        run_tail: Computes a tail; see `RunTail`.
        draining: Whether the server is shutting down.
        metrics: Receives every call.
        most_bytes: The most that an answer may have.
    """

    def __init__(
        self,
        registry: Registry,
        run_tail: RunTail,
        draining: Callable[[], bool],
        metrics: CloudMetrics,
        most_bytes: int,
    ) -> None:
        self._registry = registry
        self._run_tail = run_tail
        self._draining = draining
        self._calls = Calls(metrics)
        self._most_bytes = most_bytes

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register the methods; an unreadable request is refused as INVALID_ARGUMENT, not as gRPC's INTERNAL."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "ServerLive": self._method("ServerLive", reader(wire.ServerLiveRequest), self._server_live),
            "ServerReady": self._method("ServerReady", reader(wire.ServerReadyRequest), self._server_ready),
            "ModelReady": self._method("ModelReady", reader(wire.ModelReadyRequest), self._model_ready),
            "ServerMetadata": self._method("ServerMetadata", reader(wire.ServerMetadataRequest), self._server_metadata),
            "ModelMetadata": self._method("ModelMetadata", reader(wire.ModelMetadataRequest), self._model_metadata),
            "ModelInfer": self._method("ModelInfer", messages.read_infer, self._model_infer),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    def _method(
        self,
        name: str,
        read: Callable[[bytes], Request | Malformed],
        answer: Callable[[Request, Context], Awaitable[Message | bytes]],
    ) -> "grpc.RpcMethodHandler[Request | Malformed, Message | bytes]":
        return grpc.unary_unary_rpc_method_handler(partial(self._answered, name, answer), read, _serialized)

    async def _answered(
        self,
        name: str,
        answer: Callable[[Request, Context], Awaitable[Response]],
        request: Request | Malformed,
        context: Context,
    ) -> Response:
        try:
            with self._calls.counted(name):
                if isinstance(request, Malformed):
                    raise InvalidRequestError(Reason.BAD_REQUEST, request.reason)
                return await answer(request, context)
        except RequestError as error:
            await abort(context, error)

    async def _server_live(self, _: wire.ServerLiveRequest, __: Context) -> wire.ServerLiveResponse:
        return wire.ServerLiveResponse(live=True)

    async def _server_ready(self, _: wire.ServerReadyRequest, __: Context) -> wire.ServerReadyResponse:
        return wire.ServerReadyResponse(ready=self._ready)

    async def _model_ready(self, request: wire.ModelReadyRequest, _: Context) -> wire.ModelReadyResponse:
        if self._registry.ready:
            self._find(request.name, request.version)
        return wire.ModelReadyResponse(ready=self._ready)

    async def _server_metadata(self, _: wire.ServerMetadataRequest, __: Context) -> wire.ServerMetadataResponse:
        return wire.ServerMetadataResponse(name="dads", version=running_version())

    async def _model_metadata(self, request: wire.ModelMetadataRequest, _: Context) -> wire.ModelMetadataResponse:
        return messages.metadata(self._find(request.name, request.version).model)

    async def _model_infer(self, request: messages.InferRequest, context: Context) -> bytes:
        arrived_s = time.monotonic()
        model = self._find(request.head.model_name, request.head.model_version).model
        tail = messages.tail_request(model, request)
        answered = await self._run_tail(tail, arrived_s, context.time_remaining())
        return messages.write_answer(request, model, answered.outputs, self._most_bytes)

    @property
    def _ready(self) -> bool:
        return self._registry.ready and not self._draining()

    def _find(self, name: str, version: str) -> ServedModel:
        served = self._registry.find(name, "")
        known = messages.version_of(served.model)
        if version not in {"", known}:
            raise UnknownModelError(
                f"model {name!r} has no version {version[:64]!r}; expected {known!r}, the start of its digest, or none"
            )
        return served


def _serialized(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
