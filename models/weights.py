"""Weights: drawn from a fixed seed, or read from a safetensors file.

Seeded weights have the same bits on every platform, so two machines have the same model without a download. So neither
torch's generators nor float arithmetic with platform-dependent rounding can be used: numbers come from PCG64's raw
integer stream, which numpy guarantees to keep, and each is multiplied once by a scale.

References: K. He et al., "Delving deep into rectifiers", ICCV 2015 (scale by fan-in). P. Goyal et al., "Accurate,
large minibatch SGD", 2017, arXiv:1706.02677, section 5.1 (a small last norm in each residual branch).
"""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.weights_file import fitted
from split_model.errors import WeightsError

__all__ = ["NoRandomInit", "fill", "load_file", "read_file", "seed"]

_Function = Callable[..., object]
_Types = Collection[type]
_Args = tuple[Any, ...]
_Kwargs = dict[str, Any] | None

_BIAS = 0.05
_BLOCK = 2**16
_CENTRED_FROM = 16  # inputs; a 3x3 depthwise filter with mean 0 would respond too little
_BRANCH_SCALE = 0.25
_BRANCHES = {"Bottleneck": "bn3", "ResBottleneckBlock": "f", "FusedMBConv": "block"}  # torchvision's deep stacks

# Some functions of `nn.init` reach the mode themselves, others only through the tensor's method.
_RANDOM_INITIALISERS = frozenset(
    {Tensor.normal_, Tensor.uniform_, nn.init.kaiming_uniform_, nn.init.normal_, nn.init.uniform_}
)


class NoRandomInit(TorchFunctionMode):
    """While active, modules are built with zeros instead of random numbers, which take most of the build time."""

    def __torch_function__(self, func: _Function, types: _Types, args: _Args = (), kwargs: _Kwargs = None) -> object:
        """Replaces the random initialisers."""
        if func in _RANDOM_INITIALISERS:
            tensor: Tensor = args[0] if args else (kwargs or {})["tensor"]
            with torch.no_grad():
                return tensor.zero_()
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def seed(module: nn.Module) -> None:
    """Fills a module's parameters with numbers that depend only on each parameter's name.

    Matrices and filters are uniform with variance 2 / fan-in. If the fan-in is large, each output's weights have mean
    0: rectified activations share a positive mean, which would otherwise outweigh the differences between inputs.
    Biases of linear and convolutional layers are small. All other one-dimensional parameters (norms) and all buffers
    (running means 0, variances 1) keep the constructor's values.

    The exception is the last norm of each branch in torchvision's deep stacks of residual blocks, which is scaled down.
    At full scale every block would double its input's variance. After a hundred blocks the values, and with them the
    rounding errors, would be so large that two correct computations of the model differ in every digit.
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
    """The bias of a linear or convolutional layer; `None` for norms and other modules."""
    weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    return bias if isinstance(weight, Tensor) and weight.ndim > 1 and isinstance(bias, Tensor) else None


def _fill(parameter: Tensor, name: str, *, limit: float, centred: bool = False) -> None:
    """Draws numbers in [-limit, limit) from a random stream that depends on the name.

    Each is an integer times one float32, with one rounding, so it has the same bits everywhere. Means are subtracted
    from the integers.
    """
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    generator = np.random.PCG64(start)
    table = parameter.view(parameter.shape[0], -1)
    scale = np.float32(limit / 2**15)
    rows = max(1, _BLOCK // table.shape[1])  # blocks that fit into the cache: three times faster on VGG's matrices
    for first in range(0, len(table), rows):
        block = table[first : first + rows]
        raw = generator.random_raw((block.numel() + 3) // 4).astype("<u8", copy=False)
        numbers = raw.view("<i2")[: block.numel()].reshape(block.shape).astype(np.int32)
        if centred:
            numbers -= (numbers.sum(axis=1, dtype=np.int64) // numbers.shape[1]).astype(np.int32)[:, None]
        block.copy_(torch.from_numpy(numbers.astype(np.float32) * scale))


def read_file(path: Path) -> dict[str, Tensor]:
    """Reads a safetensors file.

    Raises:
        WeightsError: No such file, or not safetensors.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {str(path)!r}; expected a .safetensors file, `DEFAULT`, or nothing")
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{str(path)!r} is not a safetensors file: {error}") from error


def fill(module: nn.Module, state: Mapping[str, Tensor], path: Path, *, ignored: tuple[str, ...] = ()) -> None:
    """Overwrites a module's parameters and buffers with those of a file.

    Args:
        module: The module.
        state: What the file holds; see `read_file`.
        path: The file, for errors.
        ignored: Prefixes of names in the file to ignore (auxiliary heads for training).

    Raises:
        WeightsError: Names, shapes or numbers do not fit; see `fitted`.
    """
    try:
        module.load_state_dict(fitted(state, module, ignored))
    except WeightsError as error:
        raise WeightsError(f"the weights in {str(path)!r} do not fit the model: {error}") from error


def load_file(module: nn.Module, path: Path) -> None:
    """Reads a module's parameters and buffers from a safetensors file.

    Raises:
        WeightsError: See `read_file` and `fill`.
    """
    fill(module, read_file(path), path)
