"""Reads a file that torch.export wrote; another one is named by its kind, and nothing in it is run to find that out."""

from pathlib import Path

import torch

from split_model.errors import UnknownModelError, UnsupportedModelError
from split_model.file_kinds import EXPORT, check_exported
from split_model.pytorch.source import Source
from split_model.trace.export import quiet
from split_model.trace.refusals import line

__all__ = ["read_file"]


def read_file(path: Path) -> Source:
    """The module in a file, with its example inputs.

    Raises:
        UnknownModelError: No such file, or one that torch.export did not write.
        UnsupportedModelError: It holds no example inputs.
    """
    check_exported(path)
    try:
        with quiet():
            program = torch.export.load(path)
    except Exception as error:  # errors of many types, from zip, JSON and schemas
        raise UnknownModelError(
            f"{str(path)!r} is not a file that torch.export.save wrote, or of another torch than {torch.__version__}: "
            f"{line(error)}; write it again: {EXPORT}"
        ) from error
    if program.example_inputs is None:
        raise UnsupportedModelError(f"{str(path)!r} holds no example inputs, which fix the shapes; write it: {EXPORT}")
    args, kwargs = program.example_inputs
    return Source(program.module(), (*args, *kwargs.values()), keywords=tuple(kwargs))
