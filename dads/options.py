"""Arguments that several commands share, with their checks."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dads.errors import UnitError


class Device(StrEnum):
    """Where torch computes."""

    CPU = "cpu"
    CUDA = "cuda"


def in_units(parse: Callable[[str], float]) -> Callable[[str], float]:
    """Turn a parser of quantities into one for an option, whose errors name the option."""

    def parse_option(text: str) -> float:
        try:
            return parse(text)
        except UnitError as error:
            raise typer.BadParameter(str(error)) from error

    return parse_option


def in_a_folder(path: Path) -> Path:
    """Check that a file could be written there, before the work that makes it."""
    if not path.parent.is_dir() or path.is_dir():
        raise typer.BadParameter(f"{path} is not a file in a folder that exists")
    return path


MODEL_HELP = "torchvision:NAME, zoo:NAME, file:PATH.pt2 or package.module:factory; dads models lists them."

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False)]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="DEFAULT or a safetensors file; without it they are drawn from a fixed seed.", show_default=False
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="Where torch computes.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="torch's threads; torch's own choice when left out.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
OutputOption = Annotated[
    Path, typer.Option(metavar="FILE", callback=in_a_folder, help="Where to write the JSON; - is stdout.")
]
