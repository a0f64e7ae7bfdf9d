"""The application `dads`: all commands, put together."""

from typing import Annotated

import typer

from dads import __version__
from dads.command_line import CommandLine
from dads.commands import cloud, demo, edge, export, graph, health, link, models, plan, profile, request
from dads.errors import EXIT_CODES_HELP

app = typer.Typer(
    name="dads",
    cls=CommandLine,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=EXIT_CODES_HELP,
)


@app.callback(invoke_without_command=True)
def dads(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[  # noqa: ARG001 # `CommandLine` reads it, at any place in the line
        bool, typer.Option("--debug", help="With an error, print its traceback too; may follow the command.")
    ] = False,
) -> None:
    """Split a PyTorch model between an edge and a cloud, and keep choosing the best split."""
    if version:
        typer.echo(f"dads {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command("demo")(demo.demo)
app.command("plan")(plan.plan)
app.command("graph")(graph.graph)
app.command("profile")(profile.profile)
app.command("export")(export.export)
app.command("cloud")(cloud.cloud)
app.command("edge")(edge.edge)
app.command("request")(request.request)
# An image's health check is built in before its TLS files are known, so variables can set its options.
app.command("health", context_settings={"auto_envvar_prefix": "DADS_HEALTH"})(health.health)
app.command("link")(link.link)
app.command("models")(models.list_models)
