"""What the pages about links and transport make of small made-up measurements."""

import pytest

from bench.copies import report as copies_report
from bench.estimators import report as estimators_report
from bench.idle_link import report as idle_link_report
from bench.rpc_overhead import report as rpc_overhead_report


def rpc_row(size, raw_ms, bare_ms, stream_ms, unary_ms, kind=None, rate_bps=None):
    times_ms = {"raw": raw_ms, "bare": bare_ms, "stream": stream_ms, "unary": unary_ms}
    samples_s = {way: [time_ms / 1000] * 3 for way, time_ms in times_ms.items()}
    server_s = {"server_s": [5e-5], "queue_s": [1e-5], "decode_s": [1e-5], "compute_s": [2e-5]}
    place = {"kind": kind, "rate_bps": rate_bps, "rtt_s": 0.0, "congestion": "bbr"}
    return {**place, "bytes": size, "repeats": 3, "samples_s": samples_s, "server_s": server_s}


def test_rpc_is_held_against_the_raw_socket(published):
    rows = [rpc_row(10_000, 0.1, 0.12, 0.2, 0.5), rpc_row(100_000, 0.1, 0.13, 0.3, 0.35)]
    rows += [rpc_row(1_000_000, 0.2, 0.4, 0.6, 0.8)]
    rows += [rpc_row(100_000, 8.0, 8.08, 8.1, 8.4, "tbf", 1e8), rpc_row(1_000_000, 83.0, 83.0, 83.1, 84.0, "tbf", 1e8)]
    found, body = published(rpc_overhead_report, {"rows": rows})
    assert found["loopback: StreamTails, more than raw up to 100 kB"].measured == pytest.approx(0.2)
    assert found["loopback: RunTail, more than raw up to 100 kB"].measured == pytest.approx(0.4)
    assert "| loopback |  | 10 | 0.1 | 0.02 | 0.1 | 0.01 | 0.01 | 0.02 | 0.01 | 0.05 |" in body
    assert "bare gRPC 0.02 ms at 10 kB" in found["loopback: RunTail, more than raw up to 100 kB"].why
    assert found["loopback: StreamTails, times raw at 1 to 4 MB"].measured == pytest.approx(3.0)
    stream, unary = (
        found[f"tbf, 0 ms: {way}, times raw on links up to 100 Mbit/s"] for way in ("StreamTails", "RunTail")
    )
    assert (stream.measured, stream.kept) == (pytest.approx(8.1 / 8), True)
    assert (unary.measured, unary.kept) == (pytest.approx(1.05), False)
    assert "100 Mbit/s, 100 kB, where bare gRPC takes 1.01 x" in unary.why
    assert "| 100 | 100 | 3 | 8 (8) | 8.08 (8.08) | 8.1 (8.1) | 8.4 (8.4) |" in body


def test_copies_are_bytes_over_what_was_sent(published):
    counted = {"stream": (20, 10), "unary": (20, 25), "generated": (50, 40), "written": (10, 0), "read": (0, 0)}
    rows = [{"way": way, "edge_bytes": 100 * e, "cloud_bytes": 100 * c} for way, (e, c) in counted.items()]
    found, body = published(copies_report, {"size_bytes": 500, "times": 2, "rows": rows})
    stream, unary = found.values()
    assert (stream.measured, stream.kept) == (3.0, True)
    assert (unary.measured, unary.kept) == (4.5, False)
    assert "| RunTail, generated classes | 5.00 | 4.00 | 9.00 |" in body
    assert "| array to what gRPC is given | 1.00 |" in body


def idle_frames(rate_hz, *predicted_s, outcome="offloaded"):
    return [
        {
            "rate_hz": rate_hz,
            "outcome": outcome,
            "predicted_s": one_s,
            "measured_s": 0.1,
            "latency_s": 0.15,
            "uplink_bps": 1e7,
        }
        for one_s in predicted_s
    ]


def test_the_worst_idle_link_decides_at_each_rate(published):
    link = {"kind": "packets", "uplink_bps": 2e7, "rtt_s": 0.05, "bytes": 150_000, "always_ready_s": 0.1}
    near = [*idle_frames(0.1, 0.1, 0.1, 0.103), *idle_frames(1.0, 0.104, 0.095, 0.2)]
    far = [*idle_frames(0.1, 0.05, 0.08, 0.1), *idle_frames(1.0, 9.0, outcome="local_fallback")]
    rows = [{**link, "congestion": "bbr", "frames": near}, {**link, "congestion": "cubic", "frames": far}]
    found, body = published(idle_link_report, {"rows": rows})
    slow, once, often, always = found.values()
    assert (slow.measured, slow.kept) == (pytest.approx(20.0), False)
    assert "cubic" in slow.why
    assert (once.measured, once.kept) == (pytest.approx(5.0), True)
    assert often.measured is always.measured is None
    assert "| packets, 20 Mbit/s, 50 ms | cubic | 150 | 0.1 | 3 | 100 | 80 | -20.0 | 20 | 50 | 1.50 | 10 |" in body


def estimator_row(*parts, offload=True):
    readings = [[0.0, 1.9e7], [1.0, None], [2.0, 4e6]]
    common = {"kind": "packets", "rtt_s": 0.02, "congestion": "cubic", "bytes": 150_000, "rate_hz": 5.0}
    return {**common, "offload": offload, "parts": list(parts), "readings": readings}


def part(rate_bps, *errors, seconds=0.5, frames=9, settled=True):
    told = {"rate_bps": rate_bps, "goodput_bps": rate_bps, "begin_s": 0.0, "errors": list(errors)}
    return {**told, "seconds": seconds, "frames": frames, "settled": settled}


def test_estimates_are_judged_by_their_worst_run(published):
    rows = [estimator_row(part(2e7, 0.01, -0.02, 0.15)), estimator_row(part(2e7, 0.09, 0.09, 0.09), offload=False)]
    found, body = published(estimators_report, {"rows": [*rows, estimator_row(part(2e7, 0.0), part(4e6, 0.0))]})
    median, largest = (
        found[f"20 Mbit/s: {kind} error of the estimate on a steady link"] for kind in ("median", "largest")
    )
    assert (median.measured, median.kept, median.why) == (pytest.approx(9.0), True, "probes over packets, 20 ms")
    assert (largest.measured, largest.kept) == (pytest.approx(15.0), False)
    assert "| packets, 20 ms | cubic | probes | 20 |" in body


@pytest.mark.parametrize(
    ("seconds", "frames", "settled", "of_allowed"),
    [(0.9, 9, True, 0.9), (3.0, 3, True, 1.0), (2.0, 6, True, 2.0), (6.0, 2, False, 6.0)],
)
def test_a_step_is_seen_within_a_second_or_three_frames_whichever_is_later(
    published, seconds, frames, settled, of_allowed
):
    stepped = estimator_row(part(2e7, 0.0), part(4e6, 0.0, seconds=seconds, frames=frames, settled=settled))
    found, _ = published(estimators_report, {"rows": [stepped]})
    (figure,) = found.values()
    assert "20 to 4 Mbit/s" in figure.what
    assert figure.measured == pytest.approx(of_allowed)
    assert figure.kept is (of_allowed <= 1.0)
