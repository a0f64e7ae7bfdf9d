"""Thousands of controllers of one model: copies of one, which share what never changes, its table of splits above all.

A table takes milliseconds to list and to price, so each edge of its own would take longer to make than to simulate.
"""

import copy
import gc
from dataclasses import dataclass
from enum import Enum
from types import FunctionType, ModuleType

from bench.control_simulation.models import SimulatedModel
from edge_service import AgentConfig
from edge_service.control import Controller, ControllerConfig, Flow
from edge_service.control.policies.adaptive import Adaptive
from partitioner import CostProfile, LayerGraph
from partitioner.listed.split_table import SplitTable

_SHARED = (LayerGraph, CostProfile, SplitTable, ControllerConfig, Adaptive, Enum, frozenset)
_NEVER = (type, FunctionType, ModuleType)


@dataclass(slots=True)
class Control:
    """What decides for one edge."""

    controller: Controller
    flow: Flow


class ControlMaker:
    """Makes the control of edges that have one model, one speed and one rate.

    Raises:
        ValueError: The model has too many splits to be listed: then tables are made beside the frames.
    """

    def __init__(self, model: SimulatedModel, rate_hz: float, beat_s: float) -> None:
        controller = Controller(model.graph, model.costs.edge_s, None, rate_hz)
        flow = Flow(controller, silence_s=max(AgentConfig().silence_s, 4.0 * beat_s), heartbeat_s=beat_s)
        self._first = Control(controller, flow)
        flow.profiled(model.costs.cloud_s, {}, 1.0, 0.0)  # prices the table; each copy hears it again when it connects
        flow.connection_lost("not connected yet", None, 0.0)
        if not controller.state(0.0).table_splits:
            raise ValueError(f"{model.name} has too many splits for a table; expected a model whose splits are listed")
        self._shared = _reachable(self._first)

    def make(self) -> Control:
        """Another edge's."""
        return copy.deepcopy(self._first, dict(self._shared))


def _reachable(root: object) -> dict[int, object]:
    """What is shared, of all that an object holds, by identity."""
    found: dict[int, object] = {}
    seen, left = {id(root)}, [root]
    while left:
        for each in gc.get_referents(left.pop()):
            if id(each) in seen or isinstance(each, _NEVER):
                continue
            seen.add(id(each))
            if isinstance(each, _SHARED):
                found[id(each)] = each
            else:
                left.append(each)
    return found
