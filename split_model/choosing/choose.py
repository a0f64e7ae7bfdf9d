"""`choose`: the model of a spec in the engine that was asked for, or in the one that serves it better here."""

from contextlib import closing, suppress

from split_model.choosing.agreement import deviation, whole_parts
from split_model.choosing.onnx_side import onnx_engine
from split_model.choosing.speed import seconds
from split_model.choosing.two_sides import TwoSides
from split_model.choosing.verdict import MOST_DEVIATION, Verdict
from split_model.choosing.wanted import Wanted
from split_model.definition import Definition
from split_model.engines.engine import Engine
from split_model.errors import (
    EngineUnavailableError,
    MissingExtraError,
    ModelError,
    NoOnnxFormError,
    UnsupportedModelError,
)
from split_model.kept.folder import KeptFolder
from split_model.kept.profiles import KeptProfiles
from split_model.kept.versions import key_of, made_by, processor
from split_model.model import Model
from split_model.rests.in_files import postprocess_in

__all__ = ["choose"]


def choose(wanted: Wanted, folder: KeptFolder | None) -> Model:
    """Loads a model of a PyTorch module.

    Args:
        wanted: What was asked for.
        folder: What is kept on this machine; None: nothing.

    Raises:
        EngineUnavailableError: `onnx` on another device than the CPU.
        NoOnnxFormError: `onnx`, and a layer has no ONNX form.
        ModelError: See `split_model.load`.
    """
    is_cpu = wanted.device.partition(":")[0] == "cpu"
    if wanted.engine == "onnx" and not is_cpu:
        raise EngineUnavailableError(
            f"the engine onnx runs on the CPU, not on {wanted.device!r}; expected the engine torch there"
        )
    kept = folder if is_cpu else None
    with closing(TwoSides(wanted, kept)) as sides:
        model = (
            sides.torch() if wanted.engine in {None, "torch"} or not is_cpu else _compared_first(wanted, sides, kept)
        )
    if kept is not None:
        model.profiles = KeptProfiles(kept, model.digest, model.engine.name, wanted.cores)
    return model


def _compared_first(wanted: Wanted, sides: TwoSides, folder: KeptFolder | None) -> Model:
    verdict = _verdict(wanted, sides, folder)
    if wanted.engine == "onnx" and verdict.refusal is not None:
        raise NoOnnxFormError(verdict.refusal)
    takes_onnx = verdict.takes_onnx or wanted.engine == "onnx"
    model = _in_onnx(wanted, sides, folder) if takes_onnx else sides.torch()
    wanted.on_step(f"runs in {model.engine.name}: {verdict.reason}")
    return model


def _verdict(wanted: Wanted, sides: TwoSides, folder: KeptFolder | None) -> Verdict:
    name = f"verdict-{key_of(sides.model_key, wanted.cores, made_by(), processor())}.json"
    verdict = None if folder is None else Verdict.of_json(folder.read_json(name))
    if verdict is None:
        try:
            verdict = _compared(wanted, sides, folder)
        except MissingExtraError as error:  # nothing to keep: the package may be there next time
            if wanted.engine == "onnx":
                raise
            return Verdict(refusal=str(error))
        if folder is not None:
            folder.write_json(name, verdict.to_json())
    return verdict


def _compared(wanted: Wanted, sides: TwoSides, folder: KeptFolder | None) -> Verdict:
    try:
        file = sides.file()
    except UnsupportedModelError as error:
        return Verdict(refusal=str(error))
    model = sides.torch()
    wanted.on_step("comparing ONNX Runtime with torch")
    feeds = model.definition.inputs.feed(model.example_inputs)
    with closing(onnx_engine(file, wanted, folder)) as engine:
        refusal = _refusal(engine, model.definition)
        if refusal is not None:
            return Verdict(refusal=refusal)
        off = deviation(model.definition, feeds, model.engine.part, engine.part)
        if off > MOST_DEVIATION:
            return Verdict(deviation=off)
        in_torch, in_onnx = seconds(model.definition, feeds, model.engine.part, engine.part)
    return Verdict(deviation=off, time=in_onnx / in_torch)


def _refusal(engine: Engine, definition: Definition) -> str | None:
    """Why ONNX Runtime does not take the whole model, such as for an operator that it has not for a dtype."""
    try:
        engine.prepare(whole_parts(definition))
    except ModelError as error:
        if not isinstance(error.__cause__, UnsupportedModelError):  # such as a file that was replaced meanwhile
            raise
        return str(error)
    return None


def _in_onnx(wanted: Wanted, sides: TwoSides, folder: KeptFolder | None) -> Model:
    """The model in ONNX Runtime; torch's schedules run what has no session yet, where torch is loaded anyway."""
    file = sides.file()
    known = sides.in_torch
    if known is None and wanted.bridged:
        with suppress(MissingExtraError):
            known = sides.torch()
    engine = onnx_engine(file, wanted, folder, None if known is None else known.engine.part)
    sides.keep_file_for(engine)
    return Model(
        file.definition if known is None else known.definition,
        engine,
        name=wanted.name,
        example_inputs=file.example_inputs,
        original=sides.original(),
        postprocess=postprocess_in(file) if known is None else known.postprocess,
    )
