"""The arrays in a model file: tensors of the example inputs, `input:PATH`, and of constant outputs, `output:PATH`.

Leaves of the example inputs that are no tensors are fixed, so they are in the definition.
"""

from collections.abc import Iterator, Mapping

import safetensors
import safetensors.numpy

from split_model.arguments import ExpectedInputs
from split_model.definition import Definition, Returned
from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file.layout import ARRAYS
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import Tree, flatten, unflatten
from split_model.values import Array, arrays_of, carried

__all__ = ["arrays_bytes", "check_arrays", "constants_in", "example_inputs_in", "read_arrays"]


def arrays_bytes(definition: Definition, example_inputs: tuple[Tree, ...]) -> bytes:
    """The member's bytes.

    Raises:
        UnsupportedModelError: The example inputs are not as the definition tells.
    """
    leaves, nesting = flatten(example_inputs)
    if nesting != definition.inputs.nesting:
        raise UnsupportedModelError("the example inputs are not nested as the model's inputs are")
    arrays = {
        f"input:{path}": carried(leaf)
        for leaf, (path, wanted) in zip(leaves, definition.inputs.leaves, strict=True)
        if isinstance(wanted, TensorSpec)
    }
    arrays |= {f"output:{path}": array for path, array in definition.outputs.constants.items()}
    try:
        check_arrays(arrays, definition)
    except ModelFileError as error:
        raise UnsupportedModelError(str(error)) from error
    return safetensors.numpy.save({name: arrays_of(array)[0] for name, array in sorted(arrays.items())})


def read_arrays(data: bytes) -> dict[str, Array]:
    """The arrays in the member's bytes.

    Raises:
        ModelFileError: They are not safetensors.
    """
    try:
        return safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{ARRAYS} cannot be read: {error}") from error


def check_arrays(arrays: Mapping[str, Array], definition: Definition) -> None:
    """Checks that these are the arrays that a definition tells of.

    Raises:
        ModelFileError: One is missing, too many, or of another dtype or shape.
    """
    expected = dict(_expected(definition.inputs, definition.outputs))
    if arrays.keys() != expected.keys():
        name = min(arrays.keys() ^ expected.keys())
        raise ModelFileError(f"{ARRAYS} has {'an unknown' if name in arrays else 'no'} array {name!r:.80}")
    for name, spec in expected.items():
        found = TensorSpec(arrays[name].dtype.name, arrays[name].shape)
        if found != spec:
            raise ModelFileError(
                f"the array {name!r} is {found.dtype} {list(found.shape)}; expected {spec.dtype} {list(spec.shape)}"
            )


def constants_in(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The constant outputs among the arrays, by path."""
    return {name.removeprefix("output:"): array for name, array in arrays.items() if name.startswith("output:")}


def example_inputs_in(arrays: Mapping[str, Array], inputs: ExpectedInputs) -> tuple[Tree, ...]:
    """The example inputs, nested."""
    leaves = [arrays[f"input:{path}"] if isinstance(leaf, TensorSpec) else leaf for path, leaf in inputs.leaves]
    return tuple(unflatten(leaves, inputs.nesting))


def _expected(inputs: ExpectedInputs, outputs: Returned) -> Iterator[tuple[str, TensorSpec]]:
    for path, leaf in inputs.leaves:
        if isinstance(leaf, TensorSpec):
            yield f"input:{path}", leaf.carried
    for path, leaf in outputs.leaves:
        if isinstance(leaf, ValueSpec) and leaf.layer is None:
            yield f"output:{path}", leaf.tensor.carried
