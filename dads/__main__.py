"""`python -m dads`, and the `dads` script."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the command line and exit with its code."""
    _leave_the_working_directory()
    from dads.app import app  # noqa: PLC0415 # found only after the line above

    # gRPC logs a line for each failed handshake, again and again; our own message says once what to do.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    app(prog_name="dads")


def _leave_the_working_directory() -> None:
    """Take the working directory off the path, where `python -m` puts it.

    A user's folder may hold packages that are named like ours. A factory finds them there nevertheless.
    """
    here = Path.cwd()
    if sys.path[:1] in ([""], [str(here)]) and here != Path(__file__).resolve().parents[1]:
        del sys.path[0]


if __name__ == "__main__":
    main()
