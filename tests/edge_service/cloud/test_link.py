"""The connection's life: start, measurements, silence, loss, back-off, end; the controller's word counts."""

import asyncio
import contextlib
import itertools
import logging
import time

import pytest

from edge_service import AgentConfig, CloudUnreachableError, WrongTwinError
from edge_service.cloud.link import CloudLink
from edge_service.cloud.seam import Announcement, CloudProfile, Refusal
from edge_service.cloud.uplink_turns import UplinkTurns
from edge_service.compute import EdgeCompute
from edge_service.control import (
    BreakerConfig,
    CloudAnswered,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    DownlinkMeasured,
    Flow,
    HeartbeatsResumed,
    RoundTripMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadStalled,
)
from edge_service.errors import CloudDeniedError, CloudRefusedError, CloudSilentError
from edge_service.output.metrics import EdgeMetrics
from edge_service.parts import Parts
from edge_service.wire_costs import WireCosts
from split_wire import Encoding
from split_wire.limits import HEARTBEAT_INTERVAL_S


class Wishes:
    """In the controller's place: says what it is told to say, and keeps what it hears."""

    def __init__(self):
        self.heard = []
        self.probe_bytes = None
        self.down_probe_bytes = None
        self.wants_ping = self.wants_profile = False
        self.wants_reconnect = False
        self.window_is_small = True
        self.rtt_s = 0.0

    def observe(self, event, now_s):
        self.heard.append(event)

    def probe_due(self, now_s):
        return self.probe_bytes

    def down_probe_due(self, now_s):
        return self.down_probe_bytes

    def downlink_slow_starts(self, now_s):
        return self.window_is_small

    def ping_due(self, now_s):
        return self.wants_ping

    def profile_due(self, now_s):
        return self.wants_profile

    def others_answer(self):
        return False

    def reconnect_due(self, now_s):
        return self.wants_reconnect

    def slow_starts(self, now_s):
        return self.window_is_small

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]


class WatchedFlow(Flow):
    """Counts how often the link asked, and how often it came back after standing still."""

    asked = 0
    resumed = 0

    def duty(self, now_s):
        self.asked += 1
        return super().duty(now_s)

    def heard(self, now_s):
        resumed = super().heard(now_s)
        self.resumed += resumed
        return resumed


class Shell:
    """A link and what it told."""

    def __init__(self, cloud, controller, model, turns=None, **settings):
        self.answers = []
        self.losses = []
        self.metrics = EdgeMetrics(model.name, model.graph)
        config = AgentConfig(**{"silence_s": 60.0, **settings})
        raw = WireCosts((), frozenset(), Encoding.RAW)
        self.flow = WatchedFlow(controller, silence_s=config.silence_s, heartbeat_s=HEARTBEAT_INTERVAL_S)
        parts = Parts(model, controller, EdgeCompute(), raw, config, self.metrics)
        self.link = CloudLink(parts, cloud, self.flow, self, turns=turns)

    def answered(self, answer):
        self.answers.append(answer)

    def finish_here(self, order):
        self.losses.append(order.reason)


@pytest.fixture
def cloud(manual_cloud, two_by_two):
    return manual_cloud(two_by_two)


@pytest.fixture
def wishes():
    return Wishes()


@pytest.fixture
def linked(cloud, wishes, two_by_two):
    """A running link."""

    @contextlib.asynccontextmanager
    async def running(controller=wishes, *, start=True, turns=None, **settings):
        shell = Shell(cloud, controller, two_by_two, turns, **settings)
        try:
            if start:
                await shell.link.start()
            yield shell
        finally:
            await shell.link.close()

    return running


def a_plan(model):
    return Controller(model.graph, tuple(1.0 for _ in model.graph.layers)).plan(0.0)


def a_frame(cloud, model, frame_id=0):
    with_inputs = {
        value.layer: [(tensor.numpy(), value.dtype)]
        for value, tensor in zip(model.inputs, model.example_inputs, strict=True)
    }
    return cloud.encode(frame_id, with_inputs, ())


async def test_the_start_profiles_warms_up_and_tells_the_controller(linked, cloud, wishes, two_by_two):
    wishes.probe_bytes = 5000
    async with linked() as shell:
        assert [name for name, _ in cloud.calls][:6] == ["profile", "stream", "ping", "ping", "ping", "probe"]
        assert wishes.of(CloudProfiled) == [CloudProfiled(tuple(1e-6 for _ in two_by_two.graph.layers))]
        assert wishes.of(CloudLoadReported) == [CloudLoadReported(1.5)]
        assert len(wishes.of(CloudAnswered)) == 1
        assert wishes.of(RoundTripMeasured)[:3] == [RoundTripMeasured(0.0005)] * 3
        assert wishes.of(UplinkMeasured)[0] == UplinkMeasured(5000, 8 * 5000 / 1e9, by_receiver=True)
        assert shell.link.last_error is None
        sent = shell.metrics.registry.get_sample_value("dads_bytes_sent_total", {"kind": "probe"})
        assert sent == 5000 * cloud.count("probe")


async def test_a_probe_of_the_downlink_follows_and_counts_as_nothing_sent(linked, cloud, wishes):
    wishes.down_probe_bytes = 5000
    async with linked() as shell:
        assert [name for name, _ in cloud.calls][:6] == ["profile", "stream", "ping", "ping", "ping", "probe_down"]
        assert wishes.of(DownlinkMeasured)[0] == DownlinkMeasured(5000, 4e-5, by_receiver=True)
        assert shell.metrics.registry.get_sample_value("dads_bytes_sent_total", {"kind": "probe"}) == 0


async def test_a_cloud_that_sends_no_filler_leaves_the_downlink_unknown(linked, cloud, wishes):
    wishes.down_probe_bytes, cloud.probe_down_bps = 5000, None
    async with linked():
        assert cloud.count("probe_down")
        assert wishes.of(DownlinkMeasured) == []


async def test_an_announcement_reaches_the_flow_and_nobody_else(linked, cloud, wishes, wait_until):
    async with linked() as shell:
        shell.flow.announced = lambda *told: shell.announced.append(told[:3])
        shell.announced = []
        cloud.streams[-1].give(Announcement(7, 500_000, 0.25))
        await wait_until(lambda: shell.announced)
        assert shell.announced == [(7, 500_000, 0.25)]
        assert shell.answers == []


async def test_a_probe_out_of_an_open_window_is_timed_as_a_whole(linked, cloud, wishes):
    wishes.probe_bytes, wishes.window_is_small = 5000, False
    cloud.probe_bps = 1.0
    async with linked():
        sample = wishes.of(UplinkMeasured)[0]
        assert (sample.bytes, sample.after_idle, sample.by_receiver) == (5000, True, False)
        assert sample.seconds > 0.0


async def test_a_probe_that_nobody_could_time_says_how_fast_the_link_is_at_least(linked, cloud, wishes):
    wishes.probe_bytes, wishes.window_is_small = 5000, False
    cloud.probe_bps = 1e15
    async with linked():
        assert cloud.count("probe")
        assert not wishes.of(UplinkMeasured)
        assert wishes.of(UplinkAtLeast)[0].bytes == 5000
        assert wishes.of(UplinkAtLeast)[0].seconds > 0.0


async def test_a_probe_waits_until_what_a_renewed_stream_left_on_the_link_is_gone(linked, cloud, wishes, wait_until):
    wishes.probe_bytes = 1000
    async with linked() as shell:
        await wait_until(lambda: cloud.count("probe"))
        cloud.ping_error = CloudSilentError("behind the old upload")
        shell.link.renew()
        pings = cloud.count("ping")
        await wait_until(lambda: cloud.count("ping") >= pings + 2)
        probes = cloud.count("probe")
        await wait_until(lambda: cloud.count("ping") >= pings + 4)
        assert cloud.count("probe") == probes
        cloud.ping_error = None
        await wait_until(lambda: cloud.count("probe") > probes)
        pings, probes = cloud.count("ping"), cloud.count("probe")
        await wait_until(lambda: cloud.count("probe") > probes + 1)
        assert cloud.count("ping") <= pings + 1, "once is enough"


async def test_a_probe_whose_turn_comes_after_a_renewal_is_not_sent(linked, cloud, wishes, two_by_two, wait_until):
    frames = 0
    turns = UplinkTurns(lambda: frames > 0, longest_wait_s=60.0)
    async with linked(turns=turns) as shell:
        probes, frames = cloud.count("probe"), 1
        wishes.probe_bytes = 1000
        await wait_until(turns._taken.locked)
        cloud.ping_error = CloudSilentError("behind the old upload")
        shell.link.renew()
        frames = 0
        turns.made_room()
        await wait_until(lambda: not turns._taken.locked())
        assert cloud.count("probe") == probes


async def test_events_of_the_stream_reach_who_wants_them(linked, cloud, wishes, two_by_two, wait_until):
    async with linked() as shell:
        (tails,) = cloud.streams
        frame = a_frame(cloud, two_by_two, 3)
        await shell.link.send(frame, 2.5)
        assert (tails.sent, tails.timeouts_s) == ([frame], [2.5])
        sent = shell.metrics.registry.get_sample_value("dads_bytes_sent_total", {"kind": "tensor"})
        assert sent == frame.size
        tails.beat(2.5)
        tails.answer(frame)
        refusal = Refusal(4, CloudRefusedError("no", reason="OVERLOADED"))
        tails.give(refusal)
        await wait_until(lambda: len(shell.answers) == 2)
        assert shell.answers[0].frame_id == 3
        assert shell.answers[1] is refusal
        assert wishes.of(CloudLoadReported)[-1] == CloudLoadReported(2.5)
        assert shell.losses == []


async def test_measurements_wait_until_no_frame_is_on_the_link(linked, cloud, wishes, two_by_two, wait_until):
    async with linked() as shell:
        shell.flow.handed_over(0, 1000, a_plan(two_by_two), encode_s=0.0, now_s=time.monotonic())
        pings, probes = cloud.count("ping"), cloud.count("probe")
        wishes.wants_ping, wishes.probe_bytes = True, 1000
        asked = shell.flow.asked
        await wait_until(lambda: shell.flow.asked >= asked + 4)
        assert (cloud.count("ping"), cloud.count("probe")) == (pings, probes)
        shell.flow.not_sent(0, "the test is done with it", time.monotonic())
        await wait_until(lambda: cloud.count("ping") > pings and cloud.count("probe") > probes)


async def test_one_measurement_at_a_time(linked, cloud, wishes, wait_until):
    running, most = 0, 0
    answer = asyncio.Event()

    async def probe(size, timeout_s):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await answer.wait()
        running -= 1
        raise CloudSilentError("late")

    async with linked() as shell:
        cloud.probe = probe
        wishes.probe_bytes = 1000
        await wait_until(lambda: running)
        beats = len(wishes.of(CloudLoadReported))
        for _ in range(5):
            cloud.streams[-1].beat()
        await wait_until(lambda: len(wishes.of(CloudLoadReported)) == beats + 5)
        for _ in range(4):  # ticks of the supervisor
            await asyncio.wait({shell.link._supervisor}, timeout=0.06)
        assert most == 1
        answer.set()


async def test_silence_is_a_loss(linked, cloud, wishes, wait_until):
    async with linked(silence_s=0.3) as shell:
        await wait_until(lambda: shell.losses)
        assert "no heartbeat for 0.3 s" in shell.losses[0]
        assert isinstance(shell.link.last_error, CloudUnreachableError)
        assert cloud.streams[0].cancelled
        assert [event.reason for event in wishes.of(CloudLost)] == shell.losses
        assert len(shell.losses) == 1, "one outage is one loss"


async def test_heartbeats_keep_it(linked, cloud, wishes, wait_until):
    async with linked(silence_s=1.0) as shell:

        async def beat():
            while True:
                cloud.streams[-1].beat()
                await asyncio.sleep(0.02)

        beating = asyncio.ensure_future(beat())
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + 1.5
        await wait_until(lambda: loop.time() > ends_s)
        assert shell.losses == []
        beating.cancel()


async def test_the_pulse_keeps_it_whatever_the_frames_stream_says(linked, cloud, wishes, wait_until):
    async with linked(silence_s=1.0) as shell:
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + 1.5

        def beaten():
            cloud.pulses[-1].beat()
            return loop.time() > ends_s

        await wait_until(beaten)
        assert shell.losses == []
        shell.link.renew()
        assert len(cloud.pulses) == 1
        assert not cloud.pulses[0].cancelled
        assert [stream.cancelled for stream in cloud.streams] == [True, False]


async def test_renewing_the_frames_stream_is_no_sign_of_life(linked, cloud, wishes, wait_until):
    async with linked(silence_s=0.3) as shell:

        def lost():
            if not shell.losses:
                shell.link.renew()
            return shell.losses

        await wait_until(lost)
        assert "no heartbeat" in shell.losses[0]


async def test_after_a_pause_the_link_is_measured_anew(linked, cloud, wishes, wait_until):
    begun, cancelled = [], []

    async def probe(size, timeout_s):
        begun.append(size)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(size)
            raise

    async with linked() as shell:
        cloud.probe = probe
        wishes.probe_bytes = 1000
        cloud.pulses[0].beat()
        await wait_until(lambda: begun)
        assert not wishes.of(HeartbeatsResumed)
        shell.flow._heard_s -= 1.0  # two heartbeats are missing
        cloud.pulses[0].beat()
        await wait_until(lambda: wishes.of(HeartbeatsResumed))
        await wait_until(lambda: cancelled and len(begun) == 2)
        assert shell.flow.resumed
        assert shell.losses == []


async def test_a_connection_that_says_nothing_is_dropped_with_what_is_measured_on_it(linked, cloud, wishes, wait_until):
    async def probe(size, timeout_s):
        await asyncio.Event().wait()

    async with linked(silence_s=0.3) as shell:
        cloud.probe = probe
        wishes.probe_bytes = 1000
        await wait_until(lambda: cloud.count("drop"))
        assert shell.losses
        assert cloud.pulses[0].cancelled
        dropped = cloud.count("drop")
        cloud.error = CloudSilentError("no answer")
        wishes.wants_reconnect = True
        await wait_until(lambda: cloud.count("drop") > dropped)
        cloud.error = CloudUnreachableError("refused")
        dropped, asked = cloud.count("drop"), cloud.count("profile")
        wishes.wants_reconnect = True
        await wait_until(lambda: cloud.count("profile") > asked)
        assert cloud.count("drop") == dropped, "gRPC knows itself that this one is broken"


@pytest.mark.parametrize("error", [CloudUnreachableError("reset"), CloudRefusedError("bye", reason="DRAINING")])
async def test_a_broken_stream_is_a_loss_and_the_next_success_mends_it(linked, cloud, wishes, wait_until, error):
    async with linked() as shell:
        cloud.streams[0].give(error)
        await wait_until(lambda: shell.losses)
        assert shell.link.last_error is error
        with pytest.raises(CloudUnreachableError, match="not connected"):
            await shell.link.send(a_frame(cloud, cloud.model), 1.0)
        profiles = cloud.count("profile")
        wishes.wants_reconnect = True
        await wait_until(lambda: shell.link.last_error is None)
        assert cloud.count("profile") > profiles
        assert len(cloud.streams) == 2
        await shell.link.send(a_frame(cloud, cloud.model), 1.0)
        assert len(cloud.streams[1].sent) == 1


async def test_a_defect_while_reading_is_a_loss_and_no_silence(linked, cloud, wait_until):
    async with linked() as shell:
        cloud.streams[0].give(KeyError("surprise"))
        await wait_until(lambda: shell.losses)
        assert "surprise" in shell.losses[0]


async def test_renewing_cancels_the_stream_and_opens_another(linked, cloud, two_by_two, wait_until):
    async with linked() as shell:
        old = cloud.streams[0]
        shell.link.renew()
        assert old.cancelled
        new = cloud.streams[1]
        old.give(CloudUnreachableError("the old stream's end"))
        frame = a_frame(cloud, two_by_two, 9)
        old.answer(frame)
        await shell.link.send(frame, 1.0)
        assert (len(old.sent), len(new.sent)) == (0, 1)
        new.answer(frame)
        await wait_until(lambda: shell.answers)
        assert [answer.frame_id for answer in shell.answers] == [9], "what comes late on the old stream is not heard"
        assert shell.losses == []


async def test_the_end_of_a_stream_that_was_renewed_is_no_loss(linked, cloud, two_by_two, wait_until):
    """Renewed by who is told an answer, the old stream's reader is still there when that stream ends."""
    async with linked() as shell:
        old, reader = cloud.streams[0], shell.link._connection._readers[cloud.streams[0]]
        shell.answered = lambda answer: shell.link.renew()
        old.answer(a_frame(cloud, two_by_two))
        old.give(CloudUnreachableError("the stream to the cloud was cancelled"))
        await wait_until(reader.done)
        assert len(cloud.streams) == 2
        assert shell.losses == []


@pytest.mark.parametrize("call", ["ping_error", "probe_error"])
async def test_a_measurement_that_fails_is_a_loss(linked, cloud, wishes, wait_until, call):
    async with linked() as shell:
        setattr(cloud, call, CloudUnreachableError("reset"))
        wishes.wants_ping, wishes.probe_bytes = True, 1000
        await wait_until(lambda: shell.losses)
        assert shell.losses == ["reset"]


async def test_a_late_ping_is_none_and_a_late_probe_is_a_slow_link(linked, cloud, wishes, wait_until):
    async with linked(call_timeout_s=4.5) as shell:
        cloud.ping_error, cloud.probe_error = CloudSilentError("late"), CloudSilentError("late")
        wishes.wants_ping, wishes.probe_bytes = True, 1234
        await wait_until(lambda: wishes.of(UploadStalled))
        assert wishes.of(UploadStalled)[0] == UploadStalled(1234, 4.5)
        assert shell.losses == []


async def test_a_cloud_that_is_not_there_is_an_error_only_where_it_is_required(linked, cloud):
    cloud.error = CloudUnreachableError("nobody there")
    async with linked() as shell:
        assert shell.link.last_error is cloud.error
        assert cloud.streams == []
    async with linked(start=False, require_cloud=True) as shell:
        with pytest.raises(CloudUnreachableError, match="nobody there"):
            await shell.link.start()


async def test_a_start_that_takes_too_long_is_given_up(linked, cloud):
    async def profile(timeout_s):
        await asyncio.Event().wait()

    cloud.profile = profile
    async with linked(connect_timeout_s=0.1) as shell:
        assert "no answer within 0.1 s" in str(shell.link.last_error)
    async with linked(start=False, connect_timeout_s=0.1, require_cloud=True) as shell:
        with pytest.raises(CloudUnreachableError):
            await shell.link.start()


async def test_reconnects_wait_longer_each_time_and_start_over_after_a_success(linked, cloud, two_by_two, wait_until):
    """The real controller: trials are at least its waits apart."""
    waits_s = (0.1, 0.2, 0.4, 0.4)
    config = ControllerConfig(breaker=BreakerConfig(first_wait_s=0.1, factor=2.0, longest_wait_s=0.4))
    controller = Controller(two_by_two.graph, tuple(1.0 for _ in two_by_two.graph.layers), config)
    cloud.error = CloudUnreachableError("nobody there")
    async with linked(controller) as shell:
        await wait_until(lambda: cloud.count("profile") == 1 + len(waits_s))
        trials_s = cloud.times_s("profile")
        for wait_s, (earlier_s, later_s) in zip(waits_s[1:], itertools.pairwise(trials_s[1:]), strict=False):
            assert later_s - earlier_s >= wait_s * 0.99
        cloud.error = None
        await wait_until(lambda: shell.link.last_error is None)
        assert controller.state(trials_s[-1] + 60).retry_at_s is None
        tried = cloud.count("profile")
        cloud.error = CloudUnreachableError("gone again")
        cloud.streams[-1].give(cloud.error)
        await wait_until(lambda: cloud.count("profile") > tried)
        lost_again_s, retried_s = cloud.times_s("stream")[-1], cloud.times_s("profile")[tried]
        assert retried_s - lost_again_s >= 0.1 * 0.99


async def test_a_wrong_twin_is_told_and_tried_again_later(linked, cloud, wishes, wait_until):
    """Somebody may put the right model there."""
    cloud.error = WrongTwinError("digests differ")
    async with linked() as shell:
        assert isinstance(shell.link.last_error, WrongTwinError)
        wishes.wants_reconnect = True
        cloud.error = None
        await wait_until(lambda: shell.link.last_error is None)


async def test_a_refusal_that_every_frame_would_get_is_a_loss(linked, cloud, wishes, wait_until):
    """Behind a balancer, another cloud may answer on a stream that was opened to the right one."""
    for error in (WrongTwinError("digests differ"), CloudDeniedError("no", reason="BAD_TOKEN", retry_after_s=30.0)):
        async with linked() as shell:
            refusal = Refusal(4, error)
            cloud.streams[-1].give(refusal)
            await wait_until(lambda shell=shell: shell.losses)
            assert shell.answers == [refusal]
            assert shell.link.last_error is error
            assert cloud.streams[-1].cancelled
    assert [event.retry_after_s for event in wishes.of(CloudLost)] == [None, 30.0]


async def test_what_stays_wrong_is_told_once_and_what_becomes_wrong_again(linked, cloud, wishes, wait_until, caplog):
    def told():
        return [record.error for record in caplog.records if record.message == "cloud lost"]

    cloud.error = CloudDeniedError("no token", reason="UNAUTHENTICATED")
    with caplog.at_level(logging.WARNING, "edge_service"):
        async with linked():
            wishes.wants_reconnect = True
            tried = cloud.count("profile")
            await wait_until(lambda: cloud.count("profile") >= tried + 3)
            assert told() == ["no token"]
            cloud.error = CloudDeniedError("another token", reason="BAD_TOKEN")
            await wait_until(lambda: len(told()) == 2)
            tried = cloud.count("profile")
            await wait_until(lambda: cloud.count("profile") >= tried + 3)
            assert told() == ["no token", "another token"]


async def test_the_end_ends_everything(linked, cloud, wishes):
    wishes.wants_ping, wishes.probe_bytes = True, 1000
    before = asyncio.all_tasks()
    async with linked():
        assert len(asyncio.all_tasks()) > len(before)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert cloud.streams[0].cancelled
    assert cloud.calls[-1][0] == "close"


async def test_a_profile_that_makes_no_sense_does_not_end_the_attempts(linked, cloud, two_by_two, wait_until):
    """A defect of the cloud's, or of a proxy's between: a later answer may be right."""
    config = ControllerConfig(breaker=BreakerConfig(first_wait_s=0.05, longest_wait_s=0.1))
    controller = Controller(two_by_two.graph, tuple(1.0 for _ in two_by_two.graph.layers), config)
    cloud.error = CloudUnreachableError("nobody there")
    right = cloud.profile

    async def nonsense(timeout_s):
        profile = await right(timeout_s)
        return CloudProfile(tuple(float("nan") for _ in profile.layer_s), 1.0)

    async with linked(controller) as shell:
        cloud.error, cloud.profile = None, nonsense
        tried = cloud.count("profile")
        await wait_until(lambda: cloud.count("profile") > tried)
        cloud.profile = right
        await wait_until(lambda: shell.link.last_error is None, 2.0)
        assert cloud.streams
