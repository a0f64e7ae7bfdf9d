import math
import random

import pytest

from bench.links.packet_queue import PacketQueue
from link_emulator import Trace


def queue_of(rate_bps, *, rtt_s=0.0, now_s=0.0):
    return PacketQueue(Trace.constant(rate_bps), delay_s=rtt_s / 2, rtt_s=rtt_s, now_s=now_s)


def test_a_packet_takes_its_bits_and_the_delay():
    queue = queue_of(8e6, rtt_s=0.1)
    queue.arrive(b"x" * 1000, 1.0)
    assert queue.due(1.0) == []
    assert queue.next_s() == pytest.approx(1.051)
    assert queue.due(1.0509) == []
    assert queue.due(1.0511) == [b"x" * 1000]
    assert queue.next_s() == math.inf


@pytest.mark.parametrize("seed", range(5))
def test_packets_leave_in_order_and_no_faster_than_the_rate_whenever_it_is_asked(seed):
    rng = random.Random(seed)
    queue = queue_of(1e6, rtt_s=0.02)
    now_s, sent, crossed = 0.0, [], []
    while now_s < 5.0:
        now_s += rng.expovariate(400.0)
        if rng.random() < 0.5:
            packet = rng.randbytes(rng.randint(40, 1500))
            before = queue.dropped
            queue.arrive(packet, now_s)
            if queue.dropped == before:
                sent.append(packet)
        crossed += queue.due(now_s)
        assert 8 * sum(map(len, crossed)) <= 1e6 * now_s + 1e-6
    crossed += queue.due(math.inf)
    assert crossed == sent
    assert queue.passed == len(sent)


def test_a_full_line_drops_and_one_that_drained_takes_again():
    queue = queue_of(8e6)  # 50 ms: 50 kB
    for _ in range(60):
        queue.arrive(bytes(1000), 0.0)
    assert queue.dropped == 10
    assert len(queue.due(0.0255)) == 25
    queue.arrive(bytes(1000), 0.0255)
    assert queue.dropped == 10


def test_the_line_of_a_slow_link_holds_twenty_full_packets():
    queue = queue_of(1e5)
    for _ in range(21):
        queue.arrive(bytes(1500), 0.0)
    assert queue.dropped == 1


def test_a_new_rate_moves_what_waits_and_what_is_half_way():
    queue = queue_of(8e3)  # 1000 bytes a second
    queue.arrive(bytes(1000), 0.0)
    queue.arrive(bytes(1000), 0.0)
    queue.set_trace(Trace.constant(8e6), 0.5)
    assert len(queue.due(0.5006)) == 1
    assert len(queue.due(0.5016)) == 2 - 1


def test_an_idle_link_saves_up_nothing_across_a_new_rate():
    queue = queue_of(8e6)
    queue.arrive(bytes(1000), 0.0)
    queue.due(1.0)
    queue.set_trace(Trace.constant(8e3), 1.0)
    queue.arrive(bytes(1000), 1.0)
    assert queue.due(1.9) == []
    assert len(queue.due(2.1)) == 1
