"""This package's logger: structlog on top of `logging`, so that whoever runs the agent decides where logs go."""

from __future__ import annotations

import logging

import structlog

log = structlog.wrap_logger(logging.getLogger("edge_service"))
