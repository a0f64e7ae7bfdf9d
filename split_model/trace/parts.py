"""What is known of a module by the kinds of its parts, before any export is tried."""

from itertools import chain

import torch
from torch import nn

from split_model.errors import UnsupportedModelError

__all__ = ["refuse_untraceable_parts", "uncompiled"]


def uncompiled(module: nn.Module) -> nn.Module:
    """The module that `torch.compile` was given; any other module is returned as it is."""
    original = getattr(module, "_orig_mod", None)
    return original if isinstance(original, nn.Module) and type(module).__name__ == "OptimizedModule" else module


def refuse_untraceable_parts(module: nn.Module) -> None:
    """Checks the kinds of a module's parts.

    Raises:
        UnsupportedModelError: A part is compiled TorchScript, quantised by torch.ao, or has no values.
    """
    for path, part in module.named_modules():
        name = f"its part {path!r}" if path else "it"
        if isinstance(part, torch.jit.ScriptModule):
            raise UnsupportedModelError(
                f"torch.export cannot trace the model: {name} is TorchScript; load the Python module it was made of"
            )
        if type(part).__module__.startswith(("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized")):
            raise UnsupportedModelError(
                f"torch.export cannot trace the model: {name} is quantised by torch.ao, which hides its weights; load "
                "the module before that, or quantise it by torchao.quantization.quantize_"
            )
    empty = [name for name, held in chain(module.named_parameters(), module.named_buffers()) if held.is_meta]
    if empty:
        raise UnsupportedModelError(
            f"the model has no values on the meta device ({len(empty)} tensors, first {empty[0]}); make it on the CPU, "
            "or load its weights with assign=True"
        )
