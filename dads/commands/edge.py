"""`dads edge`: run the agent on a stream of frames."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from dads import logs
from dads.cache import cache_folder
from dads.demo.summary import BASELINES
from dads.errors import CommandError, InvalidUsageError
from dads.loading import SEEDED, is_seeded, load_model
from dads.options import (
    MODEL_HELP,
    CacheDirOption,
    Device,
    DeviceOption,
    EncodingsOption,
    Engine,
    EngineOption,
    InputEncodingOption,
    MaxErrorOption,
    MetricsPortOption,
    NameOption,
    NoCacheOption,
    PacketsOption,
    PolicyOption,
    PreprocessOption,
    ReportOption,
    RtspTransport,
    ThreadsOption,
    TlsCaOption,
    TlsCertOption,
    TlsKeyOption,
    TlsOption,
    TlsServerNameOption,
    TracingOption,
    WeightsOption,
    a_folder,
    above_zero,
    in_units,
    some_addresses,
    stdout_or_in_a_folder,
)
from dads.planning.profile_file import encodings_in, read_profile
from dads.planning.profiles import check_engine_of, check_profile_of, measure_profile
from dads.ports import check_free
from dads.session.settings import compared, for_source, settings
from dads.tracing import is_wanted, tracer
from dads.units import parse_duration

_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def edge(
    model: Annotated[str, typer.Option(help=MODEL_HELP, show_default=False)],
    cloud: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT[,HOST:PORT]",
            callback=some_addresses,
            help="Address of the cloud service, or of several, of which the best is used; without it every frame is "
            "computed here.",
        ),
    ] = None,
    name: NameOption = None,
    source: Annotated[
        str,
        typer.Option(
            help="A video file, a folder of images, /dev/video0, rtsp://..., http://..., or sample (a real clip)."
        ),
    ] = "sample",
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, callback=above_zero, help="Sampling rate in frames per second; default 5."),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after this many frames; a shorter clip is repeated.", show_default=False),
    ] = None,
    loop: Annotated[bool, typer.Option(help="Repeat the clip for ever.")] = False,
    rtsp_transport: Annotated[
        RtspTransport, typer.Option(help="How an RTSP camera sends; over udp packets get lost, and damage pictures.")
    ] = RtspTransport.TCP,
    give_up_after: Annotated[
        float | None,
        typer.Option(
            parser=in_units(parse_duration),
            metavar="DURATION",
            help="Exit with 1 if a camera gives no picture for this long; without it, it is waited for.",
            show_default=False,
        ),
    ] = None,
    policy: PolicyOption = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="POLICY", help="The other name of --policy.", show_default=False)
    ] = None,
    compare: Annotated[
        bool, typer.Option(help="Then run edge_only and cloud_only over the same frames, and add them to the report.")
    ] = False,
    compare_with: Annotated[
        str | None,
        typer.Option(metavar="POLICY[,POLICY]", help="Then run these policies, as --compare does.", show_default=False),
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Compare every result with the whole model run here; exit 1 if any differs.")
    ] = False,
    report: ReportOption = None,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.jsonl|-",
            callback=stdout_or_in_a_folder,
            help="Write a line of JSON for each frame; - is stdout.",
            show_default=False,
        ),
    ] = None,
    save_outputs: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            callback=a_folder,
            help="Save the first run's outputs, for each frame a file frame-000012.npz with an array for each output.",
            show_default=False,
        ),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|FILE.mp4",
            help="Draw on the first run's pictures what the model sees: boxes with label and score, or the top class.",
            show_default=False,
        ),
    ] = None,
    edge_slowdown: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            callback=above_zero,
            help="Multiply the edge's compute time, decisions included, by waiting.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            help="A file of dads profile: times of the layers here, and of encodings if they were measured with the "
            "same settings; missing times are measured.",
            show_default=False,
        ),
    ] = None,
    preprocess: PreprocessOption = None,
    encodings: EncodingsOption = None,
    max_error: MaxErrorOption = None,
    input_encoding: InputEncodingOption = None,
    packets: PacketsOption = None,
    compile_heads: Annotated[
        bool | None,
        typer.Option(
            "--compile", help="Compile the head of a split that stays, in the background; needs a C++ compiler."
        ),
    ] = None,
    tls: TlsOption = None,
    tls_ca: TlsCaOption = None,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
    tls_server_name: TlsServerNameOption = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file with the token for the cloud; or in DADS_EDGE_TOKEN.", show_default=False
        ),
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Let the token leave this machine in plain text.")
    ] = None,
    require_cloud: Annotated[
        bool | None, typer.Option("--require-cloud", help="Exit with 3 if the cloud cannot be reached at the start.")
    ] = None,
    metrics_port: MetricsPortOption = None,
    metrics_host: Annotated[
        str,
        typer.Option(envvar="DADS_EDGE_METRICS_HOST", help="Address for --metrics-port; 0.0.0.0 is all addresses."),
    ] = "127.0.0.1",
    show_frames: Annotated[
        bool | None,
        typer.Option(
            "--show-frames/--no-show-frames",
            envvar="DADS_EDGE_SHOW_FRAMES",
            help="Show frames of the source on the live page, which has no login; by default on loopback only.",
            show_default=False,
        ),
    ] = None,
    tracing: TracingOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = Device.CPU,
    threads: ThreadsOption = None,
    engine: EngineOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
    log_format: Annotated[logs.LogFormat, typer.Option(help="Format of the log on stderr.")] = logs.LogFormat.CONSOLE,
) -> None:
    """Stream frames through a model that is split between this machine and a cloud.

    Missing options are read from DADS_EDGE_RATE_HZ, DADS_EDGE_POLICY, DADS_EDGE_SLOWDOWN and so on; then the defaults
    apply. SIGTERM or SIGINT finishes the frames under way and exits; a second signal exits at once.
    """
    logs.configure(log_format)
    config = settings(
        rate_hz=rate,
        policy=policy,
        strategy=strategy,
        slowdown=edge_slowdown,
        encodings=encodings,
        max_error=max_error,
        input_encoding=input_encoding,
        packets=packets,
        compile=compile_heads,
        tls=tls,
        tls_ca=tls_ca,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_server_name=tls_server_name,
        token_file=token_file,
        insecure=insecure,
        require_cloud=require_cloud,
        keep_inputs=verify or None,
    )
    config = for_source(config, source)
    policies = _policies(config.policy, compare=compare, compare_with=compare_with)
    if cloud is None and (len(policies) > 1 or config.require_cloud or _needs_cloud(config.policy)):
        raise InvalidUsageError(
            "--compare, --compare-with, --require-cloud and the policies cloud_only and given need --cloud HOST:PORT"
        )
    for address in () if cloud is None else cloud.split(","):
        config.access.check(address)
    chosen_engine = _engine(model, engine, compiles=config.compile)
    is_traced = is_wanted(tracing)
    if metrics_port is not None:
        check_free("--metrics-port", metrics_host, metrics_port)
    from edge_service.output.drawn_pictures import check_drawing  # noqa: PLC0415 - keeps `dads --help` fast
    from edge_service.sources import LiveOptions, open_source  # noqa: PLC0415 - see above

    open_source(source, height=1, width=1)  # a missing source is an error before the model is loaded
    if draw is not None:
        check_drawing(draw)
    stored = None if profile is None else read_profile(profile)
    loaded = load_model(
        model,
        name=name,
        weights=weights,
        device=device.value,
        threads=threads,
        preprocess=preprocess,
        engine=chosen_engine,
        cache=cache_folder(cache_dir, no_cache=no_cache),
        one_heap=True,
    )
    if stored is None or profile is None:
        stored = measure_profile(loaded)
    else:
        check_profile_of(stored, loaded, profile)
        check_engine_of(stored, loaded, profile)

    from dads.planning.encodings import fits, restored  # noqa: PLC0415 - keeps `dads --help` fast
    from dads.session.session import EdgeSession, FileOptions, StreamOptions  # noqa: PLC0415 - see above
    from edge_service.control.policies import policy_named  # noqa: PLC0415 - see above
    from edge_service.sendable import sendable_graph  # noqa: PLC0415 - see above
    from split_model import Profile  # noqa: PLC0415 - see above
    from split_wire.access import is_loopback  # noqa: PLC0415 - gRPC takes a while to import

    if results != "-" and is_seeded(model, weights):
        typer.echo(SEEDED)
    kept = stored.encodings or encodings_in(loaded)
    graph = sendable_graph(loaded)
    chosen = [policy_named(each, graph, loaded.places) for each in policies]
    with _opened(results) as file, tracer("dads-edge", wanted=is_traced) as spans:
        session = EdgeSession(
            loaded,
            cloud,
            config,
            StreamOptions(source, config.rate_hz, frames, loop, LiveOptions(rtsp_transport.value, give_up_after)),
            edge_profile=Profile(layer_s=stored.layer_s, whole_s=stored.whole_s),
            wire_costs=restored(loaded, kept) if kept is not None and fits(loaded, kept, config) else None,
            verify=verify,
            metrics_port=metrics_port,
            metrics_host=metrics_host,
            shows_frames=is_loopback(metrics_host) if show_frames is None else show_frames,
            shows_table=results != "-",
            tracer=spans,
            files=FileOptions(save_outputs, draw),
        )
        try:
            made = asyncio.run(session.run(chosen, file))
        except Exception:
            with contextlib.suppress(OSError, CommandError):  # what ended the run says more
                _write(report, session.report)
            raise
    _write(report, made)
    if session.problems:
        raise CommandError("; ".join(session.problems))
    _check_any_done(made)
    if any(run.get("verify", {}).get("different", 0) for run in [made, *made.get("baselines", {}).values()]):
        raise typer.Exit(1)


def _engine(model: str, asked: Engine | None, *, compiles: bool) -> Engine:
    """The engine; heads are compiled by torch, so nothing is looked for elsewhere where they are."""
    if not compiles:
        return asked or Engine.AUTO
    from split_model.choosing.from_file import is_model_file  # noqa: PLC0415 - keeps `dads --help` fast

    if asked is Engine.ONNX:
        raise InvalidUsageError("--compile: heads are compiled by torch; expected --engine torch, or no --compile")
    if model.startswith("file:") and is_model_file(Path(model.removeprefix("file:"))):
        raise InvalidUsageError(f"--compile: heads are compiled by torch, but {model} runs in onnx; leave it out")
    return Engine.TORCH


def _write(report: Path | None, made: dict[str, Any] | None) -> None:
    if report is None or made is None:
        return
    with _named("--report", str(report)):
        report.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _check_any_done(made: dict[str, Any]) -> None:
    """Raise CommandError if all frames failed."""
    failed = made["frames"].get("failed", 0)
    if not failed or made["frames"]["done"]:
        return
    why = next(iter(made["source"]["failures"]), "see the log, or --results")
    raise CommandError(f"no frame has a result, {failed} failed: {why}; expected a source that can be decoded")


def _policies(first: str, *, compare: bool, compare_with: str | None) -> list[str]:
    """The policies to run, in order, each once."""
    others = () if compare_with is None else compared("--compare-with", compare_with)
    return list(dict.fromkeys([first, *(BASELINES if compare else ()), *others]))


def _needs_cloud(policy: str) -> bool:
    from edge_service.control.policies import policy_type  # noqa: PLC0415 - keeps `dads --help` fast

    kind = policy_type(policy)
    return kind.uses_cloud and kind.keeps_to_split


@contextlib.contextmanager
def _opened(results: str | None) -> Iterator[TextIO | None]:
    if results is None:
        yield None
        return
    with _named("--results", results):
        if results == "-":
            stdout = sys.stdout
            with contextlib.redirect_stdout(sys.stderr):  # what a rest or a postprocess prints is no result
                yield stdout
            return
        with Path(results).open("w", encoding="utf-8") as file:
            yield file


@contextlib.contextmanager
def _named(option: str, path: str) -> Iterator[None]:
    """Name the file that could not be written: the system's error does not."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_WRITTEN or error.filename is not None:
            raise
        raise CommandError(f"{option} {path}: {error.strerror}") from error
