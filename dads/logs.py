"""Logging of the services to stderr, for people or as lines of JSON.

Only the command line calls this. The packages below it log through structlog on top of `logging`, so that a program
that uses them as libraries configures logging itself.
"""

import logging
import sys
from enum import StrEnum

import structlog
from structlog.typing import Processor


class LogFormat(StrEnum):
    """The format of a line of the log."""

    CONSOLE = "console"
    JSON = "json"


_OURS = ("cloud_service", "dads", "edge_service")


def configure(log_format: LogFormat = LogFormat.CONSOLE, level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's records to stderr in one format.

    Args:
        log_format: `console` for people, `json` for one JSON object a line.
        level: The lowest level that is written, as `logging` numbers them.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = _renderers(log_format)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries log too much at INFO; their warnings matter to an operator.
    root.setLevel(max(level, logging.WARNING))
    for package in _OURS:
        logging.getLogger(package).setLevel(level)


def _renderers(log_format: LogFormat) -> list[Processor]:
    if log_format is LogFormat.JSON:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]
