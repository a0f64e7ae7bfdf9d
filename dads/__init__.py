"""The command line of the project, and the only place where its parts are put together.

One file per command; `dads.app` assembles them. Whatever needs torch is imported inside the commands, so that
`dads --help` and `dads health` answer at once.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
