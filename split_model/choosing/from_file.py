"""A model from a model file, which ONNX Runtime runs: no torch is imported, and there is no module to compare with."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from split_model.choosing.needed import of_onnx
from split_model.choosing.onnx_side import onnx_engine
from split_model.choosing.wanted import Wanted
from split_model.errors import EngineUnavailableError
from split_model.kept.folder import KeptFolder
from split_model.kept.profiles import KeptProfiles
from split_model.model import Model
from split_model.rests.in_files import postprocess_in

if TYPE_CHECKING:
    from split_model.model_file import ModelFile

__all__ = ["is_model_file", "model_from_file"]


def is_model_file(path: Path) -> bool:
    """Whether a file is one by its name or its content; a damaged one is, too."""
    if path.suffix == ".dads":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return "dads.json" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def model_from_file(wanted: Wanted, folder: KeptFolder | None) -> Model:
    """The model in a file.

    Raises:
        ModelFileError: The file is missing, damaged, or of another kind or version.
        EngineUnavailableError: Another engine or device was asked for.
    """
    if wanted.engine == "torch" or wanted.device.partition(":")[0] != "cpu":
        asked = "torch" if wanted.engine == "torch" else wanted.device
        raise EngineUnavailableError(
            f"a model file runs in the engine onnx on the CPU, not with {asked!r}; expected auto or onnx, and cpu"
        )
    file: ModelFile = of_onnx("split_model.model_file").open_model_file(wanted.rest)
    engine = onnx_engine(file, wanted, folder)
    digest = file.definition.digest
    return Model(
        file.definition,
        engine,
        name=wanted.name,
        example_inputs=file.example_inputs,
        postprocess=postprocess_in(file),
        extra=file.extra,
        profiles=None if folder is None else KeptProfiles(folder, digest, engine.name, wanted.cores),
    )
