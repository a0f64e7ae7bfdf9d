"""Calls a factory, given as `package.module:function` or `path/net.py:function`, and checks what it returns."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from split_model.errors import UnknownModelError, UnsupportedModelError
from split_model.factories.surroundings import module_of_file, surroundings
from split_model.factories.wording import failure
from split_model.pytorch.source import Source
from split_model.pytorch.torchvision_import import make_importable

__all__ = ["call_factory"]

_EXPECTED = "expected (module, example_inputs) or (module, example_inputs, postprocess)"


def call_factory(where: str, attribute: str) -> Source:
    """Makes a model by a factory.

    The code runs as its author runs it: what lies in the file's folder (for a module: in the working directory) is
    found first, and there are no command-line arguments.

    Args:
        where: A module's name, or the path of a file that ends in `.py`.
        attribute: The function's name.

    Raises:
        UnknownModelError: There is no such module, file or function.
        FactoryError: The user's code raised an exception.
        UnsupportedModelError: The factory takes arguments, or returns something else than a model.
    """
    spec = f"{where}:{attribute}"
    file = Path(where).resolve() if where.endswith(".py") else None
    if file is not None and not file.is_file():
        raise UnknownModelError(f"no file {where!r} for {spec}; the working directory is {Path.cwd()}")
    folder = Path.cwd() if file is None else file.parent
    make_importable()
    with surroundings(folder, where):
        try:
            module = importlib.import_module(where) if file is None else _import_file(file)
        except (Exception, SystemExit) as error:
            if isinstance(error, ModuleNotFoundError) and file is None and _is_part(error.name, where):
                raise UnknownModelError(
                    f"no module {error.name!r} for {spec}, in {folder} or on the path; expected package.module:factory "
                    "or path/net.py:factory"
                ) from error
            raise failure(spec, folder, error) from error
        factory = getattr(module, attribute, None)
        if not callable(factory):
            what = f"module {where!r}" if file is None else where
            raise UnknownModelError(f"{what} has no function {attribute!r}; it has {_functions(module)}")
        _check_signature(spec, factory)
        try:
            made = factory()
        except (Exception, SystemExit) as error:
            raise failure(spec, folder, error) from error
    return _source(spec, made)


def _import_file(file: Path) -> ModuleType:
    name = module_of_file(file)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None  # noqa: S101  # its suffix is .py
    assert found.loader is not None  # noqa: S101  # see above
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # before it runs: its neighbours may import it, dataclasses and pickles look it up
    try:
        found.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _is_part(missing: str | None, where: str) -> bool:
    return missing is not None and (where == missing or where.startswith(f"{missing}."))


def _functions(module: ModuleType) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    return ", ".join(sorted(own)[:10]) or "none"


def _check_signature(spec: str, factory: Callable[..., Any]) -> None:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a callable without a signature
        return
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wanted = [each.name for each in parameters if each.default is each.empty and each.kind not in variable]
    if wanted:
        raise UnsupportedModelError(
            f"{spec} wants arguments ({', '.join(wanted)}), and a factory is called without any; write a function that "
            "calls it and returns (module, example_inputs)"
        )


def _source(spec: str, made: object) -> Source:
    if not isinstance(made, tuple) or len(made) not in {2, 3} or not isinstance(made[0], nn.Module):
        raise UnsupportedModelError(f"{spec} must return another value: {_EXPECTED}, got {_described(made)}")
    network, inputs, postprocess = made if len(made) == 3 else (*made, None)
    if postprocess is not None and not callable(postprocess):
        raise UnsupportedModelError(
            f"{spec} must return a function as its third value, postprocess(outputs), got {_named(postprocess)}"
        )
    return Source(network, inputs, postprocess=postprocess, evaluate=True)


def _described(made: object) -> str:
    """What a factory returned, in its own types."""
    if isinstance(made, nn.Module):
        return f"a {type(made).__name__} without example inputs, such as torch.zeros(1, 3, 224, 224)"
    if not isinstance(made, tuple | list):
        return _named(made)
    kind = f"a {type(made).__name__} of {len(made)}: ({', '.join(map(_named, made))})"
    if len(made) in {2, 3} and isinstance(made, list):
        return f"{kind}; make it a tuple"
    return f"{kind}; the module comes first" if any(isinstance(part, nn.Module) for part in made[1:]) else kind


def _named(value: object) -> str:
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
