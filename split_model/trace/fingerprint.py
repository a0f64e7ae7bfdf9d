"""A module's fingerprint: classes, settings and weights, for the digest of code that has no graph.

It does not cover the code itself: the same class in another version has the same fingerprint.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from split_model.trace.trace import dtype_name

__all__ = ["fingerprint"]

_DEEPEST = 8  # of nested settings; deeper ones may refer to each other in a circle
_OWN = frozenset({"training"} | nn.Module().__dict__.keys())


def fingerprint(module: nn.Module) -> str:
    """SHA-256 over the module's classes, plain attributes and tensors, with the name of its class.

    Two modules of the same classes have the same fingerprint if their numbers, texts and tensors are the same.
    """
    sha = hashlib.sha256()
    for path, part in module.named_modules():
        sha.update(f"{path} {_name(type(part))}\n".encode())
        for name, setting in sorted(vars(part).items()):
            if name not in _OWN:
                for line in _lines(setting, _DEEPEST):
                    sha.update(f"{path}.{name} {line}\n".encode())
    for name, tensor in sorted((*module.named_parameters(), *module.named_buffers()), key=lambda pair: pair[0]):
        sha.update(f"{name} {_tensor(tensor)}\n".encode())
    return f"{_name(type(module))} {sha.hexdigest()}"


def _lines(value: object, depth: int) -> Iterator[str]:
    """What can be said of a setting on every machine alike: no addresses, no devices."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | torch.dtype):
        yield repr(value)
    elif isinstance(value, Tensor):
        yield _tensor(value)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, Mapping) and depth:
        for key in value:
            yield from (
                f"{key!r} {line}" if isinstance(key, str | int) else line for line in _lines(value[key], depth - 1)
            )
    elif isinstance(value, tuple | list) and depth:
        yield f"{len(value)} parts"
        for part in value:
            yield from _lines(part, depth - 1)
    elif isinstance(value, type) or hasattr(value, "__qualname__"):
        yield _name(value)
    else:
        yield _name(type(value))
        if depth and not isinstance(value, nn.Module | torch.device):
            names: Iterable[str] = vars(value) if hasattr(value, "__dict__") else getattr(type(value), "__slots__", ())
            yield from _lines({name: getattr(value, name, None) for name in sorted(names)}, depth - 1)


def _name(code: object) -> str:
    """Without the module, which is named after its file: that may be called and lie otherwise on another machine."""
    return str(getattr(code, "__qualname__", ""))


def _tensor(tensor: Tensor) -> str:
    plain = tensor.detach().cpu().contiguous().reshape(-1)
    held = plain.view(torch.uint8).numpy().data if plain.numel() else b""
    return f"{dtype_name(tensor.dtype)} {list(tensor.shape)} {hashlib.sha256(held).hexdigest()}"
