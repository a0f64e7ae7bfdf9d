import math
from dataclasses import replace

import pytest

from bench.fleet.simulate import simulate
from bench.fleet.spec import CloudSpec, FleetSpec
from bench.fleet.tally import ENDS, Outcome

SMALL = FleetSpec(edges=16, rate_hz=1.0, clouds=(CloudSpec(replicas=2),), seconds=20.0)
CROWDED = replace(SMALL, edges=64, clouds=(CloudSpec(replicas=1, queue=2),))
UNEQUAL = FleetSpec(85, 0.5, (CloudSpec(1, places=2), CloudSpec(1, places=1)), seconds=80.0, beat_s=1.0)


def ends(ran):
    return [ran.tally.total(outcome) for outcome in ENDS]


def share(ran, from_s, to_s):
    first, second = (sum(sent[from_s:to_s]) for sent in ran.tally.sent_to)
    return first / (first + second)


@pytest.mark.parametrize("spec", [SMALL, CROWDED, replace(UNEQUAL, seconds=10.0)], ids=["room", "crowd", "two clouds"])
def test_every_frame_ends_once(spec):
    ran = simulate(spec)
    assert ran.tally.total(Outcome.SUBMITTED) == sum(ends(ran))
    assert len(ran.tally.answered_s) == ran.tally.total(Outcome.ANSWERED)
    assert len(ran.tally.here_s) == ran.tally.total(Outcome.ALONE) + ran.tally.total(Outcome.FELL_BACK)
    assert math.isclose(ran.tally.total(Outcome.SUBMITTED), spec.edges * spec.rate_hz * spec.seconds, rel_tol=0.2)


def test_a_seed_is_a_run():
    assert simulate(SMALL) == simulate(SMALL)
    assert simulate(replace(SMALL, seed=2)) != simulate(SMALL)


def test_a_cloud_with_room_answers_nearly_all_and_one_without_refuses():
    roomy = simulate(replace(SMALL, clouds=(CloudSpec(replicas=4),)))
    crowded = simulate(CROWDED)
    assert roomy.tally.total(Outcome.REFUSED) == 0
    assert roomy.tally.total(Outcome.ANSWERED) > 0.8 * roomy.tally.total(Outcome.SUBMITTED)
    assert crowded.tally.total(Outcome.REFUSED) > 0
    assert crowded.busy[0][0] > 0.8


def test_work_of_others_takes_a_clouds_time():
    alone, beside = (simulate(replace(SMALL, clouds=(CloudSpec(2, foreign=share),))) for share in (0.0, 0.5))
    assert sum(beside.busy[0]) - sum(alone.busy[0]) == pytest.approx(1.0, abs=0.2)


def test_two_clouds_are_used_by_what_they_can_do():
    """With equal shares the second would be twice as loaded, and busier than it can be."""
    ran = simulate(UNEQUAL)
    assert 0.57 < share(ran, 40, 80) < 0.85
    assert ran.busy[1][0] < 0.95
    assert sum(ran.tally.changes) / len(ran.tally.changes) < 1.0


def test_a_fixed_share_is_kept():
    ran = simulate(replace(UNEQUAL, seconds=10.0, fixed=1.0))
    assert share(ran, 0, 10) == 1.0


def test_a_model_without_a_table_is_refused():
    with pytest.raises(ValueError, match="too many splits for a table"):
        simulate(replace(SMALL, model="torchvision:googlenet"))
