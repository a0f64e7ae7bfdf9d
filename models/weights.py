"""Weights: drawn from a fixed seed, or read from a safetensors file.

Seeded weights are the same bits on every platform, so two machines agree on a model without a download. That rules out
torch's generators and any float arithmetic whose rounding may differ: numbers come from PCG64's raw integer stream,
which numpy promises to keep, and each is multiplied once by a scale.

Reference: K. He et al., "Delving deep into rectifiers", ICCV 2015 (scale by fan-in).
"""

import hashlib
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.errors import WeightsError

__all__ = ["NoRandomInit", "load_file", "seed"]

_Function = Callable[..., object]
_Types = Collection[type]
_Args = tuple[Any, ...]
_Kwargs = dict[str, Any] | None

_RANDOM_INITIALISERS = frozenset({Tensor.normal_, Tensor.uniform_})


class NoRandomInit(TorchFunctionMode):
    """Inside, modules are built with zeros where they would draw random numbers (most of the time a build takes)."""

    def __torch_function__(self, func: _Function, types: _Types, args: _Args = (), kwargs: _Kwargs = None) -> object:
        """Replaces the random initialisers."""
        if func in _RANDOM_INITIALISERS:
            with torch.no_grad():
                return args[0].zero_()
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def seed(module: nn.Module) -> None:
    """Fills a module's parameters from a fixed seed, each according to its own name.

    Matrices and filters are uniform with variance 2 / fan-in and mean 0 over each output's fan-in where that is large:
    rectified activations share a positive mean, which would otherwise drown what tells two inputs apart. Biases of
    linear and convolutional layers are small; everything else of one dimension (norms) keeps what the module's
    constructor gave it, as do all buffers (running means 0, variances 1).
    """
    biases = {id(bias) for layer in module.modules() if (bias := _bias_of(layer)) is not None}
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            parameter.copy_(_weights(name, parameter))
        elif id(parameter) in biases:
            parameter.copy_(_uniform(name, parameter.numel(), 0.05).reshape(parameter.shape))


def _bias_of(layer: nn.Module) -> Tensor | None:
    """The bias of a linear or convolutional layer; not that of a norm."""
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    return bias if isinstance(weight, Tensor) and weight.ndim > 1 and isinstance(bias, Tensor) else None


def _weights(name: str, parameter: Tensor) -> Tensor:
    rows = parameter.shape[0]
    fan_in = max(1, parameter.numel() // rows)
    return _uniform(name, parameter.numel(), math.sqrt(6 / fan_in), rows).reshape(parameter.shape)


_CENTRED_FROM = 64


def _uniform(name: str, count: int, limit: float, rows: int = 1) -> Tensor:
    """`count` numbers in [-limit, limit), float32, from a stream of their own for each name."""
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    raw = np.random.PCG64(start).random_raw((count + 3) // 4).astype("<u8", copy=False)
    numbers: NDArray[np.int16] = raw.view("<i2")[:count]
    floats = numbers.astype(np.float32)  # exact: 16 bits fit the mantissa
    if count // rows >= _CENTRED_FROM and rows > 1:
        table = floats.reshape(rows, -1)
        # Integer means: the same everywhere, whatever the order of summation.
        table -= (numbers.reshape(rows, -1).sum(axis=1, dtype=np.int64) // (count // rows)).astype(np.float32)[:, None]
    floats *= np.float32(limit / 2**15)
    return torch.from_numpy(floats)


def load_file(module: nn.Module, path: Path, *, ignored: tuple[str, ...] = ()) -> None:
    """Reads a module's parameters and buffers from a safetensors file.

    Args:
        module: Filled in place.
        path: The file.
        ignored: Prefixes of names that the file may hold beyond the module's (auxiliary heads of training).

    Raises:
        WeightsError: No such file, not safetensors, or names or shapes that do not fit.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {str(path)!r}; expected a .safetensors file, `DEFAULT`, or nothing")
    try:
        state = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{str(path)!r} is not a safetensors file: {error}") from error
    state = {name: tensor for name, tensor in state.items() if not name.startswith(ignored)} if ignored else state
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(f"the weights in {str(path)!r} do not fit the model: {error}") from error
