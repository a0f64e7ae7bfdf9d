"""`TwoSides`: a model in torch, and its model file: captured, exported, or found kept, when first asked for."""

import contextlib
import hashlib
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from split_model.choosing.late_original import LateOriginal
from split_model.choosing.needed import of_onnx, of_torch
from split_model.choosing.wanted import Wanted
from split_model.engines.engine import Engine
from split_model.errors import MissingExtraError, ModelError, UnsupportedModelError
from split_model.kept.folder import KeptFile, KeptFolder
from split_model.kept.sources import key_of_source
from split_model.kept.versions import key_of, made_by
from split_model.model import Model, Original
from split_model.rests.in_files import is_named

if TYPE_CHECKING:
    from split_model.model_file import ModelFile

__all__ = ["TwoSides"]


class TwoSides:
    """One model while it is loaded.

    Args:
        wanted: What was asked for.
        folder: What is kept on this machine; None: nothing.
    """

    def __init__(self, wanted: Wanted, folder: KeptFolder | None) -> None:
        self._wanted = wanted
        self._folder = folder
        self._key = None if folder is None else key_of_source(wanted.prefix, wanted.rest, wanted.weights)
        self._torch: Model | None = None
        self._file: ModelFile | None = None
        self._in_use = contextlib.ExitStack()
        kept = folder.read_json(f"source-{self._key}.json") if folder is not None and self._key else None
        self._digest: str | None = kept["digest"] if kept else None
        self._model_key: str | None = kept["model"] if kept else None
        self._trace_sha: str | None = kept["trace"] if kept else None

    @property
    def digest(self) -> str:
        """The model's digest; it is captured, if it was not before."""
        return self._digest or self.torch().digest

    @property
    def model_key(self) -> str:
        """Names what its model file holds, by which the file and what was said of it are kept."""
        if self._model_key is None:
            self._model_key = _model_key(self.torch())
        return self._model_key

    @property
    def in_torch(self) -> Model | None:
        """The model in torch, if it was asked for already."""
        return self._torch

    def torch(self) -> Model:
        """The model in torch."""
        if self._torch is None:
            self._set_threads()
            self._torch = self._kept_trace() or self._captured()
        return self._torch

    def file(self) -> "ModelFile":
        """Its model file, which stays in place until `close`.

        Raises:
            NoOnnxFormError: A layer has no ONNX form.
            MissingExtraError: A package for the export is not installed.
        """
        if self._file is None:
            self._file = self._kept_file() or self._exported()
        return self._file

    def keep_file_for(self, engine: Engine) -> None:
        """Keeps the model file in place for as long as an engine lives, and no longer for this value."""
        weakref.finalize(engine, self._in_use.pop_all().close)

    def close(self) -> None:
        """Lets the model file go, unless an engine keeps it."""
        self._in_use.close()

    def original(self) -> Original:
        """The module, which is built when it is first asked for, if it is not here."""
        if self._torch is not None and self._torch.original is not None:
            return self._torch.original
        return LateOriginal(self._build)

    def _build(self) -> Original:
        wanted = self._wanted
        if key_of_source(wanted.prefix, wanted.rest, wanted.weights) != self._key:
            raise ModelError(f"{wanted.spec} was changed after it was loaded: start again")
        self._set_threads()
        found: Original = of_torch("split_model.pytorch.loading").original_of(
            wanted.prefix, wanted.rest, weights=wanted.weights, definition=self._definition()
        )
        return found

    def _set_threads(self) -> None:
        if self._wanted.threads is not None:
            of_torch("torch").set_num_threads(self._wanted.threads)

    def _definition(self) -> Any:  # noqa: ANN401  # a Definition
        return self._torch.definition if self._torch is not None else self.file().definition

    def _captured(self) -> Model:
        wanted = self._wanted
        load_module: Callable[..., Model] = of_torch("split_model.pytorch.loading").load_module
        wanted.on_step("tracing")  # torch is there
        model = load_module(
            wanted.prefix, wanted.rest, name=wanted.name, weights=wanted.weights, device=wanted.device, preprocess=None
        )
        if self._folder is not None and self._key is not None and is_alike(model):
            self._keep(self._folder, model)
        return model

    def _keep(self, folder: KeptFolder, model: Model) -> None:
        """Keeps the trace, and that this source is this model."""
        files = of_torch("split_model.pytorch.kept_model")
        sha = None
        with contextlib.suppress(UnsupportedModelError):
            files.check_keepable(model.definition)
            with contextlib.suppress(UnsupportedModelError):
                kept = folder.add(self._trace_name, lambda path: files.write_model(path, model))
                if kept is not None:
                    with kept:
                        sha = hashlib.sha256(kept.read()).hexdigest()
            about = {"digest": model.digest, "model": _model_key(model), "trace": sha}
            folder.write_json(f"source-{self._key}.json", about)

    def _kept_trace(self) -> Model | None:
        if self._folder is None or self._trace_sha is None:
            return None
        kept = self._folder.use(self._trace_name)
        if kept is None:
            return None
        try:
            model = self._model_in(kept)
        except MissingExtraError:  # nothing is wrong with the trace
            kept.close()
            raise
        except ModelError as error:
            kept.close()
            self._folder.is_damaged(self._trace_name, error)
            return None
        weakref.finalize(model.engine, kept.close)
        return model

    def _model_in(self, kept: KeptFile) -> Model:
        if hashlib.sha256(kept.read()).hexdigest() != self._trace_sha:
            raise ModelError("its checksum is another")
        files = of_torch("split_model.pytorch.kept_model")
        original = LateOriginal(self._build)
        model: Model = files.kept_model(kept.read, name=self._wanted.name, original=original)
        return model

    @property
    def _trace_name(self) -> str:
        return f"trace-{self._key}.safetensors"

    def _kept_file(self) -> "ModelFile | None":
        if self._folder is None:
            return None
        name = self._file_name()
        kept = self._folder.use(name)
        if kept is None:
            return None
        try:
            file: ModelFile = of_onnx("split_model.model_file").open_model_file(kept.path)
            why = None if file.definition.digest == self.digest else "it is another model"
        except ModelError as error:
            why = str(error)
        if why is not None:
            kept.close()
            self._folder.is_damaged(name, why)
            return None
        self._in_use.callback(kept.close)
        return file

    def _exported(self) -> "ModelFile":
        model = self.torch()
        self._wanted.on_step("exporting it to ONNX")
        export: Callable[..., None] = of_torch("split_model.exporting.to_file").export_model
        if self._folder is not None:
            kept = self._folder.add(self._file_name(), lambda path: export(model, path))
            if kept is not None:
                kept.close()
                file = self._kept_file()
                if file is not None:
                    return file
        path = Path(self._in_use.enter_context(tempfile.TemporaryDirectory(prefix="dads-"))) / "model.dads"
        export(model, path)
        found: ModelFile = of_onnx("split_model.model_file").open_model_file(path, verify_weights=False)
        return found

    def _file_name(self) -> str:
        return f"model-{key_of(self.model_key, made_by())}.dads"


def is_alike(model: Model) -> bool:
    """Whether what a file has in place of the model's postprocess does the same."""
    return model.postprocess is None or is_named(model.postprocess)


def _model_key(model: Model) -> str:
    made: str = of_onnx("split_model.choosing.model_key").key_of_model(model)  # it imports onnx, which takes a while
    return made
