"""The command line of the project, and the only place where its parts are put together.

In reading order:

* `app`, `command_line`, `errors`: all commands, how they end, and their exit codes;
* `commands/`: one file for each command; `options`, `units`: their common options and quantities;
* `session/`, `demo/`: the runs of `dads edge` and `dads demo`;
* `planning/`, `drawing/`, `live/`: plans, pictures, and the live page of an edge;
* the other modules: models, ports, logs, traces, progress, health checks and child processes.

Modules that compute are imported inside the commands, so that `dads --help` and `dads health` start fast. torch is
imported only for models that are not read from a file of `dads export`.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
