"""Thousands of controllers of one model: copies of one, which share what never changes, its table of splits above all.

A table takes milliseconds to list and to price, so each edge of its own would take longer to make than to simulate.
"""

import copy
import gc
import random
from dataclasses import dataclass
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any

from bench.control_simulation.models import SimulatedModel
from edge_service import AgentConfig
from edge_service.control import Controller, ControllerConfig, Flow, OneCloud
from edge_service.control.clouds import ChoiceConfig, CloudChoice
from edge_service.control.policies.adaptive import Adaptive
from partitioner import CostProfile, LayerGraph
from partitioner.listed.split_table import SplitTable

_SHARED = (LayerGraph, CostProfile, SplitTable, ControllerConfig, ChoiceConfig, Adaptive, Enum, frozenset)
_NEVER = (type, FunctionType, ModuleType)
_SILENT_BEATS = 3.6  # the agent's `silence_s` in heartbeats


@dataclass(slots=True)
class Control:
    """What decides for one edge: which split, which cloud, and, by cloud, what becomes of its frames."""

    controller: Controller
    flows: tuple[Flow, ...]


class ControlMaker:
    """Makes the control of edges that have one model, one speed, one rate and so many clouds.

    Raises:
        ValueError: The model has too many splits to be listed: then tables are made beside the frames.
    """

    def __init__(self, model: SimulatedModel, rate_hz: float, clouds: int, beat_s: float) -> None:
        rng = random.Random(0)  # noqa: S311 - no copy draws from it
        controller = Controller(model.graph, model.costs.edge_s, None, rate_hz, clouds=clouds, rng=rng)
        silence_s = max(AgentConfig().silence_s, _SILENT_BEATS * beat_s)
        seen = [controller] if clouds == 1 else [OneCloud(controller, i) for i in range(clouds)]
        flows = tuple(Flow(each, silence_s=silence_s, heartbeat_s=beat_s) for each in seen)
        for flow in flows:  # prices the tables; each copy hears the profile again when it connects
            flow.profiled(model.costs.cloud_s, {}, 1.0, 0.0)
            flow.connection_lost("not connected yet", None, 0.0)
        if not controller.state(0.0).table_splits:
            raise ValueError(f"{model.name} has too many splits for a table; expected a model whose splits are listed")
        self._first = Control(controller, flows)
        self._shared, self._choices = _reachable(self._first)

    def make(self, rng: random.Random) -> Control:
        """Another edge's; what it draws, it draws from `rng`."""
        memo: dict[int, Any] = dict(self._shared)
        memo.update((id(choice), CloudChoice(ChoiceConfig(), rng)) for choice in self._choices)
        return copy.deepcopy(self._first, memo)


def _reachable(root: object) -> tuple[dict[int, object], list[CloudChoice]]:
    """Of what an object holds: what all edges share, by identity, and choices of clouds, of which each has its own."""
    shared: dict[int, object] = {}
    choices: list[CloudChoice] = []
    seen, left = {id(root)}, [root]
    while left:
        for each in gc.get_referents(left.pop()):
            if id(each) in seen or isinstance(each, _NEVER):
                continue
            seen.add(id(each))
            if isinstance(each, _SHARED):
                shared[id(each)] = each
            elif isinstance(each, CloudChoice):
                choices.append(each)
            else:
                left.append(each)
    return shared, choices
