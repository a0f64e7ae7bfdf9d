"""What a model file holds of a detector besides its network: the form of its rest, and what makes boxes for JSON."""

import json
from collections.abc import Callable
from typing import Any, Protocol

from split_model.errors import ModelFileError, NoOnnxFormError
from split_model.rests.boxes_for_json import BoxesForJson, named_postprocess
from split_model.rests.form import RestForm

__all__ = ["POSTPROCESS", "REST", "is_named", "postprocess_bytes", "postprocess_in", "rest_in"]

REST = "rest.safetensors"
POSTPROCESS = "postprocess.json"


class _File(Protocol):
    """What is read of a model file."""

    def extra(self, name: str) -> bytes | None: ...


def rest_in(file: _File) -> RestForm | None:
    """The form of the rest; `None` if the file holds none."""
    held = file.extra(REST)  # noqa: S610  # a member of a file; Django is not here
    return None if held is None else RestForm.from_bytes(held)


def postprocess_in(file: _File) -> BoxesForJson | None:
    """What makes a value for JSON of the outputs; `None` if the file names nothing.

    Raises:
        ModelFileError: It cannot be read.
    """
    held = file.extra(POSTPROCESS)  # noqa: S610  # likewise
    if held is None:
        return None
    try:
        named = json.loads(held)
        return named_postprocess(named["name"], named["parameters"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{POSTPROCESS} cannot be read ({error}); export the model again") from error


def is_named(postprocess: object) -> bool:
    """Whether a file can name it, in place of its code."""
    return isinstance(postprocess, BoxesForJson)


def postprocess_bytes(postprocess: Callable[[Any], Any]) -> bytes:
    """How a file names it.

    Raises:
        NoOnnxFormError: It is code of the user's.
    """
    if not isinstance(postprocess, BoxesForJson):
        raise NoOnnxFormError("the factory returns a postprocess, which is Python code, and a model file holds none")
    return json.dumps({"name": postprocess.name, "parameters": postprocess.parameters}).encode()
