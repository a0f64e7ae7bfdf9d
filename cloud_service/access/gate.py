"""The gate: checks the token and the limits on open calls before a call's method runs.

Laws:
    * No message of a refused call is received or parsed.
    * Health checks need no token, because a monitoring program should not hold the server's secrets. All other methods
      do, reflection included.
    * Every call is counted while it is open. Health checks and reflection are counted apart from other calls and from
      each other, so that none can use up another's limit: a balancer's checks cost its edges nothing.
    * A unary call is counted from before its request arrives, so `max_calls` bounds the memory of requests that are not
      admitted yet.
"""

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from cloud_service.access import clients
from cloud_service.access.crowds import Crowds, passed_a_proxy
from cloud_service.access.tokens import Tokens
from cloud_service.errors import InvalidRequestError, RequestError
from cloud_service.log import log
from cloud_service.statuses import Context, abort
from split_wire import Reason

OPEN_PREFIX = "/grpc.health.v1.Health/"
_REFLECTION_PREFIX = "/grpc.reflection."
_LOG_EVERY_S = 10.0

Handler = Any  # gRPC's handlers with and without asyncio differ in class, and are generic only in the stubs


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[type-arg] # generic in the stubs only
    """The interceptor in front of all methods.

    Args:
        tokens: The accepted tokens; None: no token is needed.
        max_calls: Calls of all clients open at the same time.
        max_calls_per_client: Calls of one client open at the same time, and of one edge at an address.
        max_calls_per_address: Calls of all edges at one address open at the same time.
        rejected: Called with the reason of each call that the gate refuses.
    """

    def __init__(
        self,
        tokens: Tokens | None,
        *,
        max_calls: int,
        max_calls_per_client: int,
        max_calls_per_address: int,
        rejected: Callable[[Reason], None],
    ) -> None:
        self._tokens = tokens
        self._calls, self._checks, self._reflections = (
            clients.CallLimit(total=max_calls, per_client=max_calls_per_client, per_address=max_calls_per_address)
            for _ in range(3)
        )
        self._crowds = Crowds()
        self._rejected = rejected
        self._refused = 0
        self._logged_s = -_LOG_EVERY_S

    @property
    def shared_addresses(self) -> int:
        """Addresses that several edges share, found since the start."""
        return self._crowds.known

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return a handler that counts the call and runs the method, or one that refuses the call."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None:
            return handler  # gRPC answers UNIMPLEMENTED
        if method.startswith(OPEN_PREFIX):
            return self._limited(handler, self._checks, token="")
        try:
            token = self._token(handler_call_details)
        except RequestError as error:
            return self._refusing(error)
        if method.startswith(_REFLECTION_PREFIX):
            return self._limited(handler, self._reflections, token=token)
        proxied = passed_a_proxy(key for key, _ in handler_call_details.invocation_metadata)
        return self._limited(handler, self._calls, token=token, proxied=proxied)

    def _token(self, details: grpc.HandlerCallDetails) -> str:
        if self._tokens is None:
            return ""
        return self._tokens.check(value for key, value in details.invocation_metadata if key == "authorization")

    def _refusing(self, error: RequestError) -> Handler:
        async def refuse(_: AsyncIterator[object], context: Context) -> None:
            await self._abort(context, error)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _limited(self, handler: Handler, limit: clients.CallLimit, *, token: str, proxied: bool = False) -> Handler:
        """Return a handler that counts the call; it also reads a unary request, so that gRPC does not do so before."""
        behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream

        async def call(requests: AsyncIterator[Any], context: Context) -> Any:  # noqa: ANN401 # of any method
            client = clients.client_of(context, token)
            try:
                with limit.held(client):
                    clients.CURRENT.set(client)
                    self._crowds.note(client, limit.edges(client), proxied=proxied)
                    taken = requests if handler.request_streaming else await _only(requests)
                    return await _answered(behaviour(taken, context), context)
            except RequestError as error:
                await self._abort(context, error)

        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        return make(call, handler.request_deserializer, handler.response_serializer)

    async def _abort(self, context: Context, error: RequestError) -> None:
        self._rejected(error.reason)
        self._refused += 1
        now_s = time.monotonic()
        if now_s - self._logged_s >= _LOG_EVERY_S:  # refused callers must not fill the log
            log.warning("calls refused", reason=error.reason.value, peer=context.peer(), calls=self._refused)
            self._refused, self._logged_s = 0, now_s
        await abort(context, error)


async def _answered(made: Any, context: Context) -> Any:  # noqa: ANN401 # of any method
    """Await a method's response, or write the responses that it yields."""
    if not inspect.isasyncgen(made):
        return await made
    async for response in made:
        await context.write(response)
    return None


async def _only(requests: AsyncIterator[Any]) -> Any:  # noqa: ANN401 # of any method
    async for request in requests:
        return request
    raise InvalidRequestError(Reason.BAD_REQUEST, "no request was sent; expected one")
