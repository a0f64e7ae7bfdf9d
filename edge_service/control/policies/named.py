"""Policies by the names that options, settings and reports use."""

from collections.abc import Mapping

from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.chain import Chain
from edge_service.control.policies.cloud_only import CloudOnly
from edge_service.control.policies.edge_only import EdgeOnly
from edge_service.control.policies.given import Given, check_sendable, edge_before, layer_named
from edge_service.control.policies.policy import Policy
from edge_service.errors import PolicyError
from partitioner import LayerGraph

POLICY_NAMES = "adaptive, edge_only, cloud_only, chain, given:LAYER[,LAYER]"

_PLAIN: dict[str, type[Adaptive | EdgeOnly | CloudOnly | Chain]] = {
    policy.name: policy for policy in (Adaptive, EdgeOnly, CloudOnly, Chain)
}
_GIVEN = "given:"


def policy_type(name: str) -> type[Policy]:
    """The class of a policy; its attributes say what the policy needs.

    Raises:
        PolicyError: There is no such policy.
    """
    if name.startswith(_GIVEN) and all(name.removeprefix(_GIVEN).split(",")):
        return Given
    if name not in _PLAIN:
        raise PolicyError(f"expected one of {POLICY_NAMES}")
    return _PLAIN[name]


def policy_named(name: str, graph: LayerGraph, places: Mapping[str, str] | None = None) -> Policy:
    """The policy of that name for a model.

    Args:
        name: As `POLICY_NAMES` lists them; layers by their names or by their places.
        graph: The model's layers.
        places: Each layer's name for people, by its name.

    Raises:
        PolicyError: There is no such policy, or the model has no such split, or it cannot be sent.
    """
    kind = policy_type(name)
    try:
        if kind is CloudOnly:
            check_sendable(graph, frozenset(layer.name for layer in graph.layers if not layer.inputs))
        if kind is not Given:
            return _PLAIN[name]()
        cut = [layer_named(given, graph, places or {}) for given in name.removeprefix(_GIVEN).split(",")]
        edge = edge_before(graph, cut)
        check_sendable(graph, edge)
    except PolicyError as error:
        raise PolicyError(f"{name}: {error}") from error
    return Given(edge, name)


def policy_names(text: str) -> tuple[str, ...]:
    """The policies in a comma-separated list; names after `given:` are layers of its cut, up to the next policy.

    Raises:
        PolicyError: One of them is no policy.

    Example:
        >>> policy_names("edge_only,given:left,right,chain")
        ('edge_only', 'given:left,right', 'chain')
    """
    names: list[str] = []
    for part in text.split(","):
        if names and names[-1].startswith(_GIVEN) and part not in _PLAIN and not part.startswith(_GIVEN):
            names[-1] += f",{part}"
        else:
            names.append(part)
    for name in names:
        try:
            policy_type(name)
        except PolicyError as error:
            raise PolicyError(f"{name!r} is no policy: {error}") from error
    return tuple(dict.fromkeys(names))
