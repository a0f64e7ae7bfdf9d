"""`dads health`: ask a service for its health."""

from typing import Annotated

import typer

from dads import units
from dads.errors import CommandError, UnreachableError
from dads.options import an_address, in_units


def health(
    address: Annotated[
        str,
        typer.Argument(metavar="HOST:PORT", callback=an_address, help="Where the service listens.", show_default=False),
    ],
    timeout: Annotated[
        float, typer.Option(parser=in_units(units.parse_duration), metavar="DURATION", help="How long to wait.")
    ] = "2s",  # type: ignore[assignment] # typer parses the default too
) -> None:
    """Ask a service for its health: 0 serving, 1 not serving, 3 unreachable."""
    status = check(address, timeout_s=timeout)
    typer.echo(status)
    if status != "SERVING":
        raise CommandError(f"{address} answered {status}; it is starting up or shutting down")


def check(address: str, *, timeout_s: float) -> str:
    """Return the service's status, as grpc.health.v1 names it.

    Raises:
        UnreachableError: no connection, or nothing answered within `timeout_s` seconds.
        CommandError: something answered that does not know of health.
    """
    import grpc  # noqa: PLC0415 # `dads --help` must answer at once
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415 # see above

    with grpc.insecure_channel(address) as channel:
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
                raise UnreachableError(f"no connection to {address}; is dads cloud running there?") from error
            raise CommandError(f"{address} answered {code.name}: {error.details()}") from error
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
