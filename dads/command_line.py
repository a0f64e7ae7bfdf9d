"""How a command ends: errors become one line on stderr and a documented exit code."""

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from dads.errors import ExitCode, explain


class CommandLine(TyperGroup):
    """The group of all commands; prints `error: ...` where typer would print usage boxes or tracebacks."""

    def main(  # noqa: D102 # inherited
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 # typer's signature
    ) -> Any:  # noqa: ANN401 # typer's signature
        def run() -> Any:  # noqa: ANN401 # typer's signature
            return super(CommandLine, self).main(
                args, prog_name, complete_var, standalone_mode=False, windows_expand_args=windows_expand_args, **extra
            )

        if not standalone_mode:
            return run()
        try:
            code = run()
        except typer.Abort:
            code = _fail("interrupted", ExitCode.FAILED)
        except typer.TyperException as error:
            code = _fail(f"{error.format_message()}{_help_hint(error)}", error.exit_code)
        except Exception as error:
            explanation = explain(error)
            if explanation is None:
                raise
            code = _fail(explanation.line, explanation.exit_code)
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _fail(line: str, exit_code: int) -> int:
    typer.echo(f"error: {line}", err=True)
    return int(exit_code)


def _help_hint(error: typer.TyperException) -> str:
    """Name the command whose help tells what was expected, where the error knows it."""
    context: typer.Context | None = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""
