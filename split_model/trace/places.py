"""Places: names of layers for people, by the modules that call them, such as `backbone.layer2.0.conv1`.

A module that calls one operator gives the layer its path. Operators of a module that has others too are told apart by
the operator's name, `layer2.0.add`, and repeated ones by a number, `layer2.0.relu#2`. An operator of the outermost
module keeps the trace's name, `cat_18`; so do inputs.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

from torch import nn

from split_model.trace.layering import Layering
from split_model.trace.operators import packet
from split_model.trace.trace import Node, Trace

__all__ = ["places_of", "root_of"]

_COMPILED = "_orig_mod"  # what torch.compile puts between a part and its own parts


def root_of(module: nn.Module) -> str:
    """The path inside a module at which places begin: a wrapper names the child that people know in `known_child`."""
    return str(getattr(module, "known_child", ""))


def places_of(trace: Trace, layering: Layering, root: str = "") -> Mapping[str, str]:
    """Each layer's place, by its name; no two are equal.

    Args:
        trace: The trace that the layers were found in.
        layering: Its layers.
        root: The path that places begin at; those of other layers are given from the outermost module.
    """
    nodes = {name: trace.nodes[index] for name, index in layering.node_of.items()}
    paths = {name: _inside(root, node.place) for name, node in nodes.items()}
    operators = {name: _operator(node) for name, node in nodes.items()}
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for name, path in paths.items():
        kinds[path].add(operators[name])
    inner = {path[:end] for path in kinds for end, sign in enumerate(path) if sign == "."}
    seen: Counter[str] = Counter()
    places: dict[str, str] = {}
    for name, path in paths.items():
        if not path:
            place = name.replace("_native_batch_norm_legit_no_training", "batch_norm")
        else:
            place = path if len(kinds[path]) == 1 and path not in inner else f"{path}.{operators[name]}"
        seen[place] += 1
        places[name] = place if seen[place] == 1 else f"{place}#{seen[place]}"
    return places


def _inside(root: str, path: str) -> str:
    path = ".".join(part for part in path.split(".") if part != _COMPILED)
    return "" if path == root else path.removeprefix(f"{root}.") if root else path


def _operator(node: Node) -> str:
    """The operator's name, without namespace, overload and what torch's internal variants add."""
    name = packet(node.target).rpartition(".")[2].strip("_")
    return name.removeprefix("native_").removesuffix("_legit_no_training")
