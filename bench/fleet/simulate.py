"""Runs a fleet: edges in cells that share nothing, each in a process of its own where there are cores for it.

An edge stays with one replica of each cloud for the whole run. Those of a cell are served by every second replica, so
edges of two cells never meet.
"""

import gc
import multiprocessing
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bench.control_simulation.models import load
from bench.fleet.clock import Clock
from bench.fleet.control import ControlMaker
from bench.fleet.edge import Edge, KnownSplits
from bench.fleet.foreign import Foreign
from bench.fleet.replica import Replica
from bench.fleet.seat import Terms
from bench.fleet.spec import FleetSpec, link_kinds
from bench.fleet.tally import Tally
from bench.fleet.uplink import Uplink

_CELLS = 2
_TRACE_S = 1000.0  # edges begin anywhere in this part of their link's trace


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run was like.

    Attributes:
        tally: What became of its frames.
        busy: By cloud and replica, the share of its places' time in which tails were computed.
        calls: How many events it took.
    """

    tally: Tally
    busy: tuple[tuple[float, ...], ...]
    calls: int


def simulate(spec: FleetSpec, processes: int = 1) -> Ran:
    """Runs a fleet; the result does not depend on the number of processes."""
    cells = min(_CELLS, *(cloud.replicas for cloud in spec.clouds))
    arguments = [spec] * cells, range(cells), [cells] * cells
    if processes == 1:
        ran = list(map(_cell, *arguments))
    else:
        with ProcessPoolExecutor(min(processes, cells), multiprocessing.get_context("spawn")) as pool:
            ran = list(pool.map(_cell, *arguments))
    busy = tuple(
        tuple(ran[at % cells].busy[number][at // cells] for at in range(cloud.replicas))
        for number, cloud in enumerate(spec.clouds)
    )
    return Ran(Tally.of([each.tally for each in ran]), busy, sum(each.calls for each in ran))


def _cell(spec: FleetSpec, cell: int, cells: int) -> Ran:
    """The replicas whose number leaves `cell` when divided by `cells`, and their edges."""
    clock, tally = Clock(), Tally(int(spec.seconds), len(spec.clouds))
    model = load(spec.model, spec.slowdown)
    clouds = [
        [
            Replica(places=cloud.places, queue=cloud.queue, loop_s=cloud.loop_s)
            for _ in range(cell, cloud.replicas, cells)
        ]
        for cloud in spec.clouds
    ]
    edges = _edges(spec, cell, cells, clouds, Terms(spec, model, clock), tally)
    for number, (cloud, replicas) in enumerate(zip(spec.clouds, clouds, strict=True)):
        rng = random.Random(f"{spec.seed} {cell} {number}")  # noqa: S311 - noise, not secrets
        for replica in replicas:
            Foreign(cloud, replica, sum(model.costs.cloud_s), spec.seconds, clock, rng)
    gc.freeze()  # thousands of edges live until the end; looking through them again and again takes time
    try:
        calls = clock.run()
    finally:
        gc.unfreeze()
    tally.switches.extend(edge.switches for edge in edges)
    tally.changes.extend(edge.changes for edge in edges)
    busy = tuple(
        tuple(replica.busy_s / (spec.seconds * cloud.places) for replica in replicas)
        for cloud, replicas in zip(spec.clouds, clouds, strict=True)
    )
    return Ran(tally, busy, calls)


def _edges(
    spec: FleetSpec, cell: int, cells: int, clouds: list[list[Replica]], terms: Terms, tally: Tally
) -> list[Edge]:
    """The edges of a cell. Each is served by one replica of a cloud, drawn as TCP balancing does: by connection."""
    splits, kinds = KnownSplits(terms.model), link_kinds()
    shares = [kind.share for kind in kinds]
    maker = ControlMaker(terms.model, spec.rate_hz, 1 if spec.fixed is not None else len(clouds), spec.beat_s)
    edges = []
    for number in range(spec.edges):
        rng = random.Random(f"{spec.seed} {number}")  # noqa: S311 - noise, not secrets
        place = rng.randrange(spec.clouds[0].replicas)
        if place % cells != cell:
            continue
        replicas = {0: clouds[0][place // cells]}
        replicas.update((i, rng.choice(clouds[i])) for i in range(1, len(clouds)))
        if spec.fixed is not None:
            only = 0 if rng.random() < spec.fixed else 1
            replicas = {only: replicas[only]}
        (kind,) = rng.choices(kinds, shares)
        uplink = Uplink(kind.trace, rng.uniform(0.0, _TRACE_S))
        edges.append(Edge(terms, splits, maker.make(rng), replicas, uplink, tally, rng))
    return edges
