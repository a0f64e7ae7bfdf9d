"""Thousands of cameras that share a cloud, in simulated time: where it saturates, and how several clouds are shared.

Everything that decides is the software's own: the edges' `Controller` and `Flow`, the cloud's load factor. Links,
workers and replicas are functions of time.
"""

from typing import Any

from bench.fleet.report import report
from bench.fleet.scenarios import large, saturation, two_clouds
from bench.publishing.harness import Benchmark, Run


def simulate_all(bench: Run) -> dict[str, Any]:
    bench.say("ever more cameras on one replica")
    found: dict[str, Any] = {"saturation": saturation(240.0 if bench.full else 20.0, places=4 if bench.full else 1)}
    bench.say("two clouds, one of them twice as loaded")
    found["two_clouds"] = two_clouds(300.0 if bench.full else 20.0)
    edges, seconds = (10_000, 600.0) if bench.full else (500, 10.0)
    bench.say(f"{edges} cameras for {seconds:g} s")
    return {**found, "large": large(edges, seconds)}


BENCHMARK = Benchmark(
    "fleet",
    "Thousands of cameras that share a cloud, in simulated time.",
    simulate_all,
    report,
    full="longer runs, and 10,000 cameras for 10 minutes",
)

if __name__ == "__main__":
    BENCHMARK.main()
