"""Runs a fleet: edges in parts that share nothing, each in a process of its own where there are cores for it.

An edge stays with one replica for the whole run, so the edges of some replicas and those of the others never meet.
"""

import gc
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.control_simulation.models import load
from bench.fleet.clock import Clock
from bench.fleet.control import ControlMaker
from bench.fleet.edge import Edge, Ground
from bench.fleet.replica import Replica
from bench.fleet.spec import FleetSpec, link_kinds
from bench.fleet.tally import Tally


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run was like.

    Attributes:
        tally: What became of its frames.
        busy: By replica, the share of its places' time in which tails were computed.
        calls: How many events it took.
    """

    tally: Tally
    busy: tuple[float, ...]
    calls: int


def simulate(spec: FleetSpec, processes: int = 1) -> Ran:
    """Runs a fleet; the result does not depend on the number of processes."""
    parts = min(processes, spec.replicas)
    if parts == 1:
        return _merged(spec, [_part(spec, 0, 1)], 1)
    with ProcessPoolExecutor(parts, multiprocessing.get_context("spawn")) as pool:
        return _merged(spec, list(pool.map(_part, [spec] * parts, range(parts), [parts] * parts)), parts)


def _merged(spec: FleetSpec, ran: list[Ran], parts: int) -> Ran:
    busy = tuple(ran[at % parts].busy[at // parts] for at in range(spec.replicas))
    return Ran(Tally.of([each.tally for each in ran]), busy, sum(each.calls for each in ran))


def _part(spec: FleetSpec, part: int, parts: int) -> Ran:
    """The replicas whose number leaves `part` when divided by `parts`, and their edges."""
    clock, tally = Clock(), Tally(int(spec.seconds))
    model, kinds = load(spec.model, spec.slowdown), link_kinds()
    ground = Ground(spec, model, {}, clock, tally)
    maker = ControlMaker(model, spec.rate_hz, spec.beat_s)
    replicas = [Replica(places=spec.places, queue=spec.queue, loop_s=spec.loop_s) for _ in range(spec.replicas)]
    edges = []
    for number in range(spec.edges):
        rng = random.Random(spec.seed * 1_000_003 + number)  # noqa: S311 - noise, not secrets
        at = rng.randrange(spec.replicas)  # as TCP balancing: each connection stays with one
        kind = rng.choices(kinds, [kind.share for kind in kinds])[0]
        start_s = rng.uniform(0.0, 1000.0)
        if at % parts == part:
            edges.append(Edge(ground, maker.make(), replicas[at], kind.trace, start_s, rng))
    gc.freeze()  # thousands of edges live until the end; looking through them again and again takes a third of the time
    try:
        calls = clock.run()
    finally:
        gc.unfreeze()
    tally.switches.extend(edge.switches for edge in edges)
    span_s = spec.seconds * spec.places
    return Ran(tally, tuple(replica.busy_s / span_s for replica in replicas[part::parts]), calls)
