"""`dads cloud`: serve models to edge agents."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads import logs
from dads.loading import load_model
from dads.options import (
    MODEL_HELP,
    Device,
    DeviceOption,
    MetricsPortOption,
    ThreadsOption,
    TracingOption,
    WeightsOption,
)
from dads.ports import check_free
from dads.tracing import is_wanted, tracer

if TYPE_CHECKING:  # torch takes seconds to import
    from opentelemetry.trace import Tracer

    import split_model
    from cloud_service import CloudConfig
    from cloud_service.tracing import Tracing


def cloud(
    model: Annotated[list[str], typer.Option(metavar="MODEL", help=f"May be repeated. {MODEL_HELP}")],
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Default 127.0.0.1:50051; port 0 picks a free one.")
    ] = None,
    device: DeviceOption = Device.CPU,
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    metrics_port: MetricsPortOption = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Tails computed at the same time; default 1.")] = None,
    max_queue: Annotated[int | None, typer.Option(help="Tails that may wait; one more is refused; default 16.")] = None,
    max_calls_per_client: Annotated[
        int | None, typer.Option(help="Calls that one client may have open; default 32.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM certificate chain to serve; read again when it changes.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM private key of --tls-cert.")] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM certificates that sign those of clients, which then need one."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tokens that calls may show, one a line; or in DADS_CLOUD_TOKEN. None: no token needed.",
        ),
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Allow plain text on addresses other than loopback.")
    ] = None,
    tracing: TracingOption = None,
    log_format: Annotated[logs.LogFormat, typer.Option(help="How the log on stderr is written.")] = (
        logs.LogFormat.CONSOLE
    ),
) -> None:
    """Serve models. SIGTERM or SIGINT finishes what is in flight and exits; a second one exits at once.

    What is not given is read from DADS_CLOUD_LISTEN, DADS_CLOUD_MAX_QUEUE and so on, then from the defaults.
    Health checks never need a token. docs/operations.md has a section on access.
    """
    logs.configure(log_format)
    config = _config(
        listen=listen,
        threads=threads,
        metrics_port=metrics_port,
        max_concurrency=max_concurrency,
        max_queue=max_queue,
        max_calls_per_client=max_calls_per_client,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        token_file=token_file,
        insecure=insecure,
    )
    is_traced = is_wanted(tracing)
    _check_ports(config)
    loaded = [load_model(spec, weights=weights, device=device, threads=threads) for spec in model]
    with tracer("dads-cloud", wanted=is_traced) as spans:
        asyncio.run(serve(config, loaded, spans))


def _config(**options: str | int | bool | Path | None) -> CloudConfig:
    """Check the settings before any model is loaded; what was not typed is left to the environment."""
    from cloud_service import CloudConfig  # noqa: PLC0415 # torch takes seconds to import
    from cloud_service.access.settings import check_access  # noqa: PLC0415 # see above

    config = CloudConfig(**{name: value for name, value in options.items() if value is not None})
    check_access(config)
    return config


def _check_ports(config: CloudConfig) -> None:
    """Tell that a port is in use before any model is loaded."""
    check_free("--listen", config.host, int(config.listen.rpartition(":")[2]))
    if config.metrics_port is not None:
        check_free("--metrics-port", config.host, config.metrics_port)


async def serve(config: CloudConfig, loaded: Sequence[split_model.Model], spans: Tracer | None = None) -> None:
    """Serve until a signal comes, then drain.

    Args:
        config: The settings.
        loaded: What is served.
        spans: Makes the spans of frames' traces, or None.

    Raises:
        cloud_service.CloudError: the settings do not fit, or the address cannot be listened on.
    """
    from cloud_service import CloudServer  # noqa: PLC0415 # torch takes seconds to import

    stop = asyncio.Event()
    _stop_on_signals(stop)
    server = CloudServer(config, loaded, tracing=_tracing(spans))
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        _announce(config, server.port, server.metrics_port, loaded)
    await server.serve_until(stop)
    starting.cancel()
    stopping.cancel()
    await asyncio.gather(starting, stopping, return_exceptions=True)


def _tracing(spans: Tracer | None) -> Tracing | None:
    if spans is None:
        return None
    from cloud_service.tracing import Tracing  # noqa: PLC0415 # OpenTelemetry is an extra

    return Tracing(spans)


def _announce(config: CloudConfig, port: int, metrics_port: int | None, loaded: Sequence[split_model.Model]) -> None:
    """Say where what is served, on stdout: the ports may have been picked a moment ago."""
    host = config.listen.rpartition(":")[0]
    for model in loaded:
        typer.echo(f"serving {model.name} ({len(model.graph.layers)} layers, {model.device}) on {host}:{port}")
    if metrics_port is not None:
        typer.echo(f"metrics on http://{host}:{metrics_port}/metrics")


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Let the first SIGTERM or SIGINT set the event, and the next one end the process."""
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            # Python's own SIGINT handler raises and then waits for threads that may be computing.
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
