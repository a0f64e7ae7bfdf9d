"""One health check of a service over gRPC, for `dads health` and for the demo."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dads.errors import CommandError, UnreachableError

if TYPE_CHECKING:  # grpc takes a moment to import
    import grpc

    from split_wire.access import ClientAccess


def check(address: str, *, timeout_s: float, access: ClientAccess | None = None) -> str:
    """Return the service's status, as grpc.health.v1 names it.

    Args:
        address: HOST:PORT.
        timeout_s: Timeout of the call.
        access: TLS; None for plain text.

    Raises:
        AccessError: a TLS file cannot be used.
        UnreachableError: no connection, or no answer within `timeout_s` seconds.
        CommandError: the server has no health service.
    """
    import grpc  # noqa: PLC0415 # `dads --help` must answer at once
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 # see above

    with _channel(address, access) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UnreachableError(
                    f"no answer from {address} within {timeout_s:g} s{_proxy(address)}; is dads cloud running there?"
                ) from error
            if code is grpc.StatusCode.UNAVAILABLE:
                why = _why(error.details() or "", access)
                raise UnreachableError(f"no connection to {address}{_proxy(address)}{why}") from error
            raise CommandError(f"{address} answered {code.name}: {error.details()}") from error
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def _channel(address: str, access: ClientAccess | None) -> grpc.Channel:
    import grpc  # noqa: PLC0415 # see above

    options: tuple[tuple[str, str | int], ...] = ()
    if _may_have_proxy():
        from split_wire.access.proxies import proxy_options  # noqa: PLC0415 # imports numpy, which a plain check does not need

        options = proxy_options(address)
    identity = None if access is None else access.identity()
    if access is None or identity is None:
        return grpc.insecure_channel(address, options=options)
    from split_wire.access import channel_credentials  # noqa: PLC0415 # see above

    return grpc.secure_channel(address, channel_credentials(identity), options=(*options, *access.options()))


def _proxy(address: str) -> str:
    """Names the proxy on the way, if there is one."""
    if not _may_have_proxy():
        return ""
    from split_wire.access.proxies import through_proxy  # noqa: PLC0415 # see above

    return through_proxy(address)


def _may_have_proxy() -> bool:
    return any(name.endswith("_proxy") for name in os.environ)


def _why(details: str, access: ClientAccess | None) -> str:
    """Returns the likely cause, as far as gRPC's message shows it."""
    unknown = "; is dads cloud running there?"
    if access is None and "closed" not in details:
        return unknown  # without an import
    from split_wire.access import advice, suspicion  # noqa: PLC0415 # see above

    hint = advice(details)
    return f"{unknown}{suspicion(details, encrypts=access is not None)}" if hint is None else f": {hint}"
