"""What the user's code sees while it makes a model: its own folder first on the path, no arguments, prints on stderr.

`python net.py` puts the folder of `net.py` first on the path, and `python -m package.module` the working directory.
The same holds here, although this project is imported already and may have packages of the same names.
"""

import argparse
import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import NoReturn

__all__ = ["OURS", "UsageExit", "module_of_file", "prints_to_stderr", "surroundings"]

OURS = frozenset(
    {
        *("bench", "chaos", "cloud_service", "dads", "edge_service", "link_emulator", "models", "partitioner"),
        *("pictures", "split_model", "split_wire"),
    }
)
"""This project's top-level packages: where a folder of the user's has one of these names, the user's is meant."""

_folders: set[Path] = set()  # of the factories so far


class UsageExit(SystemExit):
    """What argparse raises here in place of printing its usage: the user's code parses arguments and misses some."""


@contextlib.contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Sends what the user's code prints to stderr: stdout may be JSON for a program."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


@contextlib.contextmanager
def surroundings(folder: Path, program: str) -> Iterator[None]:
    """Lets imports find what lies in a folder first, and shows no arguments.

    Afterwards the folder is last on the path, for the imports that the model's forward may still do, and packages of
    this project and of the standard library are again what they were.

    Args:
        folder: The folder of the user's code.
        program: What `sys.argv[0]` is meanwhile.
    """
    folder = folder.resolve()
    others = _folders - {folder}
    aside = {name: module for name, module in sys.modules.items() if _gives_way(name, module, folder, others)}
    for name in aside:
        del sys.modules[name]
    finder, argv, path = _Finder(folder), sys.argv, str(folder)
    sys.meta_path.insert(0, finder)
    sys.path.insert(0, path)
    sys.argv = [program]
    importlib.invalidate_caches()
    try:
        with _no_usage():
            yield
    finally:
        sys.argv = argv
        sys.path.remove(path)
        if path not in sys.path:
            sys.path.append(path)
        sys.meta_path.remove(finder)
        _restore({name: module for name, module in aside.items() if _top(name) in OURS}, folder)
        _folders.add(folder)


def module_of_file(file: Path) -> str:
    """The name to import a file as: that of the file, as its neighbours would import it, unless it is taken."""
    stem = file.stem
    loaded = sys.modules.get(stem)
    is_taken = stem in OURS | sys.stdlib_module_names or (loaded is not None and _file_of(loaded) != file)
    return f"{stem}_factory" if is_taken or not stem.isidentifier() else stem


class _Finder:
    """Finds the user's packages that are named like ours, also those without `__init__.py`, before ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [self._folder], target) if path is None and name in OURS else None


def _gives_way(name: str, module: ModuleType, folder: Path, others: set[Path]) -> bool:
    """Whether a loaded module is ours or of another factory's folder, and this folder has one of its name."""
    top = _top(name)
    if not ((folder / top).is_dir() or (folder / f"{top}.py").is_file()):
        return False
    file = _file_of(sys.modules.get(top, module))
    if file is None or file.is_relative_to(folder):
        return False
    return top in OURS or any(file.is_relative_to(other) for other in others)


def _restore(aside: dict[str, ModuleType], folder: Path) -> None:
    tops = {_top(name) for name in aside}
    for name, module in list(sys.modules.items()):
        top = _top(name)
        file = _file_of(module)
        is_theirs = top in sys.stdlib_module_names and file is not None and file.is_relative_to(folder)
        if top in tops or is_theirs:
            del sys.modules[name]
    sys.modules.update(aside)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _file_of(module: ModuleType) -> Path | None:
    """The file of a module, or the folder of a package without `__init__.py`."""
    found = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return None if found is None else Path(found).resolve()


@contextlib.contextmanager
def _no_usage() -> Iterator[None]:
    """Makes argparse's errors exceptions with its message: its usage would be many lines about the wrong command."""

    def error(self: argparse.ArgumentParser, message: str) -> NoReturn:  # noqa: ARG001  # argparse's signature
        raise UsageExit(message)

    before = argparse.ArgumentParser.error
    argparse.ArgumentParser.error = error  # type: ignore[method-assign]  # the only hook that argparse has
    try:
        yield
    finally:
        argparse.ArgumentParser.error = before  # type: ignore[method-assign]  # see above
