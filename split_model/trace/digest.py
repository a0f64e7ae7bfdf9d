"""A model's digest: equal on two machines exactly if they may exchange the model's tensors."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from split_model.trace.capture import Capture
from split_model.trace.trace import Argument, Node, Ref, dtype_name

__all__ = ["digest_of"]


def digest_of(captured: Capture, state: Mapping[str, Tensor]) -> str:
    """SHA-256 (lower-case hexadecimal) over graph, weights and preprocessing.

    The graph is the trace before folding: operators, their arguments, dependencies, shapes and dtypes. Node names are
    part of it, because tensors are sent under these names; file paths, source locations, devices and the torch version
    are not. Preprocessing consists of layers, so it is part of graph and weights.

    Args:
        captured: The model's trace, before folding.
        state: The module's `state_dict`.
    """
    sha = hashlib.sha256()
    for line in _lines(captured):
        sha.update(line.encode() + b"\n")
    for name in sorted(state):
        _add_tensor(sha, name, state[name])
    for index, constant in sorted(captured.trace.constants.items()):
        name = captured.trace.nodes[index].name
        if not isinstance(constant, Tensor):  # a submodule of a higher-order operator
            sha.update(f"{name} {getattr(constant, 'graph', '')}\n".encode())
        elif name not in state:
            _add_tensor(sha, name, constant)
    return sha.hexdigest()


def _lines(captured: Capture) -> list[str]:
    trace = captured.trace
    inputs = zip(captured.input_paths, trace.inputs, strict=True)
    outputs = zip(captured.output_paths, trace.outputs, strict=True)
    return [
        *(_line(index, node) for index, node in enumerate(trace.nodes)),
        "inputs " + " ".join(f"{path}={index}" for path, index in inputs),
        "outputs " + " ".join(f"{path}={_text(value)}" for path, value in outputs),
    ]


def _line(index: int, node: Node) -> str:
    specs = ",".join("-" if spec is None else f"{spec.dtype}{list(spec.shape)}" for spec in node.specs)
    target = node.target.__name__ if node.target is not None and node.target.__module__ == "_operator" else node.target
    return f"%{index} {node.name} {target} {_text(node.args)} {_text(dict(node.kwargs))} {specs}"


def _text(value: Argument) -> str:
    if isinstance(value, Ref):
        return f"%{value.index}"
    if isinstance(value, tuple | list):
        return "[" + ",".join(_text(part) for part in value) + "]"
    if isinstance(value, Mapping):
        parts = (f"{key}:{_text(part)}" for key, part in sorted(value.items()) if not isinstance(part, torch.device))
        return "{" + ",".join(parts) + "}"
    return "device" if isinstance(value, torch.device) else repr(value)


def _add_tensor(sha: "hashlib._Hash", name: str, tensor: Tensor) -> None:
    sha.update(f"{name} {dtype_name(tensor.dtype)} {list(tensor.shape)}\n".encode())
    for part_name, part in _parts(tensor):
        sha.update(f"{part_name}\n".encode())
        _add_tensor(sha, part_name, part)
    if not _parts(tensor):
        flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        if flat.numel():
            sha.update(flat.view(torch.uint8).numpy().data)


def _parts(tensor: Tensor) -> list[tuple[str, Tensor]]:
    """The plain tensors that a sparse tensor or one of a subclass, such as a quantised one, consists of."""
    if tensor.layout in {torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc}:
        rows = tensor.layout in {torch.sparse_csr, torch.sparse_bsr}
        compressed, plain = (
            (tensor.crow_indices(), tensor.col_indices()) if rows else (tensor.ccol_indices(), tensor.row_indices())
        )
        return [("compressed", compressed), ("plain", plain), ("values", tensor.values())]
    if tensor.is_sparse:
        whole = tensor.coalesce()
        return [("indices", whole.indices()), ("values", whole.values())]
    wrapper: object = tensor
    if is_traceable_wrapper_subclass(wrapper):
        names, _ = wrapper.__tensor_flatten__()
        return [(name, getattr(wrapper, name)) for name in names]
    return []
