"""Asks the engine which splits are ready, and tells it the order in which the controller wants them prepared."""

from __future__ import annotations

from edge_service.control import Controller, Ready
from split_model import Model, PartSpec, Preparation
from split_model.parts import parts_of_split

__all__ = ["PreparedParts"]

_MOST_KNOWN = 256


class PreparedParts:
    """The parts of a model's splits, as its engine has them ready: head, tail, and what makes the head's own outputs.

    The tail counts, too: it must be ready for a frame that the cloud does not answer. An engine whose parts need no
    preparation is told nothing.

    Args:
        model: the model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._engine = model.engine
        self._known: dict[frozenset[str], tuple[PartSpec, ...]] = {}

    @property
    def ready(self) -> Ready | None:
        """Whether a split runs without waiting, for the controller; None if nothing is to be prepared."""
        match self._engine.preparation:
            case Preparation.NONE:
                return None
            case Preparation.BRIDGED:
                return lambda _: True
            case Preparation.AWAITED:
                return lambda edge: all(map(self._engine.is_ready, self._parts(edge)))

    def start(self, controller: Controller) -> None:
        """Prepares the split that the first frame needs, waits for it, and runs it once; on the edge's thread.

        Raises:
            ModelError: its parts cannot be made.
        """
        order = None if self._engine.preparation is Preparation.NONE else controller.preparation_due()
        if order is None:
            self._model.warm_up()
            return
        self._prefer(order)
        self._engine.prepare(self._parts(order[0]))
        self._model.warm_up(order[0])

    def follow(self, controller: Controller) -> None:
        """Tells the engine the order of preparation if it has changed; call it on the event loop after each plan."""
        if self._engine.preparation is Preparation.NONE:
            return
        order = controller.preparation_due()
        if order is not None:
            self._prefer(order)

    def tail_waits(self, edge: frozenset[str]) -> bool:
        """Whether a split's tail would wait here for its preparation."""
        ready = self.ready
        return ready is not None and not ready(edge)

    def _prefer(self, order: tuple[frozenset[str], ...]) -> None:
        self._engine.prefer(list(dict.fromkeys(spec for edge in order for spec in self._parts(edge))))

    def _parts(self, edge: frozenset[str]) -> tuple[PartSpec, ...]:
        known = self._known.get(edge)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[edge] = parts_of_split(self._model.definition, edge)
        return known
