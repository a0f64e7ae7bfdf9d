import importlib
import sys

import pytest

from dads.errors import (
    KNOWN_ERRORS,
    CommandError,
    ExitCode,
    InvalidUsageError,
    ProfileError,
    UnreachableError,
    explain,
)


@pytest.mark.parametrize(("package", "name", "exit_code"), KNOWN_ERRORS)
def test_every_known_error_exists(package, name, exit_code):
    assert issubclass(getattr(importlib.import_module(package), name), Exception)


@pytest.mark.parametrize(("package", "name", "exit_code"), KNOWN_ERRORS)
def test_the_special_error_is_not_shadowed_by_a_general_one_before_it(package, name, exit_code):
    mine = getattr(importlib.import_module(package), name)
    earlier = KNOWN_ERRORS[: KNOWN_ERRORS.index((package, name, exit_code))]
    for other_package, other_name, _ in earlier:
        assert not issubclass(mine, getattr(importlib.import_module(other_package), other_name))


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (CommandError("x"), ExitCode.FAILED),
        (InvalidUsageError("x"), ExitCode.USAGE),
        (ProfileError("x"), ExitCode.USAGE),
        (UnreachableError("x"), ExitCode.UNREACHABLE),
    ],
)
def test_own_errors_carry_their_code(error, exit_code):
    assert explain(error).exit_code is exit_code


def test_the_line_is_one_line():
    assert explain(CommandError("first\n   second")).line == "first second"


def test_an_error_without_a_message_still_says_something():
    assert explain(CommandError("")).line


def test_a_missing_file_is_wrong_usage_and_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "nowhere.json").read_text()
    explanation = explain(caught.value)
    assert explanation.exit_code is ExitCode.USAGE
    assert "nowhere.json" in explanation.line


def test_a_full_disk_is_a_failure():
    assert explain(OSError(28, "No space left on device")).exit_code is ExitCode.FAILED


def test_a_defect_is_not_explained_away():
    assert explain(KeyError("x")) is None


def test_explaining_imports_nothing():
    before = set(sys.modules)
    explain(KeyError("x"))
    assert set(sys.modules) == before
