"""Weights: drawn from a fixed seed, or read from a safetensors file.

Seeded weights are the same bits on every platform, so two machines agree on a model without a download. That rules out
torch's generators and any float arithmetic whose rounding may differ: numbers come from PCG64's raw integer stream,
which numpy promises to keep, and each is multiplied once by a scale.

References: K. He et al., "Delving deep into rectifiers", ICCV 2015 (scale by fan-in). P. Goyal et al., "Accurate,
large minibatch SGD", 2017, arXiv:1706.02677, section 5.1 (a small last norm in each residual branch).
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
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from split_model.errors import WeightsError

__all__ = ["NoRandomInit", "load_file", "seed"]

_Function = Callable[..., object]
_Types = Collection[type]
_Args = tuple[Any, ...]
_Kwargs = dict[str, Any] | None

_BIAS = 0.05
_BLOCK = 2**16
_CENTRED_FROM = 16  # inputs; a 3x3 depthwise filter would lose what it is to see
_BRANCH_SCALE = 0.25
_BRANCHES = {"Bottleneck": "bn3", "ResBottleneckBlock": "f", "FusedMBConv": "block"}  # torchvision's deep stacks

# Some functions of `nn.init` hand over to the mode themselves, others through the tensor's method.
_RANDOM_INITIALISERS = frozenset(
    {Tensor.normal_, Tensor.uniform_, nn.init.kaiming_uniform_, nn.init.normal_, nn.init.uniform_}
)


class NoRandomInit(TorchFunctionMode):
    """Inside, modules are built with zeros where they would draw random numbers (most of the time a build takes)."""

    def __torch_function__(self, func: _Function, types: _Types, args: _Args = (), kwargs: _Kwargs = None) -> object:
        """Replaces the random initialisers."""
        if func in _RANDOM_INITIALISERS:
            tensor: Tensor = args[0] if args else (kwargs or {})["tensor"]
            with torch.no_grad():
                return tensor.zero_()
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def seed(module: nn.Module) -> None:
    """Fills a module's parameters from a fixed seed, each according to its own name.

    Matrices and filters are uniform with variance 2 / fan-in and mean 0 over each output's fan-in where that is large:
    rectified activations share a positive mean, which would otherwise drown what tells two inputs apart. Biases of
    linear and convolutional layers are small; everything else of one dimension (norms) keeps what the module's
    constructor gave it, as do all buffers (running means 0, variances 1), except the last norm of each branch in
    torchvision's deep stacks of residual blocks. At full scale every block would add as much as it is given: the values
    of a hundred blocks grow out of proportion, and the last bit of a rounding with them, until two correct ways to
    compute the same model differ in every digit.
    """
    biases = {id(bias) for layer in module.modules() if (bias := _bias_of(layer)) is not None}
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            fan_in = max(1, parameter.numel() // parameter.shape[0])
            _fill(parameter, name, limit=math.sqrt(6 / fan_in), centred=fan_in >= _CENTRED_FROM)
        elif id(parameter) in biases:
            _fill(parameter, name, limit=_BIAS)
    for block in module.modules():
        branch = _BRANCHES.get(type(block).__name__)
        if branch is not None:
            norms = [part for part in block.get_submodule(branch).modules() if isinstance(part, nn.BatchNorm2d)]
            norms[-1].weight.fill_(_BRANCH_SCALE)


def _bias_of(layer: nn.Module) -> Tensor | None:
    """The bias of a linear or convolutional layer; not that of a norm."""
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    return bias if isinstance(weight, Tensor) and weight.ndim > 1 and isinstance(bias, Tensor) else None


def _fill(parameter: Tensor, name: str, *, limit: float, centred: bool = False) -> None:
    """Draws numbers in [-limit, limit) from a stream of their own for each name.

    Each is an integer times one float32: one rounding, so the same bits everywhere. Means are taken of the integers.
    """
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    generator = np.random.PCG64(start)
    table = parameter.view(parameter.shape[0], -1)
    scale = np.float32(limit / 2**15)
    rows = max(1, _BLOCK // table.shape[1])  # blocks that fit the cache: three times faster on VGG's large matrices
    for first in range(0, len(table), rows):
        block = table[first : first + rows]
        raw = generator.random_raw((block.numel() + 3) // 4).astype("<u8", copy=False)
        numbers = raw.view("<i2")[: block.numel()].reshape(block.shape).astype(np.int32)
        if centred:
            numbers -= (numbers.sum(axis=1, dtype=np.int64) // numbers.shape[1]).astype(np.int32)[:, None]
        block.copy_(torch.from_numpy(numbers.astype(np.float32) * scale))


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
