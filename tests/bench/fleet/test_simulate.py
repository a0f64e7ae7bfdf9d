import math

import pytest

from bench.fleet.simulate import simulate
from bench.fleet.spec import FleetSpec
from bench.fleet.tally import ENDS, Outcome

SMALL = FleetSpec(edges=16, rate_hz=1.0, replicas=2, seconds=20.0)


def changed(**values):
    return FleetSpec(**{name: getattr(SMALL, name) for name in SMALL.__slots__} | values)


def ends(ran):
    return [ran.tally.total(outcome) for outcome in ENDS]


def test_every_frame_ends_once():
    ran = simulate(SMALL)
    assert ran.tally.total(Outcome.SUBMITTED) == sum(ends(ran))
    assert len(ran.tally.answered_s) == ran.tally.total(Outcome.ANSWERED)
    assert len(ran.tally.here_s) == sum(ends(ran)) - ran.tally.total(Outcome.ANSWERED) - ran.tally.total(
        Outcome.DROPPED
    )
    assert math.isclose(ran.tally.total(Outcome.SUBMITTED), 16 * 20, rel_tol=0.1)


def test_a_seed_is_a_run_and_processes_do_not_change_it():
    one, other, two_processes = simulate(SMALL), simulate(SMALL), simulate(SMALL, processes=2)
    assert one == other
    assert one.tally.counts == two_processes.tally.counts
    assert one.busy == two_processes.busy
    assert sorted(one.tally.answered_s) == sorted(two_processes.tally.answered_s)
    assert simulate(changed(seed=2)) != one


def test_a_cloud_with_room_answers_nearly_all_and_one_without_refuses():
    roomy = simulate(changed(replicas=4))
    crowded = simulate(changed(edges=64, replicas=1, queue=2))
    assert roomy.tally.total(Outcome.REFUSED) == 0
    assert roomy.tally.total(Outcome.ANSWERED) > 0.8 * roomy.tally.total(Outcome.SUBMITTED)
    assert crowded.tally.total(Outcome.REFUSED) > 0
    assert crowded.tally.total(Outcome.SUBMITTED) == sum(ends(crowded))
    assert max(crowded.busy) <= 1.1  # the last frames are computed after the end of the run


def test_edges_of_one_model_share_its_table():
    with pytest.raises(ValueError, match="too many splits for a table"):
        simulate(changed(model="torchvision:googlenet"))
