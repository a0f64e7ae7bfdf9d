"""This package's logger: structlog on top of `logging`, so that the program that runs the agent configures logging.

Keys are passed as `extra`; the command line's formatter shows them.
"""

from __future__ import annotations

import logging

import structlog

log = structlog.wrap_logger(
    logging.getLogger("edge_service"),
    processors=[structlog.stdlib.render_to_log_kwargs],
    wrapper_class=structlog.stdlib.BoundLogger,
)
