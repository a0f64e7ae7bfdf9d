"""The controller with several clouds: cloud and split are chosen together, and each cloud has its own estimates."""

import random

import pytest

from edge_service.control import (
    AnswerMissed,
    CloudBusy,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    Controller,
    HeadMeasured,
    Mode,
    OneCloud,
    PacketCosts,
    Phase,
    RoundTripMeasured,
    SplitImpossible,
    TailMeasured,
    UplinkMeasured,
)
from edge_service.control.policies import CloudOnly
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (
        Layer("image", (), 100_000),
        Layer("conv", ("image",), 30_000),
        Layer("fc", ("conv",), 4_000),
    ),
    ("fc",),
)
EDGE_S = (0.0, 0.2, 0.2)
CLOUD_S = (0.0, 0.02, 0.02)
FRAME_S = 0.2


def controller(clouds=3, seed=0, policy=None, **fields):
    return Controller(GRAPH, EDGE_S, rate_hz=1.0, policy=policy, clouds=clouds, rng=random.Random(seed), **fields)


def reached(made, cloud, now_s=0.0, *, cloud_s=CLOUD_S, uplink_bps=50e6, rtt_s=0.01, load=1.0):
    made.observe(CloudProfiled(cloud_s), now_s, cloud)
    made.observe(RoundTripMeasured(rtt_s), now_s, cloud)
    measured(made, cloud, now_s, uplink_bps)
    for _ in range(3):
        made.observe(CloudLoadReported(load), now_s, cloud)


def measured(made, cloud, now_s, uplink_bps=50e6):
    for _ in range(2):
        made.observe(UplinkMeasured(200_000, 200_000 * 8 / uplink_bps, by_receiver=True), now_s, cloud)


def run(made, seconds, began_s, loads=(1.0, 1.0, 1.0)):
    """Frames and heartbeats; returns the plans."""
    plans, now_s = [], began_s
    while now_s < began_s + seconds:
        for cloud, load in enumerate(loads):
            if load is not None:
                made.observe(CloudLoadReported(load), now_s, cloud)
                measured(made, cloud, now_s)
        plans.append(made.plan(now_s))
        now_s += FRAME_S
    return plans


def test_the_cloud_is_chosen_by_its_best_split():
    made = controller()
    reached(made, 0, load=10.0)
    reached(made, 1, uplink_bps=1e6)
    reached(made, 2)
    plan = made.plan(0.1)
    assert plan.cloud == 2
    assert plan.partition.edge == {"image"}
    assert made.state(0.1).cloud == 2


def test_the_split_is_that_of_the_cloud():
    """A cloud behind a slow link gets a later cut; alone, each is used as it is best."""
    for uplink_bps, edge in ((50e6, {"image"}), (2e6, {"image", "conv"}), (1e3, {"image", "conv", "fc"})):
        made = controller(2)
        reached(made, 1, uplink_bps=uplink_bps)
        plan = made.plan(0.1)
        assert plan.partition.edge == edge
        assert plan.cloud == 1


def test_what_is_measured_of_one_cloud_changes_no_other():
    made = controller(2)
    reached(made, 0)
    reached(made, 1, uplink_bps=5e6, rtt_s=0.2, load=3.0)
    first, second = made.state(0.0).clouds
    assert first.uplink_bps == pytest.approx(50e6)
    assert second.uplink_bps == pytest.approx(5e6)
    assert (first.rtt_s, second.rtt_s) == (0.01, 0.2)
    assert first.load == pytest.approx(1.0)
    assert second.load > 2.0
    made.observe(CloudLost("killed"), 0.1, 1)
    assert [each.phase for each in made.state(0.1).clouds] == [Phase.OFFLOADING, Phase.ALONE]
    made.observe(SplitImpossible(frozenset({"image"})), 0.1, 0)
    assert made.plan(0.1).partition.edge != {"image"}


@pytest.mark.parametrize("event", [CloudLost("killed"), CloudBusy(5.0)], ids=["lost", "busy"])
def test_a_cloud_that_cannot_be_used_is_left_with_the_next_frame(event):
    made = controller()
    for cloud in range(3):
        reached(made, cloud)
    used = made.plan(0.1).cloud
    made.observe(event, 0.2, used)
    plan = made.plan(0.2)
    assert plan.cloud != used
    assert plan.partition.edge == {"image"}
    assert made.state(0.2).cloud_changes == 1
    others = {0, 1, 2} - {used}
    for cloud in others:
        made.observe(event, 0.3, cloud)
    assert made.plan(0.3).partition.edge == {"image", "conv", "fc"}, "alone"


def test_while_an_answer_is_missed_and_nothing_heard_frames_go_elsewhere_and_then_back():
    made = controller(2)
    for cloud in range(2):
        reached(made, cloud)
    used = made.plan(0.1).cloud
    made.observe(AnswerMissed(), 0.2, used)
    assert made.plan(0.2).cloud == 1 - used
    made.observe(CloudLoadReported(1.0), 0.4, used)
    assert made.plan(0.4).cloud == used
    assert made.state(0.4).cloud_changes == 0


def test_a_cloud_that_gets_dearer_is_changed_once_and_not_to_and_fro():
    made = controller(2)
    for cloud in range(2):
        reached(made, cloud)
    used = made.plan(0.1).cloud
    loads = [1.0, 1.0]
    loads[used] = 8.0
    plans = run(made, 120.0, 0.2, loads)
    assert plans[0].cloud == used
    assert plans[-1].cloud == 1 - used
    assert made.state(200.0).cloud_changes == 1


def test_a_spare_cloud_is_probed_rarely_and_one_that_is_wanted_at_once():
    made = controller(2)
    for cloud in range(2):
        reached(made, cloud)
    used, now_s = made.plan(0.1).cloud, 0.1
    probes = {0: 0, 1: 0}
    for cloud in (0, 1):
        made.probe_due(now_s, cloud)
    while now_s < 61.0:
        now_s += 0.1
        for cloud in (0, 1):
            made.observe(CloudLoadReported(1.0), now_s, cloud)
            if made.probe_due(now_s, cloud) is not None:
                probes[cloud] += 1
                measured(made, cloud, now_s)
        made.plan(now_s)
    assert probes[used] >= 15
    assert 1 <= probes[1 - used] <= 3
    waited_s = None
    for _ in range(100):
        now_s += 0.1
        made.observe(CloudLoadReported(20.0), now_s, used)
        made.plan(now_s)
        if made.probe_due(now_s, 1 - used) is not None:
            waited_s = now_s
            break
    assert waited_s is not None


@pytest.mark.parametrize("clouds", [1, 2])
@pytest.mark.parametrize("is_idle", [False, True])
def test_an_idle_edge_measures_rarely_until_a_frame_comes(clouds, is_idle):
    """A crowd of idle edges must not keep a cloud busy with pings and probes."""
    made = controller(clouds)
    for cloud in range(clouds):
        reached(made, cloud)
    calls, used = 0, made.plan(0.1).cloud
    for now_s in range(1, 601):
        if not is_idle:
            made.plan(now_s)
        for cloud in range(clouds):
            if made.ping_due(now_s, cloud):
                made.observe(RoundTripMeasured(0.01), now_s, cloud)
                calls += now_s > 30 and cloud == used
            if made.probe_due(now_s, cloud) is not None:
                measured(made, cloud, now_s)
                calls += now_s > 30 and cloud == used
    assert (calls <= 20) == is_idle, "a ping and a probe in a minute"
    made.plan(600)
    assert made.ping_due(605, used), "it is not idle any more"


def test_what_the_edge_measures_counts_for_every_cloud():
    made = controller(2)
    for cloud in range(2):
        reached(made, cloud, uplink_bps=2e6)
    for i in range(6):
        made.observe(HeadMeasured(0.2, 4.0), 0.1 + i * 0.01, cloud=i % 2)
    for cloud in range(2):
        made.observe(CloudLost("killed"), 0.3, 1 - cloud)
        reached(made, cloud, 0.4, uplink_bps=2e6)
        plan = made.plan(0.4)
        assert (plan.cloud, plan.partition.edge) == (cloud, {"image"}), "the edge is 20 times slower"


class TestElsewhere:
    def made(self, **fields):
        made = controller(**fields)
        for cloud, load in enumerate((1.0, 9.0, 3.0)):
            reached(made, cloud, load=load)
        return made, made.plan(0.1)

    def test_the_rest_goes_to_the_cheapest_of_the_others(self):
        made, plan = self.made()
        assert plan.cloud == 0
        other = made.elsewhere(plan, {0}, 5.0, 0.2)
        assert (other.cloud, other.partition.edge, other.partition.encoding) == (2, plan.partition.edge, "raw")
        assert (other.serial, other.changed) == (plan.serial, plan.changed)
        assert other.cloud_load == made.state(0.2).clouds[2].load
        assert made.elsewhere(other, {0, 2}, 5.0, 0.2).cloud == 1
        assert made.elsewhere(other, {0, 1, 2}, 5.0, 0.2) is None

    def test_the_deadline_stays(self):
        made, plan = self.made()
        other = made.elsewhere(plan, {0}, 0.25, 0.2)
        assert other.deadline_s <= 0.25
        rest_s = other.partition.transfer_s + other.partition.fixed_s + other.partition.cloud_s
        assert made.elsewhere(plan, {0}, rest_s * 1.01, 0.2).cloud == 2
        assert made.elsewhere(plan, {0}, rest_s * 0.99, 0.2) is None, "no other answers in time"

    def test_a_cloud_that_cannot_be_used_gets_nothing(self):
        made, plan = self.made()
        made.observe(CloudBusy(5.0), 0.2, 2)
        made.observe(SplitImpossible(plan.partition.edge), 0.2, 1)
        assert made.elsewhere(plan, {0}, 5.0, 0.2) is None

    def test_packets_go_where_they_can_be_sent(self):
        packets = PacketCosts("image", 2_000.0, 0.01)
        made = controller(packets=packets, policy=CloudOnly())
        for cloud in range(3):
            reached(made, cloud, load=9.0 if cloud == 2 else 1.0)
            made.observe(CloudProfiled(CLOUD_S, {}, takes_packets=cloud != 2), 0.0, cloud)
        plan = made.plan(0.1, packets_ready=[0, 1, 2])
        first = plan.cloud
        assert plan.packets
        decoded = made.elsewhere(plan, {first}, 5.0, 0.2, packets_ready=())
        assert (decoded.cloud, decoded.packets, decoded.partition.edge) == (1 - first, False, {"image"})
        other = made.elsewhere(plan, {first}, 5.0, 0.2, packets_ready=[1 - first, 2])
        assert (other.cloud, other.packets, other.partition.encoding) == (1 - first, True, "packets")


def test_a_flow_of_one_cloud_sees_that_cloud():
    made = controller(2)
    second = OneCloud(made, 1)
    assert second.reconnect_due(0.0)
    second.observe(CloudProfiled(CLOUD_S), 0.0)
    assert second.probe_due(0.0) is not None
    assert second.ping_due(0.0)
    second.observe(RoundTripMeasured(0.3), 0.0)
    assert second.state(0.0).rtt_s == 0.3
    assert made.state(0.0).clouds[0].rtt_s is None
    assert second.slow_starts(0.0)
    assert second.down_probe_due(0.0) is None, "answers are small"
    assert second.downlink_slow_starts(0.0)
    assert not second.packets_usable


def test_the_first_ping_of_a_spare_cloud_waits_for_nothing():
    made = controller(2)
    for cloud in range(2):
        made.observe(CloudProfiled(CLOUD_S), 0.0, cloud)
        assert made.ping_due(0.0, cloud)


def test_several_clouds_need_something_to_draw_from():
    with pytest.raises(ValueError, match="need rng"):
        Controller(GRAPH, EDGE_S, clouds=2)
    with pytest.raises(ValueError, match="at least 1"):
        Controller(GRAPH, EDGE_S, clouds=0, rng=random.Random(0))


def test_edges_that_see_the_same_do_not_all_use_the_same():
    used = []
    for seed in range(40):
        made = controller(2, seed)
        for cloud in range(2):
            reached(made, cloud)
        used.append(made.plan(0.1).cloud)
    assert 8 <= sum(used) <= 32


def test_one_cloud_is_as_ever():
    one, other = Controller(GRAPH, EDGE_S, rate_hz=1.0), controller(1)
    for made in (one, other):
        reached(made, 0)
    assert one.plan(0.1) == other.plan(0.1)
    assert one.state(0.1) == other.state(0.1)
    assert one.plan(0.1).mode is Mode.LIGHT


def test_a_cloud_where_our_own_tails_wait_is_dearer_than_one_where_none_wait():
    """While own tails are measured, their times tell the load, and only their waits tell the queue."""
    made = controller(2)
    for cloud in range(2):
        reached(made, cloud)
    used = made.plan(0.1).cloud
    now_s = 0.1
    while now_s < 60.0:
        made.observe(TailMeasured(0.04, 0.04, queue_s=0.3), now_s, used)
        for cloud in range(2):
            measured(made, cloud, now_s)
        plan = made.plan(now_s)
        now_s += FRAME_S
    assert plan.cloud == 1 - used
    assert plan.partition.edge == {"image"}
    assert made.state(now_s).cloud_changes == 1
