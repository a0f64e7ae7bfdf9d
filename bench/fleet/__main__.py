"""Thousands of cameras that share a cloud, in simulated time: where it saturates, and how several clouds are shared.

Everything that decides is the software's own: the edges' `Controller` and `Flow`, the cloud's load factor. Links,
workers and replicas are functions of time.
"""

from typing import Any

from bench.fleet.report import report
from bench.fleet.scenarios import large, saturation, two_clouds
from bench.publishing.harness import Benchmark, Run


def simulate_all(bench: Run) -> dict[str, Any]:
    def part(name: str) -> Any:  # noqa: ANN401 - each part has its own rows
        match name:
            case "saturation":
                return saturation(seconds=240.0, places=4) if bench.full else saturation(seconds=20.0, places=1)
            case "two_clouds":
                return two_clouds(seconds=300.0, replicas=2) if bench.full else two_clouds(seconds=60.0, replicas=1)
            case _:
                return large(10_000, seconds=600.0) if bench.full else large(500, seconds=10.0)

    parts = ("saturation", "two_clouds", "large")
    return dict(zip(parts, bench.cells([{"name": name} for name in parts], part), strict=True))


BENCHMARK = Benchmark(
    "fleet",
    "Thousands of cameras that share a cloud, in simulated time.",
    simulate_all,
    report,
    full="longer runs, and 10,000 cameras for 10 minutes",
)

if __name__ == "__main__":
    BENCHMARK.main()
