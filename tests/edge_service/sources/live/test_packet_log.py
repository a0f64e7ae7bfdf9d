import logging
import threading

import av.logging

from edge_service.sources.live.packet_log import counted_losses


def test_losses_are_counted_even_if_they_are_alike(caplog) -> None:
    with caplog.at_level(logging.DEBUG), counted_losses() as since_last:
        for _ in range(3):
            av.logging.log(av.logging.WARNING, "rtsp", "RTP: missed 2 packets\n")
        av.logging.log(av.logging.WARNING, "rtsp", "max delay reached. need to consume packet\n")
        assert since_last() == 6
        assert since_last() == 0
        av.logging.log(av.logging.WARNING, "rtsp", "RTP: missed 1 packets\n")
        assert since_last() == 1
    assert av.logging.get_level() is None
    assert not caplog.records


def test_each_thread_counts_its_own_and_the_last_one_ends_it() -> None:
    inside, go = threading.Barrier(2), threading.Event()
    counts = []

    def other() -> None:
        with counted_losses() as since_last:
            inside.wait(10)
            go.wait(10)
            counts.append(since_last())

    thread = threading.Thread(target=other)
    thread.start()
    with counted_losses() as since_last:
        inside.wait(10)
        av.logging.log(av.logging.WARNING, "rtsp", "RTP: missed 5 packets\n")
        assert since_last() == 5
    assert av.logging.get_level() == av.logging.WARNING
    go.set()
    thread.join()
    assert counts == [0]
    assert av.logging.get_level() is None
