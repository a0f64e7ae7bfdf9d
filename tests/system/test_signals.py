"""Two signals in a row end an edge that has frames under way, at once and by the signal itself."""

import signal

from dads_process import DadsProcess


def test_the_second_signal_does_not_wait_for_frames():
    arguments = ["--model", "zoo:easy_net", "--source", "sample", "--loop", "--rate", "50", "--results", "-"]
    # A frame takes seconds, and the next ones wait: to finish them takes longer than two signals do.
    with DadsProcess("edge", *arguments, "--edge-slowdown", "500", "--threads", "1") as edge:
        edge.line(lambda line: '"dropped"' in line or '"edge_only"' in line)
        edge.send(signal.SIGTERM)
        edge.send(signal.SIGINT)  # another one: two of a kind may arrive as one
        assert edge.wait() in (-signal.SIGTERM, -signal.SIGINT), edge.errors
