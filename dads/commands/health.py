"""`dads health`: ask a service for its health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dads import units
from dads.errors import CommandError, UnreachableError
from dads.options import (
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    TlsOption,
    TlsServerNameOption,
    an_address,
    in_units,
)

if TYPE_CHECKING:  # grpc takes a moment to import
    import grpc

    from split_wire.access import ClientAccess


def health(
    address: Annotated[
        str,
        typer.Argument(metavar="HOST:PORT", callback=an_address, help="Where the service listens.", show_default=False),
    ],
    timeout: Annotated[
        float, typer.Option(parser=in_units(units.parse_duration), metavar="DURATION", help="How long to wait.")
    ] = "2s",  # type: ignore[assignment] # typer parses the default too
    tls: TlsOption = None,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
    tls_server_name: TlsServerNameOption = None,
) -> None:
    """Ask a service for its health: 0 serving, 1 not serving, 3 unreachable.

    It needs no token. Where clients have to show a certificate, this one has to. What is not given is read from
    DADS_HEALTH_TLS, DADS_HEALTH_TLS_CA and so on: an image's health check cannot be given options.
    """
    access = None
    if tls or tls_ca or tls_cert or tls_key or tls_server_name:
        from split_wire.access import ClientAccess  # noqa: PLC0415 # imports numpy, which a plain check does not need

        access = ClientAccess(tls=bool(tls), ca=tls_ca, certificate=tls_cert, key=tls_key, server_name=tls_server_name)
    status = check(address, timeout_s=timeout, access=access)
    typer.echo(status)
    if status != "SERVING":
        raise CommandError(f"{address} answered {status}; it is starting up or shutting down")


def check(address: str, *, timeout_s: float, access: ClientAccess | None = None) -> str:
    """Return the service's status, as grpc.health.v1 names it.

    Args:
        address: HOST:PORT.
        timeout_s: How long to wait for an answer.
        access: TLS; None: plain text.

    Raises:
        AccessError: a file of TLS cannot be used.
        UnreachableError: no connection, or nothing answered within `timeout_s` seconds.
        CommandError: something answered that does not know of health.
    """
    import grpc  # noqa: PLC0415 # `dads --help` must answer at once
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 # see above

    with grpc.insecure_channel(address) if access is None else _secure_channel(address, access) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError as error:
            code = error.code()
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UnreachableError(
                    f"no answer from {address} within {timeout_s:g} s; is dads cloud running there?"
                ) from error
            if code is grpc.StatusCode.UNAVAILABLE:
                why = _why(error.details() or "", access)
                raise UnreachableError(f"no connection to {address}{why}") from error
            raise CommandError(f"{address} answered {code.name}: {error.details()}") from error
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def _secure_channel(address: str, access: ClientAccess) -> grpc.Channel:
    import grpc  # noqa: PLC0415 # see above

    from split_wire.access import channel_credentials  # noqa: PLC0415 # see above

    identity = access.identity()
    if identity is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, channel_credentials(identity), options=access.options())


def _why(details: str, access: ClientAccess | None) -> str:
    """Say what is wrong, as far as gRPC's words tell."""
    unknown = "; is dads cloud running there?"
    if access is None and "closed" not in details:
        return unknown  # without an import
    from split_wire.access import advice, suspicion  # noqa: PLC0415 # see above

    said = advice(details)
    return f"{unknown}{suspicion(details, encrypts=access is not None)}" if said is None else f": {said}"
