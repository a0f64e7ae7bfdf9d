"""`dads health`: get the health status of a service."""

from __future__ import annotations

from typing import Annotated

import typer

from dads import units
from dads.errors import CommandError
from dads.health_check import check
from dads.options import (
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    TlsOption,
    TlsServerNameOption,
    an_address,
    in_units,
)


def health(
    address: Annotated[
        str,
        typer.Argument(metavar="HOST:PORT", callback=an_address, help="Address of the service.", show_default=False),
    ],
    timeout: Annotated[
        float, typer.Option(parser=in_units(units.parse_duration), metavar="DURATION", help="Timeout of the call.")
    ] = "2s",  # type: ignore[assignment] # typer parses the default too
    tls: TlsOption = None,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
    tls_server_name: TlsServerNameOption = None,
) -> None:
    """Get the health status of a service. Exit codes: 0 serving, 1 not serving, 3 unreachable.

    It needs no token. If the service requires client certificates, it needs one too. Missing options are read from
    DADS_HEALTH_TLS, DADS_HEALTH_TLS_CA and so on, because an image's health check cannot take options.
    """
    access = None
    if tls or tls_ca or tls_cert or tls_key or tls_server_name:
        from split_wire.access import ClientAccess  # noqa: PLC0415 # imports numpy, which a plain check does not need

        access = ClientAccess(tls=bool(tls), ca=tls_ca, certificate=tls_cert, key=tls_key, server_name=tls_server_name)
    status = check(address, timeout_s=timeout, access=access)
    typer.echo(status)
    if status != "SERVING":
        raise CommandError(f"{address} answered {status}; it is starting up or shutting down")
