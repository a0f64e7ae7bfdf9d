import errno
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dads import __version__
from dads.command_line import CommandLine
from dads.errors import UnreachableError


def run(*args):
    return subprocess.run(
        [sys.executable, "-m", "dads", *args], capture_output=True, text=True, timeout=120, check=False
    )


def app_that(raises):
    app = typer.Typer(cls=CommandLine, pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    @app.command()
    def fail():
        raise raises

    return CliRunner().invoke(app, ["fail"])


def test_the_process_ends_with_the_documented_codes():
    assert run("--version").stdout.strip() == f"dads {__version__}"
    assert run("nonsense").returncode == 2
    assert run("health", "127.0.0.1:1", "--timeout", "5s").returncode == 3


def test_help_documents_the_exit_codes_and_lists_every_command():
    shown = " ".join(run("--help").stdout.split())  # lines are wrapped
    for text in (
        "0 done",
        "1 failed",
        "2 wrong usage",
        "3 cloud unreachable",
        "130 interrupted",
        "plan",
        "profile",
        "cloud",
        "request",
    ):
        assert text in shown


def test_without_arguments_it_shows_the_help():
    assert run().stdout == run("--help").stdout


def test_neither_help_nor_health_imports_torch_or_scipy():
    code = (
        "import sys; from typer.testing import CliRunner; from dads.app import app;"
        "CliRunner().invoke(app, ['plan', '--help']); CliRunner().invoke(app, ['health', '127.0.0.1:1']);"
        "print({'torch', 'scipy', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("args", [("nonsense",), ("--nonsense",), ("plan",), ("plan", "x", "--nonsense")])
def test_wrong_usage_is_one_line_that_names_the_help(args):
    done = run(*args)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "--help" in line


def test_a_known_error_is_one_line():
    result = app_that(UnreachableError("nobody at x:1"))
    assert (result.exit_code, result.stderr) == (3, "error: nobody at x:1\n")


def test_debug_adds_the_traceback_of_a_known_error():
    app = typer.Typer(cls=CommandLine, pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    @app.command()
    def fail():
        raise UnreachableError("nobody") from KeyError("the cause")

    for args in (["--debug", "fail"], ["fail", "--debug"]):
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 3
        assert "KeyError: 'the cause'" in result.stderr
        assert result.stderr.endswith("error: nobody\n")


def test_a_full_disk_is_one_line():
    result = app_that(OSError(errno.ENOSPC, "No space left on device", "out.json"))
    assert (result.exit_code, result.stderr) == (1, "error: out.json: No space left on device\n")


def test_a_defect_keeps_its_traceback():
    result = app_that(KeyError("a defect"))
    assert isinstance(result.exception, KeyError)


def test_an_exit_code_of_a_command_is_kept():
    assert app_that(typer.Exit(1)).exit_code == 1


@pytest.mark.parametrize("raised", [typer.Abort(), KeyboardInterrupt()])
def test_interruption_is_told(raised):
    result = app_that(raised)
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n")


def test_a_reader_that_left_is_a_quiet_failure():
    result = app_that(BrokenPipeError(errno.EPIPE, "nobody reads"))
    assert (result.exit_code, result.stderr) == (1, "")


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["edge", "--help"]])
def test_a_stdout_that_takes_nothing_is_no_traceback(args):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "dads", *args],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr in ("error: No space left on device\n", "error: <stdout>: No space left on device\n")
