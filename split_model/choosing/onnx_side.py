"""Makes a model's engine of its model file, with a place for what ONNX Runtime prepares."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from split_model.choosing.needed import of_onnx
from split_model.choosing.wanted import Wanted
from split_model.engines.engine import Part, PartSpec
from split_model.engines.with_rest import WithRest, trunk_definition
from split_model.kept.folder import KeptFolder
from split_model.rests.in_files import rest_in

if TYPE_CHECKING:
    from split_model.engines.onnx.engine import OnnxEngine
    from split_model.model_file import ModelFile

__all__ = ["onnx_engine"]


def onnx_engine(
    file: "ModelFile", wanted: Wanted, folder: KeptFolder | None, fallback: Callable[[PartSpec], Part] | None = None
) -> "OnnxEngine | WithRest":
    """The engine that runs a model file.

    Args:
        file: The file.
        wanted: What was asked for.
        folder: Where what it prepares is kept for the next start; None: nowhere.
        fallback: Makes a part of another engine, which runs while a session is missing; of a model with a rest
            it makes a part of the trunk, which returns what the rest takes.
    """
    engines = of_onnx("split_model.engines.onnx.engine")
    definition, form = file.definition, rest_in(file)
    if form is not None:
        file = replace(file, definition=trunk_definition(definition, form))
    room = None if folder is None else folder.use_room(f"packed-{definition.digest[:40]}")
    engine: OnnxEngine = engines.OnnxEngine(
        file, threads=wanted.cores, fallback=fallback, folder=None if room is None else room.path
    )
    if room is not None:
        weakref.finalize(engine, room.close)
    return engine if form is None else WithRest(definition, form, engine)
