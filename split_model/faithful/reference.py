"""`Reference`: the caller's own module, run as the caller would run it, and left as it was.

The module stays where it is: its inputs go to its device, and its outputs come back. A module in training mode is put
into evaluation mode for each run only, if that is how it was meant.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from split_model.arguments import Arguments
from split_model.structure import Tree, map_leaves

__all__ = ["Reference", "same_random_numbers"]


@dataclass(frozen=True, slots=True)
class Reference:
    """The original module.

    Attributes:
        module: As the caller made it.
        arguments: How it takes its inputs.
        device: The device that its outputs are brought to.
        evaluate: Whether it runs in evaluation mode, whatever its own mode.
    """

    module: nn.Module
    arguments: Arguments
    device: torch.device
    evaluate: bool = False

    def __call__(self, inputs: Sequence[Tree]) -> Tree:
        """Runs the module, without recording gradients.

        Not in inference mode, even if the caller is: a module may keep tensors, and its owner may train it later.
        """
        home = self._home()
        with self.mode(), torch.inference_mode(mode=False), torch.no_grad():
            outputs = self.arguments.call(self.module, [_to(value, home) for value in inputs])
        return _to(outputs, self.device)

    @contextmanager
    def mode(self) -> Iterator[None]:
        """Evaluation mode if it is wanted; afterwards each part is in its own mode again."""
        modes = [(part, part.training) for part in self.module.modules()] if self.evaluate else []
        if not any(training for _, training in modes):
            yield
            return
        self.module.eval()
        try:
            yield
        finally:
            if modes[0][1]:
                self.module.train()  # some modules do more than set the mode
            for part, training in modes:
                part.training = training

    def _home(self) -> torch.device:
        found = next((tensor.device for tensor in chain(self.module.parameters(), self.module.buffers())), None)
        return self.device if found is None else found


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """Restores the states of the random number generators of torch, numpy and Python."""
    python, state = random.getstate(), np.random.get_state()  # noqa: NPY002  # the one that the caller's code may use
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]  # torch's gap
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(state)  # noqa: NPY002  # see above


def _to(value: Tree, device: torch.device) -> Tree:
    return map_leaves(lambda leaf: _ordinary(leaf).to(device) if isinstance(leaf, Tensor) else leaf, value)


def _ordinary(tensor: Tensor) -> Tensor:
    """The tensor, or a copy that may be changed in place and kept, if it was made in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor
