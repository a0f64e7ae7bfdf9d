"""A prepared trace in a file of safetensors, which is read in a moment and runs no code; exporting anew takes seconds.

The header's metadata hold the trace as JSON, in which `Ref`s, tensors and torch's own values are tagged objects.
"""

import json
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from split_model.errors import ModelError, UnsupportedModelError
from split_model.specs import TensorSpec
from split_model.trace.trace import Argument, Node, Ref, Trace

__all__ = ["TraceFile", "read_trace", "write_trace"]

_KEY = "dads"
_NAMESPACES = ("aten", "prims")
_PLAIN = (bool, int, str)
_OF_TORCH = {"dtype": torch.dtype, "layout": torch.layout, "memory_format": torch.memory_format}


@dataclass(frozen=True, slots=True)
class TraceFile:
    """What such a file holds.

    Attributes:
        trace: Folded, pruned and fused, as heads and tails run it.
        about: Whatever JSON was written beside it.
        arrays: Whatever tensors were written beside it.
    """

    trace: Trace
    about: Any
    arrays: Mapping[str, Tensor]


def write_trace(path: Path, trace: Trace, about: object, arrays: Mapping[str, Tensor]) -> None:
    """Writes a trace.

    Args:
        path: A new file.
        trace: On the CPU, without constants.
        about: JSON to keep beside it.
        arrays: Tensors to keep beside it.

    Raises:
        UnsupportedModelError: It calls Python code, or holds values that a file cannot.
    """
    written = _Written()
    held = {
        "nodes": [_node(node, written) for node in trace.nodes],
        "inputs": trace.inputs,
        "outputs": [written.of(value) for value in trace.outputs],
        "strides": written.strides,
        "about": about,
    }
    tensors = {f"t{index}": _plain(tensor) for index, tensor in enumerate(written.tensors)}
    tensors |= {f"a.{name}": _plain(tensor) for name, tensor in arrays.items()}
    try:
        safetensors.torch.save_file(tensors, path, {_KEY: json.dumps(held)})
    except safetensors.SafetensorError as error:  # its own class even for a full disk
        raise OSError(str(error)) from error


def read_trace(data: bytes) -> TraceFile:
    """Reads a trace from a file's bytes.

    Raises:
        ModelError: It cannot be read.
    """
    try:
        tensors = safetensors.torch.load(data)
        size = int.from_bytes(data[:8], "little")
        held = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][_KEY])
        strides = [None if each is None else tuple(each) for each in held["strides"]]
        read = _Read([_strided(tensors[f"t{index}"], stride) for index, stride in enumerate(strides)])
        trace = Trace(
            nodes=tuple(_node_of(node, read) for node in held["nodes"]),
            inputs=tuple(held["inputs"]),
            constants={},
            outputs=tuple(read.of(value) for value in held["outputs"]),
        )
        arrays = {name.removeprefix("a."): tensor for name, tensor in tensors.items() if name.startswith("a.")}
        return TraceFile(trace, held["about"], arrays)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(f"no trace that this build has written: {error}") from error


class _Written:
    """Values as JSON; the tensors in them are collected."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.strides: list[tuple[int, ...] | None] = []
        self._known: dict[int, int] = {}

    def of(self, value: Argument) -> Any:  # noqa: ANN401  # JSON
        if value is None or isinstance(value, _PLAIN):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, list):
            return [self.of(part) for part in value]
        if isinstance(value, tuple):
            return {"tuple": [self.of(part) for part in value]}
        if isinstance(value, Mapping):
            return {"dict": {name: self.of(part) for name, part in value.items()}}
        return self._tagged(value)

    def _tagged(self, value: Argument) -> dict[str, Any]:
        if isinstance(value, Ref):
            return {"ref": value.index}
        if isinstance(value, Tensor):
            return {"tensor": self._place(value)}
        if isinstance(value, complex):
            return {"complex": [self.of(value.real), self.of(value.imag)]}
        if isinstance(value, torch.device):
            return {"device": str(value)}
        for tag, kind in _OF_TORCH.items():
            if isinstance(value, kind):
                return {tag: str(value).removeprefix("torch.")}
        raise UnsupportedModelError(f"a trace with a value of {type(value).__name__} is not kept")

    def _place(self, tensor: Tensor) -> int:
        place = self._known.get(id(tensor))
        if place is None:
            if tensor.layout is not torch.strided or type(tensor) not in {Tensor, torch.nn.Parameter}:
                raise UnsupportedModelError(f"a trace with a {tensor.layout} tensor is not kept")
            place = self._known[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
            is_plain = tensor.is_contiguous() or 0 in tensor.stride()  # an expanded one is written out
            self.strides.append(None if is_plain else tensor.stride())
        return place


class _Read:
    """Values of JSON, the tensors of which are given."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = tensors

    def of(self, json: Any) -> Argument:  # noqa: ANN401  # JSON
        if isinstance(json, list):
            return [self.of(part) for part in json]
        if not isinstance(json, dict):
            return json
        ((tag, held),) = json.items()
        makers: dict[str, Callable[[], Argument]] = {
            "float": lambda: float(held),
            "tuple": lambda: tuple(self.of(part) for part in held),
            "dict": lambda: {name: self.of(part) for name, part in held.items()},
            "ref": lambda: Ref(int(held)),
            "tensor": lambda: self._tensors[held],
            "complex": lambda: complex(self.of(held[0]), self.of(held[1])),
            "device": lambda: torch.device(held),
        }
        return makers[tag]() if tag in makers else _of_torch(tag, held)


def _of_torch(tag: str, name: str) -> Argument:
    found = getattr(torch, name)
    if not isinstance(found, _OF_TORCH[tag]):
        raise TypeError(f"{name} is no {tag}")
    return found


def _node(node: Node, written: _Written) -> dict[str, Any]:
    return {
        "name": node.name,
        "target": _target(node),
        "args": [written.of(value) for value in node.args],
        "kwargs": {name: written.of(value) for name, value in node.kwargs.items()},
        "specs": [None if spec is None else [spec.dtype, spec.shape] for spec in node.specs],
        "is_tuple": node.is_tuple,
        "keep": node.keep,
        "example_bytes": node.example_bytes,
        "place": node.place,
    }


def _node_of(json: dict[str, Any], read: _Read) -> Node:
    return Node(
        name=json["name"],
        target=_target_of(json["target"]),
        args=tuple(read.of(value) for value in json["args"]),
        kwargs={name: read.of(value) for name, value in json["kwargs"].items()},
        specs=tuple(None if spec is None else TensorSpec(spec[0], tuple(spec[1])) for spec in json["specs"]),
        is_tuple=json["is_tuple"],
        keep=None if json["keep"] is None else tuple(json["keep"]),
        example_bytes=json["example_bytes"],
        place=json["place"],
    )


def _target(node: Node) -> str | None:
    target = node.target
    if target is None:
        return None
    if target is operator.getitem:
        return "getitem"
    if isinstance(target, torch._ops.OpOverload) and target.namespace in _NAMESPACES:  # noqa: SLF001  # its only name
        return str(target)
    raise UnsupportedModelError(f"a trace that calls {target} at {node.name} is not kept")


def _target_of(text: str | None) -> Callable[..., Argument] | None:
    if text is None:
        return None
    if text == "getitem":
        return operator.getitem
    namespace, name, overload = text.split(".")
    if namespace not in _NAMESPACES:
        raise ValueError(f"an operator of {namespace}")
    found: Callable[..., Argument] = getattr(getattr(getattr(torch.ops, namespace), name), overload)
    return found


def _plain(tensor: Tensor) -> Tensor:
    """A tensor of its own memory: safetensors refuses those that share it."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous().clone()


def _strided(tensor: Tensor, stride: tuple[int, ...] | None) -> Tensor:
    """With the strides that it had: they decide which kernel runs, and so the last bit."""
    if stride is None:
        return tensor
    return torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype).copy_(tensor)
