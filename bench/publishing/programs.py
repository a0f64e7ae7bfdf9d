"""Every benchmark, in the order in which `make bench` runs them, and how long each takes on two cores."""

from typing import NamedTuple


class Program(NamedTuple):
    """`python -m bench.NAME`: about how long it runs, and with `--full`; 0 where it has no long form."""

    name: str
    seconds: float
    full_s: float = 0.0


PROGRAMS = (
    Program("decide", 110.0),
    Program("wide_graphs", 50.0, full_s=1500.0),
    Program("wide_live", 80.0),
    Program("rpc_overhead", 120.0, full_s=1200.0),
    Program("copies", 10.0),
    Program("frames", 36.0),
    Program("packets", 110.0, full_s=1600.0),
    Program("split_compute", 30.0, full_s=360.0),
    Program("engines", 45.0, full_s=1200.0),
    Program("edge_start", 35.0, full_s=180.0),
    Program("cloud_cost", 55.0, full_s=420.0),
    Program("accounting", 70.0),
    Program("pipeline", 80.0),
    Program("estimators", 72.0, full_s=550.0),
    Program("idle_link", 65.0, full_s=1700.0),
    Program("control_simulation", 25.0, full_s=300.0),
    Program("fleet", 20.0, full_s=700.0),
    Program("prediction", 130.0, full_s=2400.0),
    Program("paper_table", 140.0, full_s=5600.0),
    Program("real_link", 160.0, full_s=1500.0),
)
