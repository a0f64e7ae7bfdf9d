"""This package's logger: structlog in front of `logging`, so that whoever runs the server decides where logs go.

The keys go along as `extra`; the command line's formatter shows them.
"""

from __future__ import annotations

import logging

import structlog

log = structlog.wrap_logger(
    logging.getLogger("cloud_service"),
    processors=[structlog.stdlib.render_to_log_kwargs],
    wrapper_class=structlog.stdlib.BoundLogger,
)
