"""Runs torch.export, quietly: of what it says, only what concerns the caller's model is passed on.

It warns about its own internals, logs and prints whole graphs where it fails, and runs the module's forward, which may
print too. What reaches the caller are its warnings about attributes that the forward assigns.
"""

import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import torch
from torch import nn

from split_model.errors import UnsupportedModelError
from split_model.trace.refusals import untraceable

__all__ = ["export", "quiet"]

_ABOUT_THE_MODEL = "assigned during export"


def export(module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> torch.export.ExportedProgram:
    """Exports a module, functionalised.

    Raises:
        UnsupportedModelError: torch.export cannot trace it.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with torch.no_grad(), quiet():
                exported = torch.export.export(module, tuple(args), dict(kwargs) or None)
                program: torch.export.ExportedProgram = exported.run_decompositions({})
        except Exception as error:  # the exporter's errors share no base class
            raise UnsupportedModelError(untraceable(error, module)) from error
    assigned = [name for warning in caught for name in _assigned(str(warning.message), module)]
    if assigned:
        text = (
            f"forward assigns {', '.join(dict.fromkeys(assigned))}; a split model assigns no attributes (torch.export)"
        )
        warnings.warn(text, UserWarning, stacklevel=2)
    return program


def _assigned(text: str, module: nn.Module) -> list[str]:
    """The attributes that a warning of the exporter names, except those that torch's own modules assign (LSTM)."""
    if _ABOUT_THE_MODEL not in text:
        return []
    parts = dict(module.named_modules())
    names = [name.removeprefix("self.") for name in re.findall(r"self\.[\w.]+", text)]
    owners = [max((path for path in parts if not path or name.startswith(f"{path}.")), key=len) for name in names]
    is_torchs = [type(parts[owner]).__module__.partition(".")[0] == "torch" for owner in owners]
    return [name for name, internal in zip(names, is_torchs, strict=True) if not internal]


@contextmanager
def quiet() -> Iterator[None]:
    """Mutes torch's loggers, and what it and the module's forward print: the forward has printed it all before."""
    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.partition(".")[0] == "torch" and isinstance(logger, logging.Logger) and not logger.disabled
    ]
    for logger in loggers:
        logger.disabled = True
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger in loggers:
            logger.disabled = False
