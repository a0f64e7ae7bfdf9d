"""`load`: a model from its spec, which names a network, a file or a factory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pictures import Preprocess
from split_model.choosing.choose import choose
from split_model.choosing.from_file import is_model_file, model_from_file
from split_model.choosing.needed import of_torch
from split_model.choosing.wanted import Wanted
from split_model.errors import BadSpecError, EngineUnavailableError, WeightsError
from split_model.file_kinds import check_exported
from split_model.kept.folder import KeptFolder
from split_model.model import Model

if TYPE_CHECKING:  # torch may be missing
    from split_model.pytorch.loading import Loadable

__all__ = ["ENGINES", "describe", "load"]

ENGINES = ("auto", "onnx", "torch")
"""What can be asked for."""

_FORMS = (
    "`torchvision:NAME`, `zoo:NAME`, `file:MODEL.dads`, `file:MODEL.pt2`, `package.module:factory` or "
    "`path/net.py:factory`"
)


def load(
    spec: str,
    *,
    name: str | None = None,
    weights: str | Path | None = None,
    device: Any = "cpu",  # noqa: ANN401  # a name, or a device of torch, which may be missing
    preprocess: Preprocess | None = None,
    engine: str | None = None,
    threads: int | None = None,
    cache: str | Path | None = None,
    bridged: bool = False,
    on_step: Callable[[str], None] | None = None,
) -> Model:
    """Loads a model and prepares it for splitting. What the model's own code prints meanwhile goes to stderr.

    Args:
        spec: `torchvision:googlenet`, `zoo:tiny_yolov2`, `file:model.dads` (written by `dads export`), `file:model.pt2`
            (written by `torch.export.save`; reading it may run code, so it must be trusted), `package.module:factory`
            or `path/net.py:factory`. A factory takes no arguments and returns `(module, example_inputs)`, or `(module,
            example_inputs, postprocess)`. Several example inputs are a tuple; a dictionary holds keyword arguments. The
            module runs in evaluation mode. The factory's code runs as from its own folder, or from the working
            directory where a module is named.
        name: The model's name on the wire; by default the spec.
        weights: For torchvision and zoo models only: `None` for weights drawn from a fixed seed (for
            `zoo:efficientnet_lite0`: the real ones), `DEFAULT`, or the path of a safetensors file.
        device: `cpu`, `cuda` or a `torch.device`.
        preprocess: How a picture becomes the model's input, instead of what the model says itself.
        engine: What runs heads and tails. `torch`, the default; `onnx`: ONNX Runtime, on a CPU; `auto`: `onnx` on a CPU
            where the model has an ONNX form, whose outputs on the example inputs are within 1e-5 of torch's scale and
            take at most 1.05 of its time, else `torch`. A `.dads` file always runs in `onnx`. The example inputs of a
            model in `onnx` are arrays.
        threads: How many threads compute a layer, in torch for the whole process; by default as torch chooses, and in
            `onnx` as many as this process has cores.
        cache: A folder for what is captured, exported, compared and profiled, so that a second load takes a moment.
            What is kept is checked, and made again where code, packages, weights or processor are others.
        bridged: Whether torch, where it is installed, always runs a part in `onnx` whose session is not there yet: for
            a cloud, whose clients choose the parts. By default only torch that was loaded for something else does.
        on_step: Called with a few words at each step that takes long, and with the engine and why it was chosen.

    Raises:
        BadSpecError: The spec has another form.
        UnknownModelError: No such model, file or factory.
        WeightsError: The weights cannot be read or do not fit, or the model has its own.
        MissingExtraError: The model's package is not installed.
        ShadowedNetworksError: The spec names a network, but Python finds another package `models`.
        FactoryError: The factory's own code raised an exception.
        UnsupportedModelError: The model cannot be exported, or has no fixed dataflow graph.
        NoOnnxFormError: `onnx` was asked for, and a layer has no ONNX form.
        EngineUnavailableError: The engine is unknown, or cannot run this model here.
    """
    if engine is not None and engine not in ENGINES:
        raise EngineUnavailableError(f"unknown engine {engine!r}; expected one of {', '.join(ENGINES)}")
    prefix, rest = parsed(spec)
    of_file = prefix == "file" and is_model_file(Path(rest))
    if prefix == "file" and not of_file:
        check_exported(Path(rest))  # before torch is asked for, which may be missing
    folder = None if cache is None else KeptFolder(Path(cache))
    wanted = Wanted(
        prefix,
        rest,
        name=name or spec,
        weights=weights,
        device=str(device),
        engine=engine,
        threads=threads,
        bridged=bridged,
        on_step=on_step or (lambda _: None),
    )
    if of_file:
        if weights is not None:
            raise WeightsError(f"{spec} brings its own weights; `weights` is for torchvision and zoo models")
        model = model_from_file(wanted, folder)
    else:
        model = choose(wanted, folder)
    if preprocess is not None:
        model.definition = replace(model.definition, preprocess=preprocess)
    return model


def describe() -> "tuple[Loadable, ...]":
    """Every model that can be loaded by name.

    Raises:
        ShadowedNetworksError: Python finds another package `models` before this project's.
    """
    found: tuple[Loadable, ...] = of_torch("split_model.pytorch.loading").describe()
    return found


def parsed(spec: str) -> tuple[str, str]:
    """The two parts of a spec.

    Raises:
        BadSpecError: The spec has another form.
    """
    if spec.endswith(".py"):
        raise BadSpecError(f"{spec!r} names no function; expected {spec}:FUNCTION, which makes the model")
    prefix, colon, rest = spec.rpartition(":") if ".py:" in spec else spec.partition(":")
    if not colon or not prefix or not rest:
        raise BadSpecError(f"{spec!r} is not a model spec; expected {_FORMS}")
    return prefix, rest
