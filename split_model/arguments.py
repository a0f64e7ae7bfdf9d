"""How a module takes its inputs: by position, by keyword, or both; and whether inputs are as the example inputs.

Every input has a position, also one that the module takes by keyword: those follow the others, in the order of the
example inputs. So the services handle the inputs of all models alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from split_model import structure
from split_model.errors import InputError, UnsupportedModelError
from split_model.structure import Nesting, Tree
from split_model.trace.trace import TensorSpec

__all__ = ["Arguments", "ExpectedInputs", "arguments_of", "expected_inputs"]


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call.

    Attributes:
        keywords: The names of those that are taken by keyword, which come last.
    """

    keywords: tuple[str, ...] = ()

    def call(self, function: Callable[..., Tree], inputs: Sequence[Tree]) -> Tree:
        """Calls a function with inputs in order of position."""
        args, kwargs = self.separate(inputs)
        return function(*args, **kwargs)

    def separate(self, inputs: Sequence[Tree]) -> tuple[tuple[Tree, ...], dict[str, Tree]]:
        """Positional and keyword arguments of inputs in order of position.

        Raises:
            InputError: They are fewer than the keyword arguments.
        """
        positional = len(inputs) - len(self.keywords)
        if positional < 0:
            raise InputError(f"expected the inputs {', '.join(self.keywords)}; got {len(inputs)}")
        return tuple(inputs[:positional]), dict(zip(self.keywords, inputs[positional:], strict=True))


def arguments_of(
    example_inputs: Tree | Sequence[Tree] | Mapping[str, Tree], keywords: tuple[str, ...] = ()
) -> tuple[Arguments, tuple[Tree, ...]]:
    """The arguments that example inputs stand for, and the inputs in order of position.

    Args:
        example_inputs: The inputs in order of position, as a tuple or list, or one that is neither; or a mapping, which
            holds keyword arguments.
        keywords: The names of the last of them, if the module takes these by keyword.

    Raises:
        UnsupportedModelError: The mapping's keys are no names; or an input is of a type that no model takes.
    """
    if isinstance(example_inputs, Mapping):
        keywords, example_inputs = tuple(example_inputs), tuple(example_inputs.values())
    inputs = tuple(example_inputs) if isinstance(example_inputs, tuple | list) else (example_inputs,)
    if not all(isinstance(name, str) for name in keywords):
        raise UnsupportedModelError(
            "example inputs in a dictionary are keyword arguments, and the keys must be their names; "
            "a module that takes one dictionary has the example inputs ({...},)"
        )
    structure.admit(inputs, "takes")
    return Arguments(keywords), inputs


@dataclass(frozen=True, slots=True)
class ExpectedInputs:
    """What the inputs of a call must be.

    Attributes:
        names: The names of the arguments, in order of position.
        nesting: How they are nested.
        leaves: For each leaf its path, and a tensor's dtype and shape; or the value that the export fixed.
        nodes: For each leaf its node; `None` for what is no tensor.
    """

    names: tuple[str, ...]
    nesting: Nesting
    leaves: tuple[tuple[str, TensorSpec | object], ...]
    nodes: tuple[int | None, ...]

    def in_order(self, inputs: Sequence[Tree], named: Mapping[str, Tree]) -> tuple[Tree, ...]:
        """The inputs of a call, in order of position.

        Raises:
            InputError: A name is unknown, given twice or missing.
        """
        if not named:
            return tuple(inputs)
        rest = self.names[len(inputs) :]
        if named.keys() != set(rest):
            got = f"{len(inputs)} by position, and {', '.join(named)}"
            raise InputError(f"expected the inputs {', '.join(self.names)}; got {got}")
        return (*inputs, *(named[name] for name in rest))

    def feed(self, inputs: Sequence[Tree]) -> dict[int, Tensor]:
        """The tensors of inputs in order of position, by node.

        Raises:
            InputError: Inputs of another number, nesting, shape, dtype or, where the export fixed it, value.
        """
        leaves, nesting = structure.flatten(tuple(inputs))
        if nesting != self.nesting:
            expected = ", ".join(path for path, _ in self.leaves)
            raise InputError(f"expected the inputs {expected}, nested as in example_inputs; got {len(leaves)} values")
        fed: dict[int, Tensor] = {}
        for leaf, node, (path, wanted) in zip(leaves, self.nodes, self.leaves, strict=True):
            if node is not None and isinstance(wanted, TensorSpec):
                fed[node] = _checked(leaf, path, wanted)
            elif not _is_fixed(leaf, wanted):
                raise InputError(
                    f"input {path!r} is fixed to {wanted!r}, its value in the example inputs; got {leaf!r:.60}: "
                    "load the model with that value, or make it a tensor"
                )
        return fed


def expected_inputs(
    names: Sequence[str], paths: Sequence[str], examples: Sequence[Tree], nodes: Sequence[int | None]
) -> ExpectedInputs:
    """What inputs must be that are like the examples."""
    leaves, nesting = structure.flatten(tuple(examples))
    wanted = (TensorSpec.of(leaf) if isinstance(leaf, Tensor) else leaf for leaf in leaves)
    return ExpectedInputs(tuple(names), nesting, tuple(zip(paths, wanted, strict=True)), tuple(nodes))


def _checked(leaf: object, path: str, wanted: TensorSpec) -> Tensor:
    expected = f"input {path!r} must be {wanted.dtype} {list(wanted.shape)}"
    if not isinstance(leaf, Tensor):
        raise InputError(f"{expected}; got {type(leaf).__name__}")
    found = TensorSpec.of(leaf)
    if found != wanted:
        raise InputError(f"{expected}; got {found.dtype} {list(found.shape)}")
    return leaf


def _is_fixed(leaf: object, wanted: object) -> bool:
    if isinstance(leaf, Tensor):
        return False
    return type(leaf) is type(wanted) and (leaf == wanted or (leaf != leaf and wanted != wanted))  # noqa: PLR0124  # NaN
