"""The end of a command: an error becomes one line on stderr and a documented exit code."""

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from dads.errors import ExitCode, InterruptedByUserError, explain


class CommandLine(TyperGroup):
    """The group of all commands; prints `error: ...` in place of typer's usage boxes and tracebacks."""

    def main(  # noqa: D102 # inherited
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 # typer's signature
    ) -> Any:  # noqa: ANN401 # typer's signature
        given = sys.argv[1:] if args is None else list(args)
        words = [word for word in given if word != "--debug"]

        def run() -> Any:  # noqa: ANN401 # typer's signature
            return super(CommandLine, self).main(
                words, prog_name, complete_var, standalone_mode=False, windows_expand_args=windows_expand_args, **extra
            )

        if not standalone_mode:
            return run()
        try:
            code = run()
        except typer.Abort:
            code = _fail("interrupted", ExitCode.INTERRUPTED)
        except typer.TyperException as error:
            code = _fail(f"{error.format_message()}{_help_hint(error)}", error.exit_code)
        except Exception as error:
            explanation = explain(error)
            if explanation is None:
                raise
            if words != given:
                traceback.print_exception(error)
            code = _fail(explanation.line, explanation.exit_code)
        _let_go_of_stdout()
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 # typer's own copy of click has no public type for it
        """Run the command; an interruption and a closed pipe end it without a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interruption:
            raise InterruptedByUserError("interrupted") from interruption
        except BrokenPipeError as error:  # `dads ... | head` needs no message
            raise typer.Exit(ExitCode.FAILED) from error


def _fail(line: str, exit_code: int) -> int:
    typer.echo(f"error: {line}", err=True)
    return int(exit_code)


def _let_go_of_stdout() -> None:
    """Redirect a stdout that cannot be written, so that the interpreter's last flush does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # a stdout without a descriptor cannot be redirected
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _help_hint(error: typer.TyperException) -> str:
    """Name the command whose help says what was expected, if the error has it."""
    context: typer.Context | None = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""
