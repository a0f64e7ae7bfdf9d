"""Options and arguments that several commands share, with their checks."""

import math
import os
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from dads import units
from dads.errors import UnitError

OptionalPath = TypeVar("OptionalPath", bound=Path | None)

_MAX_PORT = 65535
_HOST = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+(%[\w.-]+)?\]")  # a name or IPv4 address, or an IPv6 one in brackets


class Device(StrEnum):
    """The device that computes."""

    CPU = "cpu"
    CUDA = "cuda"


class Engine(StrEnum):
    """What runs heads and tails."""

    AUTO = "auto"
    ONNX = "onnx"
    TORCH = "torch"


class Encodings(StrEnum):
    """Which encodings the agent may choose from."""

    AUTO = "auto"
    RAW = "raw"


class Packets(StrEnum):
    """Whether frames may be sent as packets of their source."""

    AUTO = "auto"
    OFF = "off"


class RtspTransport(StrEnum):
    """How an RTSP camera sends."""

    TCP = "tcp"
    UDP = "udp"


class InputEncoding(StrEnum):
    """The encoding of frames that are sent themselves."""

    RAW = "raw"
    JPEG = "jpeg"


def in_units(parse: Callable[[str], float]) -> Callable[[str], float]:
    """Turn a parser of quantities into a parser for an option; its errors name the option."""

    def parse_option(text: str) -> float:
        try:
            return parse(text)
        except UnitError as error:
            raise typer.BadParameter(str(error)) from error

    return parse_option


def above_zero(value: float | None) -> float | None:
    """Check that a number, if given, is above 0 and finite."""
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter(f"must be more than 0 and finite, not {value:g}")
    return value


def a_link(rate_bps: float | None) -> float | None:
    """Check that the rate of a link, if given, is not 0."""
    if rate_bps == 0:
        raise typer.BadParameter("must be more than 0; without a link everything stays on the edge")
    return rate_bps


def in_a_folder(path: OptionalPath) -> OptionalPath:
    """Check that a file, if given, can be written, before the work that makes it."""
    if path is None:
        return path
    if not path.parent.is_dir() or path.is_dir():
        raise typer.BadParameter(f"{path} is not a file in a folder that exists")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise typer.BadParameter(f"{path} may not be written")
    return path


def a_folder(path: Path | None) -> Path | None:
    """Check that a folder, if given, is one or can be made."""
    if path is None:
        return path
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise typer.BadParameter(f"{there} is a file; expected a folder, which is made if it is missing")
    if not os.access(there, os.W_OK):
        raise typer.BadParameter(f"{there} may not be written")
    return path


def stdout_or_in_a_folder(path: str | None) -> str | None:
    """Check that a file, if given, can be written; - is stdout."""
    if path is not None and path != "-":
        in_a_folder(Path(path))
    return path


def an_address(text: str | None) -> str | None:
    """Check that an address, if given, is HOST:PORT; no connection is tried."""
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise typer.BadParameter(f"{text!r} is not HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051")
    return text


def some_addresses(text: str | None) -> str | None:
    """Check that addresses, if given, are HOST:PORT, with commas between, each once; no connection is tried."""
    if text is None:
        return None
    from edge_service.clouds import cloud_addresses  # noqa: PLC0415 # keeps `dads --help` fast
    from edge_service.errors import CloudAddressError  # noqa: PLC0415 # see above

    try:
        found = cloud_addresses(text)
    except CloudAddressError as error:
        raise typer.BadParameter(str(error)) from error
    for address in found:
        an_address(address)
    return ",".join(found)


def an_error(value: float | None) -> float | None:
    """Check that a relative error, if given, is at least 0 and finite."""
    if value is not None and not 0 <= value < math.inf:
        raise typer.BadParameter(f"must be at least 0 and finite, not {value:g}")
    return value


def a_preprocess(text: str | None) -> str | None:
    """Check how a picture becomes a model's input."""
    if text is None:
        return None
    from pictures import Preprocess, PreprocessError  # noqa: PLC0415 # keeps `dads --help` fast

    try:
        return str(Preprocess.parse(text))
    except PreprocessError as error:
        raise typer.BadParameter(str(error)) from error


MODEL_HELP = (
    "torchvision:NAME, zoo:NAME, file:PATH.dads, file:PATH.pt2, package.module:factory or path/net.py:factory; dads "
    "models lists those with a name."
)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="DEFAULT or a safetensors file; without it, weights are drawn from a fixed seed.", show_default=False
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The model's name for cloud, reports and metrics; by default as --model has it. If the cloud has no model "
        "of this name, it finds the same model by its digest.",
        show_default=False,
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="The device that computes.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Number of threads that compute; by default the engine chooses.", show_default=False),
]
EngineOption = Annotated[
    Engine | None,
    typer.Option(
        help="What runs heads and tails: onnx (ONNX Runtime, on a CPU), torch, or auto, the default: onnx where it "
        "gives the same answers and is no slower.",
        show_default=False,
    ),
]
CacheDirOption = Annotated[
    Path | None,
    typer.Option(
        envvar="DADS_CACHE_DIR",
        callback=a_folder,
        metavar="FOLDER",
        help="Where captured models and their profiles are kept for the next start; default ~/.cache/dads.",
        show_default=False,
    ),
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Keep nothing on this machine, and use nothing that was kept.")
]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        callback=a_preprocess,
        metavar="CHOICES",
        help="How a picture becomes the model's input, such as crop,resize=256,bilinear or stretch,bicubic or "
        "pad,bilinear,fill=114; by default as the model was trained.",
        show_default=False,
    ),
]
EncodingsOption = Annotated[
    Encodings | None,
    typer.Option(
        help="auto, the default: the encoding is chosen together with the split; raw: tensors are sent as they are.",
        show_default=False,
    ),
]
PacketsOption = Annotated[
    Packets | None,
    typer.Option(
        help="auto, the default: a frame of a compressed source may be sent as packets of it, where that pays; off.",
        show_default=False,
    ),
]
MaxErrorOption = Annotated[
    float | None,
    typer.Option(
        callback=an_error,
        metavar="SHARE",
        help="Largest error of outputs by lossy encodings, relative to their scale (0.01: 1 %), with the same top-1 on "
        "frames of the source; 0, the default, allows only lossless encodings.",
        show_default=False,
    ),
]
InputEncodingOption = Annotated[
    InputEncoding | None,
    typer.Option(help="Encoding of frames: raw, the default, or jpeg, which is smaller and lossy.", show_default=False),
]
PolicyOption = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="How the split is chosen: adaptive, the default; edge_only; cloud_only; chain, the best cut of the layers "
        "in their order (Neurosurgeon); or given:LAYER[,LAYER], the split that sends the values of these layers.",
        show_default=False,
    ),
]
TracingOption = Annotated[
    bool | None,
    typer.Option(
        "--tracing/--no-tracing",
        help="Send a trace of each frame by OTLP; on by default if OTEL_EXPORTER_OTLP_ENDPOINT is set.",
        show_default=False,
    ),
]
MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=_MAX_PORT,
        help="Serve Prometheus metrics (and an edge's live page) on this port; 0 picks a free one; off by default.",
        show_default=False,
    ),
]
TlsOption = Annotated[
    bool | None, typer.Option("--tls", help="Encrypt; implied by --tls-ca and --tls-cert.", show_default=False)
]
TlsCaOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="PEM certificates of the cloud's CA; by default public CAs.", show_default=False),
]
TlsCertOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="PEM certificate of this client, for mutual TLS.", show_default=False),
]
TlsKeyOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="PEM private key of --tls-cert.", show_default=False)
]
TlsServerNameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The name in the cloud's certificate; by default the address's host.", show_default=False
    ),
]

ReportOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.json", callback=in_a_folder, help="Write the report.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
OutputOption = Annotated[
    Path, typer.Option(metavar="FILE", callback=in_a_folder, help="File for the JSON; - is stdout.")
]

_parse_rate = in_units(units.parse_rate)
_parse_duration = in_units(units.parse_duration)

Uplink = typer.Option(parser=_parse_rate, callback=a_link, metavar="RATE", help="Edge to cloud, such as 20Mbit/s.")
DownlinkOption = Annotated[
    float | None,
    typer.Option(
        parser=_parse_rate,
        callback=a_link,
        metavar="RATE",
        help="Cloud to edge; by default without limit.",
        show_default=False,
    ),
]
Rtt = typer.Option(parser=_parse_duration, metavar="DURATION", help="Round trip of the link, such as 10ms.")
SlowdownOption = Annotated[
    float, typer.Option(callback=above_zero, help="How many times slower the edge is than its profile.")
]
EdgeProfileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The edge's profile, by dads profile; by default measured here.", show_default=False
    ),
]
CloudProfileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The cloud's profile, by dads profile; by default measured here.", show_default=False
    ),
]
