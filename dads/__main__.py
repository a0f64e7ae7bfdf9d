"""`python -m dads`, and the `dads` script."""

import os

from dads.app import app


def main() -> None:
    """Run the command line and exit with its code."""
    # gRPC logs a line for each failed handshake, again and again; our own message says once what to do.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    app(prog_name="dads")


if __name__ == "__main__":
    main()
