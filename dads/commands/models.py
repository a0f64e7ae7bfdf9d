"""`dads models`: list the models that can be loaded by name."""

import json as json_module
from dataclasses import asdict

import typer

from dads.errors import CommandError
from dads.options import JsonOption


def list_models(json: JsonOption = False) -> None:
    """List the models that can be loaded by name."""
    import split_model  # noqa: PLC0415 # keeps `dads --help` fast

    try:
        entries = split_model.describe()
    except split_model.MissingExtraError as error:
        raise CommandError(
            "the models with a name are networks of torch, which is not installed: pip install 'dads[torch]'; here, "
            "models run from files, --model file:MODEL.dads"
        ) from error
    if json:
        typer.echo(json_module.dumps([asdict(entry) for entry in entries], indent=2))
        return
    width = max(len(entry.spec) for entry in entries)
    for entry in entries:  # one line each, however wide the terminal: names are copied, and lines searched
        typer.echo(f"{entry.spec:<{width}}  {entry.description}")
