"""`dads models`: list the models that can be loaded by name."""

import json as json_module
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from dads.options import JsonOption


def list_models(json: JsonOption = False) -> None:
    """List the models that can be loaded by name."""
    import split_model  # noqa: PLC0415 # torch takes seconds to import

    entries = split_model.describe()
    if json:
        typer.echo(json_module.dumps([asdict(entry) for entry in entries], indent=2))
        return
    table = Table("model", "what it is", box=None, pad_edge=False)
    for entry in entries:
        table.add_row(entry.spec, entry.description)
    Console(highlight=False).print(table)
