"""`python -m dads`, and the `dads` script."""

from dads.app import app


def main() -> None:
    """Run the command line and exit with its code."""
    app(prog_name="dads")


if __name__ == "__main__":
    main()
