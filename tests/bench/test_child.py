import signal

import pytest

from bench.child import end, started

HERE = "bench.links.emulated_link:relay"


def test_a_child_is_asked_and_answers():
    with started(end(HERE, 1e6, 1e6, 0.0)) as relay:
        assert relay.hear() == {}
        port = relay.ask({"target_port": 9})["port"]
        assert port == relay.ask({"target_port": 9})["port"]
    assert relay.process.returncode == -signal.SIGTERM


def test_a_child_ends_with_its_input():
    with started(end(HERE, 1e6, 1e6, 0.0)) as relay:
        relay.hear()
        relay.process.stdin.close()
        assert relay.process.wait(timeout=20) == 0


def test_of_one_that_ended_it_is_said():
    with (
        started(end("bench.links.emulated_link:nothing")) as relay,
        pytest.raises(RuntimeError, match="emulated_link:nothing ended with 1"),
    ):
        relay.ask({})
