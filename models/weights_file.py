"""Fits the tensors of a weights file to a module, and refuses those that do not fit or make no sense."""

from collections.abc import Callable, Collection, Iterator, Mapping

import torch
from torch import Tensor, nn

from split_model.errors import WeightsError

__all__ = ["fitted"]

_WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and training frameworks write before every name."""

_SHOWN = 3


def fitted(state: Mapping[str, Tensor], module: nn.Module, ignored: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Returns a file's tensors under the names that a module has.

    Args:
        state: The file's tensors, by name. A wrapper's prefix before all names is left out, if the module has none.
        module: The module that they are for.
        ignored: Prefixes of names to ignore (auxiliary heads for training).

    Raises:
        WeightsError: Names, shapes or kinds of numbers do not fit, or a number is not finite; the message says which.
    """
    wanted = module.state_dict()
    found = _unwrapped(state, wanted)
    found = {name: tensor for name, tensor in found.items() if not name.startswith(ignored)} if ignored else found
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    problem = next(_problems(found, wanted, parameters), None)
    if problem is not None:
        raise WeightsError(problem)
    return found


def _unwrapped(state: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """The state without a wrapper's prefix, or several, where more names fit then."""
    found = dict(state)
    best, most = found, len(found.keys() & set(wanted))
    while prefix := next((each for each in _WRAPPERS if found and all(name.startswith(each) for name in found)), None):
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
        fitting = len(found.keys() & set(wanted))
        if fitting > most:
            best, most = found, fitting
    return best


def _problems(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], parameters: Collection[str]) -> Iterator[str]:
    """What is wrong, in words, the gravest first; one entry for each kind of fault."""
    missing, unknown = [name for name in wanted if name not in state], [name for name in state if name not in wanted]
    if missing:
        yield f"the file lacks {_listed(missing)}" + (f", and has {_listed(unknown)}" if unknown else "")
    if unknown:
        yield f"the model has no {_listed(unknown)}"

    def those(is_wrong: Callable[[str, Tensor], bool]) -> list[str]:
        return [name for name, tensor in state.items() if is_wrong(name, tensor)]

    shapes = those(lambda name, tensor: tensor.shape != wanted[name].shape)
    if shapes:
        want, got = list(wanted[shapes[0]].shape), list(state[shapes[0]].shape)
        yield f"expected {shapes[0]} of shape {want}, got {got}; in all, {len(shapes)} of {len(wanted)} shapes differ"
    kinds = those(lambda name, tensor: _kind(tensor) != _kind(wanted[name]))
    if kinds:
        yield (
            f"expected {_kind(wanted[kinds[0]])} numbers, got {_name(state[kinds[0]].dtype)}, for {_listed(kinds)}; "
            "quantised weights must be converted back first"
        )
    wrong = those(lambda name, tensor: not _makes_sense(tensor, infinities=name not in parameters))
    if wrong:
        yield f"expected finite numbers, found NaN or infinity in {_listed(wrong)}"


def _kind(tensor: Tensor) -> str:
    if tensor.is_complex():
        return "complex"
    return "floating-point" if tensor.is_floating_point() else "whole"


def _makes_sense(tensor: Tensor, *, infinities: bool) -> bool:
    """Whether there is no NaN, and no infinity where none may be: buffers have them, as masks."""
    if not tensor.is_floating_point():
        return True
    return not bool((tensor.isnan() if infinities else ~torch.isfinite(tensor)).any())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _listed(names: Collection[str]) -> str:
    """The first few names, and how many others there are."""
    shown = ", ".join(sorted(names)[:_SHOWN])
    others = len(names) - _SHOWN
    return shown if others <= 0 else f"{shown} and {others} other{'s' if others > 1 else ''}"
