"""One fixed split, given by its edge layers or by its cut.

The uplink is measured first, so that stages are predicted correctly from the first offloaded frame on.
"""

from collections.abc import Mapping, Sequence

from edge_service.control.conditions import Conditions
from edge_service.control.policies.policy import Choice, Policy, keep_to
from edge_service.control.pricing import traffic
from edge_service.errors import PolicyError
from partitioner import LayerGraph
from partitioner.evaluate import crossing, fits_message
from partitioner.splits import Splits


class Given(Policy):
    """Keeps to one split.

    Args:
        edge: Names of the layers on the edge: every model input, and with a layer all its predecessors.
        name: How reports name it.
    """

    name = "given"
    keeps_to_split = True

    def __init__(self, edge: frozenset[str], name: str = "given") -> None:
        self.name = name
        self._edge = edge

    def choose(self, splits: Splits, conditions: Conditions) -> Choice:
        """That split, in the encoding that is best now; the model's inputs are never sent as packets."""
        return keep_to(self._edge, splits, conditions)

    def kept(self, splits: Splits) -> frozenset[str]:  # noqa: ARG002  # it was given
        """That split."""
        return self._edge


def layer_named(name: str, graph: LayerGraph, places: Mapping[str, str]) -> str:
    """The layer that a person means, by its name or by its place in the module.

    Args:
        name: What the person wrote.
        graph: The model.
        places: Each layer's place, by its name.

    Raises:
        PolicyError: It is one layer's name and another one's place.
    """
    placed = next((layer for layer, place in places.items() if place == name), name)
    if placed != name and name in graph.structure.position:
        raise PolicyError(
            f"{name!r} names two layers: {places[name]} and, on the wire, {placed}; use one of these two names"
        )
    return placed


def edge_before(graph: LayerGraph, cut: Sequence[str]) -> frozenset[str]:
    """The edge layers of the split that sends the values of `cut`: these layers, all before them, and the inputs.

    Args:
        graph: The model.
        cut: Names of the layers whose values cross.

    Raises:
        PolicyError: A layer is unknown, or no split has exactly this cut; the message names the nearest one.
    """
    structure = graph.structure
    for name in cut:
        if name not in structure.position:
            raise PolicyError(f"{name!r} is not a layer of the model; `dads graph MODEL` draws their names")
    inside, following = set(structure.inputs), [structure.position[name] for name in cut]
    while following:
        layer = following.pop()
        inside.add(layer)
        following += [source for source in structure.predecessors[layer] if source not in inside]
    found = [graph.layers[i].name for i in crossing(graph, inside)]
    if set(found) != set(cut):
        instead = f"the cut is {','.join(found)}" if found else "the cloud has nothing to do, as by edge_only"
        raise PolicyError(
            f"no split has the cut {','.join(cut)}: with these and all layers before them on the edge, {instead}"
        )
    return frozenset(graph.layers[i].name for i in inside)


def check_sendable(graph: LayerGraph, edge: frozenset[str]) -> None:
    """Checks that what a split sends, up and down, fits in messages.

    Args:
        graph: The model, with the limits of the wire.
        edge: Names of the layers on the edge; a feasible split.

    Raises:
        PolicyError: It does not; the message names the largest value.
    """
    for way, positions in zip(("sends", "gets back"), traffic(graph, edge), strict=True):
        if not fits_message(graph, positions):
            layer = max(
                (graph.layers[i] for i in positions), key=lambda layer: (not layer.sendable, layer.output_bytes)
            )
            raise PolicyError(
                f"the split {way} more than a message holds: {layer.name!r} alone is {layer.output_bytes} bytes; "
                "use the policy adaptive, which never chooses such a split, or smaller inputs"
            )
