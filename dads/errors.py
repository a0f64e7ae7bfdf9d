"""The command line's exit codes and errors, and the only place where known errors become a line and an exit code.

    Exception
    └── CommandError              1  the command failed
        ├── InvalidUsageError     2  an option or argument is not valid
        │   ├── UnitError         2  (also ValueError) a quantity without a unit, or with one that does not exist
        │   └── ProfileError      2  a profile file that is broken or of another model
        ├── UnreachableError      3  the cloud did not answer
        └── InterruptedByUserError  130  a signal ended the command early

An error of another package keeps its own message; `explain` only adds the exit code. An error that is not listed here
is a defect, and keeps its traceback. `--debug` shows the traceback of a known error too.
"""

import errno
import sys
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the process."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130  # as shells report a process that SIGINT ended


EXIT_CODES_HELP = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cloud unreachable, 130 interrupted."


class CommandError(Exception):
    """The command failed; the message says why and what to do."""

    exit_code = ExitCode.FAILED


class InvalidUsageError(CommandError):
    """An option or argument is not valid; the message says what was expected."""

    exit_code = ExitCode.USAGE


class UnitError(InvalidUsageError, ValueError):
    """A quantity that cannot be read; the message says which units exist."""


class ProfileError(InvalidUsageError):
    """A profile file is broken, or belongs to another model."""


class UnreachableError(CommandError):
    """The cloud did not answer."""

    exit_code = ExitCode.UNREACHABLE


class InterruptedByUserError(CommandError):
    """A signal ended the command early."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the user gets for an error: one line, and the exit code."""

    line: str
    exit_code: ExitCode


# Module, class, code; the first match counts, so subclasses come before their base classes.
KNOWN_ERRORS: tuple[tuple[str, str, ExitCode], ...] = (
    ("split_model.errors", "UnknownModelError", ExitCode.USAGE),
    ("split_model.errors", "BadSpecError", ExitCode.USAGE),
    ("split_model.errors", "ShadowedNetworksError", ExitCode.USAGE),
    ("split_model.errors", "WeightsError", ExitCode.USAGE),
    ("split_model.errors", "EngineUnavailableError", ExitCode.USAGE),
    ("split_model.errors", "ModelError", ExitCode.FAILED),
    ("partitioner.errors", "PartitionError", ExitCode.FAILED),
    ("split_wire.errors", "AccessError", ExitCode.USAGE),
    ("split_wire.errors", "CodecError", ExitCode.FAILED),
    ("cloud_service.errors", "ConfigurationError", ExitCode.USAGE),
    ("cloud_service.errors", "CloudError", ExitCode.FAILED),
    ("edge_service.errors", "CloudUnreachableError", ExitCode.UNREACHABLE),
    ("edge_service.sources.errors", "SourceFailedError", ExitCode.FAILED),
    ("edge_service.sources.errors", "SourceError", ExitCode.USAGE),
    ("edge_service.errors", "EngineError", ExitCode.USAGE),
    ("edge_service.errors", "PolicyError", ExitCode.USAGE),
    ("edge_service.errors", "DrawingError", ExitCode.USAGE),
    ("edge_service.errors", "EdgeError", ExitCode.FAILED),
    ("link_emulator.errors", "LinkEmulatorError", ExitCode.USAGE),
)


def explain(error: BaseException) -> Explanation | None:
    """Translate an error for the user; return None for an error that is a defect."""
    if isinstance(error, CommandError):
        return Explanation(_one_line(str(error)), error.exit_code)
    for module, name, exit_code in KNOWN_ERRORS:
        # A module that was not imported cannot have raised the error; importing it here would take a while.
        known = getattr(sys.modules.get(module), name, None)
        if known is not None and isinstance(error, known):
            return Explanation(_one_line(str(error)), exit_code)
    if isinstance(error, OSError):
        return _explain_os_error(error)
    return None


def _explain_os_error(error: OSError) -> Explanation:
    """A missing or unreadable file is wrong usage; a full disk is not."""
    reason = error.strerror or str(error)
    line = f"{error.filename}: {reason}" if error.filename is not None else reason
    mistyped = error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM}
    return Explanation(_one_line(line), ExitCode.USAGE if mistyped else ExitCode.FAILED)


def _one_line(text: str) -> str:
    """Join the lines of a message: programs that read stderr expect one line."""
    return " ".join(text.split()) or "no reason was given"
