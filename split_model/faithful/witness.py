"""`Witness`: sees that a module answers as its split does, keeps nothing between calls, and is left as it was found.

One run on the example inputs comes before the export: a module that fills a cache on its first call fills it with
tensors that have values, not with those of the exporter.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from split_model import structure
from split_model.errors import UnsupportedModelError
from split_model.faithful.deviation import deviation, is_finite
from split_model.faithful.fresh_inputs import apart, fresh_inputs
from split_model.faithful.module_state import ModuleState
from split_model.faithful.reference import Reference, same_random_numbers
from split_model.pytorch.call_arguments import admit
from split_model.structure import Tree
from split_model.trace.refusals import failed_run, line

__all__ = ["Answer", "Witness", "witnessed"]

Answer = Callable[[Sequence[Tree]], Tree]
"""From inputs to a return value."""

_MOST_NAMES = 3


class Witness:
    """A module while it is loaded: its states before and after its first run.

    Args:
        reference: The module.
        examples: Its example inputs.

    Attributes:
        examples: Copies of them, none of which share memory.
        outputs: What the module returns for them.

    Raises:
        UnsupportedModelError: It fails on them.
    """

    def __init__(self, reference: Reference, examples: Sequence[Tree]) -> None:
        self._reference = reference
        self.examples = apart(examples)
        if _is_lazy(reference):
            self._first_run()  # gives its parameters their shapes, for good
        self._found = ModuleState.of(reference.module)
        try:
            self.outputs = self._first_run()
        except UnsupportedModelError:
            self._found.restore()
            raise
        self._filled = ModuleState.of(reference.module, self._found)
        self._left = self._found

    def exported(self) -> None:
        """Removes what the export left in the module."""
        self._filled.restore()

    def leave(self) -> None:
        """Leaves the module as it was found."""
        self._left.restore()

    def compare(self, answers: Sequence[Answer], plain: Answer, tolerance: float) -> None:
        """Compares the module with its split on inputs other than the examples, and what the module keeps of them.

        Args:
            answers: The split model, cut in one place or another; each is asked once.
            plain: The traced graph, without anything that changes rounding. It decides where the split is off by more
                than the tolerance: some models, such as those that sort, turn rounding into other answers.
            tolerance: How far an output may be off, relative to its largest element.

        Raises:
            UnsupportedModelError: Another answer, or state that the split lacks.
        """
        self._decide_what_stays(tolerance)
        scratch: tuple[str, ...] = ()
        for seed, answer in enumerate(answers):
            inputs, wanted = self._fresh(seed)
            if all(deviation(wanted, ask(apart(inputs))) > tolerance for ask in (answer, plain)):
                self._refuse(inputs, wanted, tolerance)
            changed = self._filled.changes()
            if changed and self._is_scratch(inputs, wanted, tolerance):
                scratch = changed
            else:
                self._refuse_state(changed)
        if scratch:
            what = f"the model writes {_some(scratch)} in each call, and a split model does not"
            warnings.warn(f"{what}; no answer depends on it", stacklevel=2)

    def _refuse_state(self, changed: Sequence[str]) -> None:
        if changed:
            is_training = any(part.training for part in self._reference.module.modules())
            raise UnsupportedModelError(
                f"the model keeps state from call to call ({_some(changed)}), and a split model keeps none; take "
                f"it as an input and return it, or drop it{', or call .eval()' if is_training else ''}"
            )

    def _is_scratch(self, inputs: Sequence[Tree], answer: Tree, tolerance: float) -> bool:
        """Whether what a call leaves depends on its own inputs alone, as does its answer."""
        left = ModuleState.of(self._reference.module)
        self._reference(apart(self.examples))
        return deviation(answer, self._reference(apart(inputs))) <= tolerance and not left.changes()

    def _decide_what_stays(self, tolerance: float) -> None:
        """Caches are emptied again, unless the module cannot go on then: its class may know that they were filled."""
        if not self._found.changes():
            return
        self._found.restore()
        try:
            again = self._reference(apart(self.examples))
        except Exception:  # noqa: BLE001  # the user's code raises exceptions of any type
            self._left = self._filled
        else:
            self._left = self._found if deviation(self.outputs, again) <= tolerance else self._filled
        self._left.restore()

    def _first_run(self) -> Tree:
        try:
            outputs = self._reference(apart(self.examples))
        except Exception as error:  # the user's code raises exceptions of any type
            reference = self._reference
            text = failed_run(error, reference.module, reference.arguments.keywords)
            raise UnsupportedModelError(text) from error
        admit(outputs, "returns")
        return outputs

    def _fresh(self, seed: int) -> tuple[tuple[Tree, ...], Tree]:
        """Inputs that the module takes, and its answer to them: finite if it can be."""
        last: tuple[tuple[Tree, ...], Tree] | None = None
        reason = "it returns tensors of the trace"
        for inputs in chain(fresh_inputs(self.examples, seed), (apart(self.examples),)):
            try:
                answer = self._reference(apart(inputs))
            except Exception as error:  # noqa: BLE001  # values that the module refuses, with exceptions of any type
                reason = line(error)
                continue
            if any(isinstance(leaf, FakeTensor) for leaf in structure.flatten(answer)[0]):
                continue
            last = inputs, answer
            if is_finite(answer):
                return last
        if last is None:
            raise UnsupportedModelError(
                f"the model runs no more once torch.export has traced it: {reason}; something outside its attributes "
                "keeps what a call computes (a global, a function's cache): compute it anew in each call"
            )
        return last

    def _refuse(self, inputs: Sequence[Tree], wanted: Tree, tolerance: float) -> None:
        if deviation(wanted, self._reference(apart(inputs))) > tolerance:
            self._refuse_state(self._filled.changes())
            raise UnsupportedModelError(
                "the model answers the same inputs otherwise each time: it draws random numbers outside torch, or "
                "keeps state; take what changes as an input"
            )
        raise UnsupportedModelError(
            "the traced graph is another function than the model: it answers inputs other than the examples otherwise; "
            "in forward, Python code depends on values or on things outside (a cache, .data, a global); use torch's "
            "operators on the inputs"
        )


@contextmanager
def witnessed(reference: Reference, examples: Sequence[Tree]) -> Iterator[Witness]:
    """A `Witness` while a module is loaded; afterwards the module is as it was found, also after an error.

    Meanwhile nothing is compiled: a part that `torch.compile` made would take a minute for its first run.
    """
    with reference.mode(), same_random_numbers(), torch.compiler.set_stance("force_eager"):
        witness = Witness(reference, examples)
        try:
            yield witness
        finally:
            witness.leave()


def _is_lazy(reference: Reference) -> bool:
    held = chain(reference.module.parameters(), reference.module.buffers())
    return any(isinstance(tensor, UninitializedParameter | UninitializedBuffer) for tensor in held)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
