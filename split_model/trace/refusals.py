"""Why a module cannot be traced: the cause in one line, with the user's own line and what to change.

torch.export's errors are pages of symbolic expressions. The traceback and the notes of a node say more: they hold the
line of the user's code.
"""

import linecache
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

__all__ = ["DIVIDE", "Place", "failed_run", "line", "place_in_trace", "untraceable"]

DIVIDE = "divide the module there: split_model.TrunkAndRest(trunk, rest)"
"""The cure for what no graph can hold."""

_LONGEST = 200
_TORCH = Path(torch.__file__).parent
_STANDARD = Path(sysconfig.get_path("stdlib"))
_OURS = Path(__file__).parents[1]
_BOXES = ("nms", "proposals", "detections", "boxes", "anchors")
_VALUES = (
    "data-dependent",
    "data dependent",
    "GuardOnDataDependent",
    "unbacked",
    "_local_scalar_dense",
    "DynamicOutputShape",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the user's code.

    Attributes:
        file: Its path.
        number: Its number in the file.
        function: The function that it is in.
        module: The path of the part of the module that runs it; empty if it is the whole or unknown.
    """

    file: str
    number: int
    function: str
    module: str = ""

    def __str__(self) -> str:
        """As in `net.py:12 (`y = x[x > 0]`, in 'backbone.head')`."""
        code = linecache.getline(self.file, self.number).strip()
        notes = [f"`{_cut(code, 80)}`"] if code else []
        notes += [f"in {self.module!r}"] if self.module else []
        return f"{_shown(self.file)}:{self.number}" + (f" ({', '.join(notes)})" if notes else "")


def untraceable(error: Exception, module: nn.Module) -> str:
    """Why torch.export fails, from its error.

    Args:
        error: What it raised.
        module: The module that it was given.
    """
    place, functions, packs = _innermost(error, module)
    where = "" if place is None else f" at {place}"
    text = f"{type(error).__name__}: {error}"
    prefix = "torch.export cannot trace the model: "
    if packs:
        return (
            f"{prefix}it packs sequences{where}, whose lengths are values; give the recurrent layer the padded tensor"
        )
    if any(sign in text for sign in _VALUES):
        boxes = any(sign in function for sign in _BOXES for function in functions)
        if boxes:
            return f"{prefix}it selects boxes by their values{where}; {_by_name(module)}{DIVIDE}"
        return (
            f"{prefix}a branch, size or number depends on values{where}; use torch.where or torch.cond, drop .item(), "
            f"or {DIVIDE}"
        )
    if ".numpy()" in text or "numpy" in functions:
        return f"{prefix}it leaves torch for numpy{where}; use torch's operators, or {DIVIDE}"
    return f"{prefix}{line(error)}{where}"


def failed_run(error: Exception, module: nn.Module, keywords: Sequence[str] = ()) -> str:
    """Why a module does not run on its own example inputs, the last of which it takes by keyword."""
    place, _, _ = _innermost(error, module)
    where = "" if place is None else f" at {place}"
    text = f"the model fails on its example inputs{where}: {type(error).__name__}: {line(error)}"
    if keywords and isinstance(error, TypeError) and "argument" in str(error):
        text += "; a dictionary of example inputs holds keyword arguments; for one dictionary, return ({...},)"
    return text + _hidden_package(error)


def _hidden_package(error: Exception) -> str:
    """What to do about an import in a forward that finds another package of that name, such as one of ours."""
    top = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return ""
    return f"; when it runs, {top!r} is {file}: import what forward needs at the top of its file"


def _by_name(module: nn.Module) -> str:
    """The cure for torchvision's own detectors."""
    kinds = {type(part).__module__ for part in module.modules()}
    if not any(kind.startswith("torchvision.models.detection") for kind in kinds):
        return ""
    return "load it by its name, torchvision:NAME (`dads models` lists them), or "


def place_in_trace(node: torch.fx.Node) -> str:
    """Where the user's code makes a node of the exporter, as ` at net.py:12 (...)`; empty if it is unknown."""
    frames = str(node.meta.get("stack_trace") or "").splitlines()
    found = [text.strip() for text in frames if text.strip().startswith("File ")]
    for text in reversed(found):
        _, file, rest = text.split('"', 2)
        if _is_users(file):
            number, _, function = rest.removeprefix(", line ").partition(", in ")
            stack = list((node.meta.get("nn_module_stack") or {}).values())
            return f" at {Place(file, int(number), function, str(stack[-1][0]) if stack else '')}"
    return ""


def line(error: Exception) -> str:
    """The first line of an error's message, cut to a readable length."""
    lines = (text.strip() for text in str(error).splitlines())
    return _cut(next(filter(None, lines), type(error).__name__), _LONGEST)


def _innermost(error: BaseException, module: nn.Module) -> tuple[Place | None, frozenset[str], bool]:
    """The user's innermost line, the functions on the way to the error, and whether a packed sequence is among them."""
    names = {id(part): name for name, part in module.named_modules()}
    place, functions, owner, packs = None, set(), "", False
    for frame, number in _frames(error):
        code = frame.f_code
        functions.add(code.co_name)
        packs = packs or any(isinstance(value, PackedSequence) for value in frame.f_locals.values())
        owner = names.get(id(frame.f_locals.get("self")), owner)
        if _is_users(code.co_filename):
            place = Place(code.co_filename, number, code.co_name, owner)
    return place, frozenset(functions), packs


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    for each in (error.__cause__, error):
        trace: TracebackType | None = None if each is None else each.__traceback__
        if trace is not None:
            yield from traceback.walk_tb(trace)


def _is_users(file: str) -> bool:
    path = Path(file)
    if file.startswith("<") or path.is_relative_to(_TORCH) or path.is_relative_to(_OURS):
        return False
    return not path.is_relative_to(_STANDARD) or "site-packages" in path.parts


def _shown(file: str) -> str:
    path = Path(file)
    if "site-packages" in path.parts:
        return str(Path(*path.parts[path.parts.index("site-packages") + 1 :]))
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
