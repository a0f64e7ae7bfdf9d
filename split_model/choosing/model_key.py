"""`key_of_model`: names all that a model file would hold of a model, of which the digest knows the network alone."""

import hashlib

from split_model.errors import ModelError
from split_model.kept.versions import key_of
from split_model.model import Model
from split_model.model_file.arrays import arrays_bytes
from split_model.model_file.definition_json import definition_json
from split_model.rests.in_files import is_named, postprocess_bytes

__all__ = ["key_of_model"]


def key_of_model(model: Model) -> str:
    """The key of a model: equal keys mean that equal files are written of them, or none of either.

    Equal networks with other example inputs, labels, preprocessing or postprocessing have other keys.
    """
    function = model.postprocess
    named = None if function is None or not is_named(function) else postprocess_bytes(function).decode()
    is_code = function is not None and named is None
    try:
        definition = definition_json(model.definition).model_dump_json(exclude_defaults=True)
        arrays = hashlib.sha256(arrays_bytes(model.definition, model.example_inputs)).hexdigest()
    except ModelError:  # no file can hold it
        return key_of(model.digest, is_code, named)
    return key_of(model.digest, is_code, named, definition, arrays)
