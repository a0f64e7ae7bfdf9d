"""`dads cloud`: serve models to edge agents."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads import logs
from dads.cache import cache_folder
from dads.errors import InvalidUsageError
from dads.loading import load_model
from dads.options import (
    MODEL_HELP,
    CacheDirOption,
    Device,
    DeviceOption,
    Engine,
    EngineOption,
    MetricsPortOption,
    NoCacheOption,
    ThreadsOption,
    TracingOption,
    WeightsOption,
)
from dads.ports import check_free
from dads.tracing import is_wanted, tracer

if TYPE_CHECKING:  # keeps `dads --help` fast
    from opentelemetry.trace import Tracer

    import split_model
    from cloud_service import CloudConfig
    from cloud_service.tracing import Tracing


def cloud(
    model: Annotated[list[str], typer.Option(metavar="MODEL", help=f"May be repeated. {MODEL_HELP}")],
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A model's name for edges, in the order of --model; by default as --model has it. Edges find a model "
            "by its digest too.",
            show_default=False,
        ),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Default 127.0.0.1:50051; port 0 picks a free one.")
    ] = None,
    device: DeviceOption = Device.CPU,
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
    metrics_port: MetricsPortOption = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Most tails computed at once; default 1.")] = None,
    max_queue: Annotated[int | None, typer.Option(help="Most tails that wait; more are refused; default 16.")] = None,
    max_streams: Annotated[int | None, typer.Option(help="Most open streams; an edge has two; default 1024.")] = None,
    max_calls: Annotated[int | None, typer.Option(help="Most open calls, streams included; default 1536.")] = None,
    max_calls_per_client: Annotated[
        int | None,
        typer.Option(help="Most open calls of one client; default 32, and 3/4 of --max-calls for an address."),
    ] = None,
    max_tails_per_client: Annotated[
        int | None,
        typer.Option(help="Most tails of one client in work; default 8, and 3/4 of all places for an address."),
    ] = None,
    replica: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This server's name among replicas; default the host's with a random part."),
    ] = None,
    packets: Annotated[
        bool | None,
        typer.Option(
            "--packets/--no-packets",
            help="Take the packets of compressed sources in place of frames, and decode them here; default on.",
            show_default=False,
        ),
    ] = None,
    max_decoders: Annotated[
        int | None, typer.Option(help="Most streams with packets, each with a decoder process; default 8.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM certificate chain; read again when it changes.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM private key of --tls-cert.")] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM certificates of the CA of clients, which then need a certificate."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Accepted tokens, one a line; or in DADS_CLOUD_TOKEN. If there are none, calls need no token.",
        ),
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Allow plain text on addresses other than loopback.")
    ] = None,
    tracing: TracingOption = None,
    log_format: Annotated[logs.LogFormat, typer.Option(help="Format of the log on stderr.")] = (logs.LogFormat.CONSOLE),
) -> None:
    """Serve models. SIGTERM or SIGINT finishes the calls in flight and exits; a second signal exits at once.

    Missing options are read from DADS_CLOUD_LISTEN, DADS_CLOUD_MAX_QUEUE and so on; then the defaults apply.
    Health checks never need a token. docs/operations.md has a section on access.
    """
    logs.configure(log_format)
    config = _config(
        listen=listen,
        threads=threads,
        metrics_port=metrics_port,
        max_concurrency=max_concurrency,
        max_queue=max_queue,
        max_streams=max_streams,
        max_calls=max_calls,
        max_calls_per_client=max_calls_per_client,
        max_tails_per_client=max_tails_per_client,
        replica=replica,
        packets=packets,
        max_decoders=max_decoders,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        token_file=token_file,
        insecure=insecure,
    )
    names = _names(model, name or [])
    is_traced = is_wanted(tracing)
    _check_ports(config)
    loaded = [
        load_model(
            spec,
            name=known,
            weights=weights,
            device=device,
            threads=threads,
            engine=engine or Engine.AUTO,
            cache=cache_folder(cache_dir, no_cache=no_cache),
            bridged=True,  # clients choose the cuts, and any is answered at once
        )
        for spec, known in zip(model, names, strict=True)
    ]
    with tracer("dads-cloud", wanted=is_traced) as spans:
        asyncio.run(serve(config, loaded, spans))


def _config(**options: str | int | bool | Path | None) -> CloudConfig:
    """Check the settings before any model is loaded; missing options are left to the environment."""
    from cloud_service import CloudConfig  # noqa: PLC0415 # keeps `dads --help` fast
    from cloud_service.access.settings import check_access  # noqa: PLC0415 # see above

    config = CloudConfig(**{name: value for name, value in options.items() if value is not None})
    check_access(config)
    return config


def _names(models: list[str], names: list[str]) -> list[str]:
    """The models' names, checked before any model is loaded."""
    if names and len(names) != len(models):
        raise InvalidUsageError(
            f"--name is given {len(names)} times, --model {len(models)} times; expected a name for each model, or none"
        )
    return names or models


def _check_ports(config: CloudConfig) -> None:
    """Check that the ports are free, before any model is loaded."""
    check_free("--listen", config.host, int(config.listen.rpartition(":")[2]))
    if config.metrics_port is not None:
        check_free("--metrics-port", config.host, config.metrics_port)


async def serve(config: CloudConfig, loaded: Sequence[split_model.Model], spans: Tracer | None = None) -> None:
    """Serve until a signal arrives, then drain.

    Args:
        config: The settings.
        loaded: The models to serve.
        spans: Makes the spans of frames' traces, or None.

    Raises:
        cloud_service.CloudError: the settings are not valid, or the address cannot be listened on.
    """
    from cloud_service import CloudServer  # noqa: PLC0415 # keeps `dads --help` fast

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
    """Print the addresses on stdout: the ports may have been picked just now."""
    host = config.listen.rpartition(":")[0]
    for model in loaded:
        what = f"{len(model.graph.layers)} layers, {model.engine.name}, {model.device}"
        typer.echo(f"serving {model.name} ({what}) on {host}:{port}")
    if metrics_port is not None:
        typer.echo(f"metrics on http://{host}:{metrics_port}/metrics")


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first SIGTERM or SIGINT sets the event, the next one ends the process."""
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            # Python's own SIGINT handler would raise, and then wait for threads that may be computing.
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
