"""How a run's time is distributed over the layers, by ONNX Runtime's profiler of the fused network.

A kernel's event tells its layer in one of two ways. A kernel that was not fused, or into which later ones were fused,
has the name of its node, which is set here. A kernel in the processor's own layout has the name of the value that it
makes, behind which other nodes may be fused: a convolution with its activation has that of the activation. All its time
counts for the convolution, because a cut between the two leaves the time there. Kernels that only change the layout
count for a neighbour.

The profiler reads the wall clock, so the least of several runs counts: another process seldom interrupts the same
kernel in each.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from split_model.definition import Definition
from split_model.engines.onnx.extraction import Extracted
from split_model.engines.onnx.names import tensor_names
from split_model.engines.onnx.session import Session, open_session, session_options
from split_model.values import Value

__all__ = ["kernel_times"]

_EVENT = "_kernel_time"
_OWN_LAYOUT = "_nchwc"
_NODE = re.compile(r"node<(\d+)>")
_HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


class _Kernel(NamedTuple):
    name: str
    operator: str
    seconds: float


def kernel_times(
    definition: Definition, whole: Extracted, weights: Path, threads: int, feeds: Mapping[str, Value], runs: int
) -> dict[str, float]:
    """The seconds of each layer in a run of the whole model, by name; they need not add up to the time of a run.

    Args:
        definition: The model.
        whole: The whole model; its nodes are renamed.
        weights: The folder of the file that it refers to.
        threads: Threads of each operator.
        feeds: The values of the inputs.
        runs: Runs whose least times count, after one that does not.
    """
    if whole.model is None:
        return {}
    nodes = whole.model.graph.node
    for position, node in enumerate(nodes):
        node.name = f"node<{position}>"
    with tempfile.TemporaryDirectory(prefix="dads-profile-") as folder:
        options = session_options(weights, threads, prepacks=whole.prepacks, lasting=False)
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        session = open_session(whole, whole.model.SerializeToString(), options, 0)
        for _ in range(1 + runs):
            session.run(feeds)
        kernels = _kernels(_events(session), 1 + runs)
    places = _Places(definition, nodes, kernels)
    seconds = dict.fromkeys((entry.name for entry in definition.graph.layers), 0.0)
    for kernel, layer in zip(kernels, places.layers(), strict=True):
        seconds[layer] += kernel.seconds
    return seconds


class _Places:
    """Which layer each kernel belongs to."""

    def __init__(self, definition: Definition, nodes: Sequence[Any], kernels: Sequence[_Kernel]) -> None:
        self._nodes = nodes
        self._kernels = kernels
        self._maker = {name: position for position, node in enumerate(nodes) for name in node.output}
        self._layer = self._layers_of_nodes(definition)
        self._last = definition.graph.layers[-1].name
        self._named = [self._node(kernel.name) for kernel in kernels]

    def layers(self) -> list[str]:
        """The layer of each kernel, in their order."""
        known = [None if node is None else self._layer.get(self._heavy(node), self._last) for node in self._named]
        after = self._last
        following = []
        for layer in reversed(known):
            after = layer or after
            following.append(after)
        following.reverse()
        placed: list[str] = []
        for kernel, layer, next_one in zip(self._kernels, known, following, strict=True):
            before = next_one if not placed or kernel.operator == "ReorderInput" else placed[-1]
            placed.append(layer or before)
        return placed

    def _layers_of_nodes(self, definition: Definition) -> dict[int, str]:
        """The layer whose value each node helps to make, the earliest one."""
        layer_of: dict[int, str] = {}
        for entry in definition.graph.layers:
            waiting = list(tensor_names(entry.name, len(definition.layer_specs[entry.name])))
            while waiting:
                position = self._maker.get(waiting.pop())
                if position is not None and position not in layer_of:
                    layer_of[position] = entry.name
                    waiting.extend(self._nodes[position].input)
        return layer_of

    def _node(self, kernel: str) -> int | None:
        if kernel.endswith(_OWN_LAYOUT):
            return self._maker.get(kernel.removesuffix(_OWN_LAYOUT))
        found = _NODE.search(kernel)
        return None if found is None else int(found.group(1))

    def _heavy(self, node: int) -> int:
        """Of a node and those fused into it, which come before it and have no kernel, the one that counts."""
        named = set(self._named)
        group, waiting = {node}, [node]
        while waiting:
            for name in self._nodes[waiting.pop()].input:
                before = self._maker.get(name)
                if before is not None and before not in named and before not in group:
                    group.add(before)
                    waiting.append(before)
        return max((position for position in group if self._nodes[position].op_type in _HEAVY), default=node)


def _events(session: Session) -> list[dict[str, Any]]:
    """The events of kernels, in the order in which they began."""
    if session.runtime is None:
        return []
    events: list[dict[str, Any]] = json.loads(Path(session.runtime.end_profiling()).read_text(encoding="utf-8"))
    kernels = [event for event in events if event.get("cat") == "Node" and event["name"].endswith(_EVENT)]
    return sorted(kernels, key=lambda event: event["ts"])


def _kernels(events: Sequence[dict[str, Any]], runs: int) -> list[_Kernel]:
    """The kernels of one run with their least times; of the last run if the runs differ, as with loops."""
    count, odd = divmod(len(events), runs)
    rows = [events[start : start + count] for start in range(0, count * runs, count)] if count else []
    same = not odd and all([event["name"] for event in row] == [event["name"] for event in rows[0]] for row in rows)
    used = rows[1:] if same else rows[-1:]
    return [
        _Kernel(
            same_kernel[0]["name"].removesuffix(_EVENT),
            same_kernel[0]["args"].get("op_name", ""),
            min(event["dur"] for event in same_kernel) * 1e-6,
        )
        for same_kernel in zip(*used, strict=True)
    ]
