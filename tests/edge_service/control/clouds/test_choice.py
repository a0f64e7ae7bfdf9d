"""Which cloud is used: never a herd, seldom a change, and at once away from one that cannot be used."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_service.control import ChoiceConfig, CloudChoice, Price
from edge_service.control.estimators.load import LoadEstimator

CONFIG = ChoiceConfig()
STEP_S = CONFIG.compare_s


def choice(seed=0, config=CONFIG):
    return CloudChoice(config, random.Random(seed))


def prices(*seconds):
    return {i: Price(keeps_up=True, seconds=each) for i, each in enumerate(seconds) if each is not None}


def run(made, given_prices, seconds, began_s=0.0, fresh=(0, 1, 2)):
    """Compares the clouds until the time is over; returns the times of changes."""
    changed, now_s = [], began_s
    while now_s < began_s + seconds:
        before = made.current
        made.choose(given_prices, now_s, fresh=fresh)
        if before is not None and made.current != before:
            changed.append(now_s)
        now_s += STEP_S
    return changed


def in_use(cloud, seed=0, config=CONFIG):
    made = choice(seed, config)
    made.choose({cloud: Price(keeps_up=True, seconds=1.0)}, 0.0, fresh=(cloud,))
    assert made.current == cloud
    return made


def test_the_first_choice_is_among_the_cheap_ones_and_spreads():
    drawn = Counter()
    for seed in range(1000):
        made = choice(seed)
        made.choose(prices(0.100, 0.124, 0.200), 0.0, fresh=())
        drawn[made.current] += 1
    assert drawn[2] == 0, "twice as dear is not cheap"
    assert min(drawn[0], drawn[1]) > 350
    assert drawn[0] > drawn[1]


def test_one_that_keeps_up_is_cheaper_than_any_that_does_not():
    made = choice()
    made.choose({0: Price(keeps_up=False, seconds=0.01), 1: Price(keeps_up=True, seconds=5.0)}, 0.0, fresh=())
    assert made.current == 1


@pytest.mark.parametrize("gain", [0.0, 0.05, CONFIG.margin])
def test_a_gain_below_the_margin_changes_nothing(gain):
    made = in_use(0)
    assert run(made, prices(1.0, 1.0 - gain), 600.0) == []
    assert made.wanted is None


def test_how_long_a_change_takes_is_drawn_and_shorter_for_a_larger_gain():
    def waits_s(gain):
        return [run(in_use(0, seed), prices(1.0, 1.0 - gain), 400.0)[0] for seed in range(150)]

    half, fifth = waits_s(0.5), waits_s(0.2)
    assert sum(half) / len(half) == pytest.approx(CONFIG.horizon_s / 0.5, rel=0.3)
    assert sum(fifth) / len(fifth) == pytest.approx(CONFIG.horizon_s / 0.2, rel=0.3)
    assert len({round(each) for each in half}) > 20, "not all at the same time"


def test_it_stays_after_a_change_however_the_prices_turn():
    for seed in range(20):
        made = in_use(0, seed)
        (changed_s,) = run(made, prices(1.0, 0.1), 100.0)[:1]
        back = run(made, prices(0.1, 1.0), 300.0, began_s=100.0)
        assert back[0] >= changed_s + CONFIG.stay_s


def test_one_that_cannot_be_used_is_left_at_once_even_then():
    made = in_use(0)
    changed_s = run(made, prices(1.0, 0.1), 100.0)[-1]
    assert made.is_due((0, 2), changed_s + 0.01), "without waiting for the next comparison"
    made.choose(prices(1.0, None, 0.5), changed_s + 0.01, fresh=())
    assert made.current == 2
    assert made.changes == 2


def test_nothing_is_left_for_nothing():
    made = in_use(0)
    assert not made.is_due((), 100.0)
    made.choose({}, 100.0, fresh=())
    assert made.current == 0


def test_a_cloud_that_was_not_measured_is_wanted_first():
    waited = []
    for seed in range(50):
        made = in_use(0, seed)
        assert run(made, prices(1.0, 0.01), STEP_S * 2, began_s=STEP_S, fresh=(0,)) == []
        assert made.wanted == 1, "so that it is measured"
        waited += run(made, prices(1.0, 0.01), 300.0, began_s=3 * STEP_S, fresh=(0,))[:1]
    assert min(waited) >= CONFIG.blind_s
    assert len(waited) == 50, "one that cannot be measured is changed to in the end"


def test_what_is_no_longer_cheaper_is_no_longer_wanted():
    made = in_use(0)
    run(made, prices(1.0, 0.5), 1.5, began_s=1.0)
    assert made.wanted == 1
    made.choose(prices(1.0, 1.0), 3.0, fresh=())
    assert made.wanted is None


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0.01, 20.0),
            st.dictionaries(st.integers(0, 3), st.tuples(st.booleans(), st.floats(0.0, 10.0)), max_size=4),
        ),
        max_size=40,
    ),
    seed=st.integers(0, 5),
)
def test_the_cloud_in_use_can_be_used_if_any_can(steps, seed):
    made, now_s, usable_changes = choice(seed), 0.0, []
    for waited_s, offered in steps:
        now_s += waited_s
        offers = {i: Price(*each) for i, each in offered.items()}
        before = made.current
        made.choose(offers, now_s, fresh=())
        assert made.current in offers or not offers
        if before in offers and made.current != before:
            usable_changes.append(now_s)
    assert all(b - a >= CONFIG.stay_s for a, b in itertools.pairwise(usable_changes))


@pytest.mark.parametrize("field", ["horizon_s", "stay_s", "spread", "fresh_s", "blind_s", "compare_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_settings_that_make_no_sense(field, value):
    with pytest.raises(ValueError, match="must be positive"):
        ChoiceConfig(**{field: value})


def test_a_margin_that_makes_no_sense():
    with pytest.raises(ValueError, match="margin must be"):
        ChoiceConfig(margin=1.0)


class Fleet:
    """Edges that share two clouds, each of which is slower the more work it has; they learn of it late."""

    def __init__(self, background, *, edges=60, offered=0.9, late_s=2.0, seed=1):
        self.background, self.offered, self.late_s = background, offered, late_s
        self.rng = random.Random(seed)
        self.choices = [choice(100 * seed + i) for i in range(edges)]
        self.loads = [[LoadEstimator(), LoadEstimator()] for _ in range(edges)]
        self.told = [1.0, 1.0]
        self.now_s = 0.0
        self.shares = []

    def load(self, cloud, share):
        return 1.0 / (1.0 - min(0.98, self.background[cloud] + self.offered * share))

    def mean_load(self, share):
        return share * self.load(0, share) + (1.0 - share) * self.load(1, 1.0 - share)

    @property
    def best(self):
        return min((i / 200 for i in range(201)), key=self.mean_load)

    def run(self, seconds):
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            share = sum(made.current == 0 for made in self.choices) / len(self.choices)
            self.shares.append(share)
            for cloud, part in ((0, share), (1, 1.0 - share)):
                self.told[cloud] += (self.load(cloud, part) - self.told[cloud]) * STEP_S / self.late_s
            for made, loads in zip(self.choices, self.loads, strict=True):
                for cloud in (0, 1):
                    loads[cloud].reported(self.told[cloud] * self.rng.uniform(0.9, 1.1), self.now_s)
                made.choose(
                    prices(*(0.02 + 0.05 * load.factor(self.now_s) for load in loads)), self.now_s, fresh=(0, 1)
                )
            self.now_s += STEP_S

    @property
    def changes(self):
        return sum(made.changes for made in self.choices)


def test_a_fleet_settles_where_one_cloud_has_twice_the_load_of_others():
    fleet = Fleet((0.5, 0.25))
    fleet.run(120.0)
    before, minutes = fleet.changes, 5.0
    fleet.run(60.0 * minutes)
    later = fleet.shares[-int(60.0 * minutes / STEP_S) :]
    assert max(abs(share - fleet.best) for share in later) <= 0.10
    assert (fleet.changes - before) / len(fleet.choices) / minutes < 0.2


def test_a_fleet_follows_a_load_that_moves_without_all_of_it_running():
    fleet = Fleet((0.0, 0.4))
    fleet.run(120.0)
    fleet.background = (0.4, 0.0)
    fleet.run(180.0)
    assert fleet.shares[-1] == pytest.approx(fleet.best, abs=0.10)
    steps = [abs(b - a) for a, b in itertools.pairwise(fleet.shares[1:])]
    assert max(steps) < 0.1, "no herd"
