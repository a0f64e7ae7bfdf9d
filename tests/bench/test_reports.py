"""What the pages of the live benchmarks make of small made-up measurements."""

import pytest

from bench.accounting import report as accounting_report
from bench.paper_table import report as paper_table_report
from bench.pipeline import report as pipeline_report
from bench.prediction import report as prediction_report
from bench.real_link import report as real_link_report

LINK = {"kind": "packets", "congestion": "bbr", "rtt_s": 0.02}


def test_accounting_takes_the_worst_cell(published):
    def row(split, wall_s, outcome="offloaded"):
        times = {"head_s": 0.04, "transfer_s": 0.05}
        common = {"model": "a:b", "uplink_bps": 1e7, "load": "light", "outcome": outcome}
        return {**common, "split": split, "wall_s": wall_s, "latency_s": wall_s, "times": times}

    rows = [row("middle", 0.09), row("cloud-only", 0.10), row("cloud-only", 0.10), row("cloud-only", 9.0, "dropped")]
    found, body = published(accounting_report, {"link": LINK, "rows": rows})
    (figure,) = found.values()
    assert figure.measured == pytest.approx(10.0)
    assert not figure.kept
    assert "| cloud-only | 2 |" in body


def prediction_row(pace, wall_s, head_s, outcome="offloaded"):
    frame = {
        "outcome": outcome,
        "wall_s": wall_s,
        "uplink_bps": 2e7,
        "predicted": {"head": 0.05, "transfer": 0.03, "fixed": 0.01, "tail": 0.01},
        "measured": {"head": head_s, "transfer": 0.03, "fixed": 0.01, "tail": 0.01},
    }
    return {"model": "a:b", "uplink_bps": 2e7, "rtt_s": 0.02, "pace": pace, "cut": "x", "frames": [frame] * 3}


def test_prediction_errors_are_of_each_split_and_the_worst_stage_is_named(published):
    rows = [prediction_row("busy", 0.1 + extra_s, 0.05 + extra_s) for extra_s in (0.0, 0.02, -0.04)]
    rows += [prediction_row("idle", 0.105, 0.055), prediction_row("idle", 9.0, 0.05, "local_fallback")]
    found, body = published(prediction_report, {"link": LINK, "slowdown": 4.0, "rows": rows})
    busy, idle = found.values()
    assert busy.measured == pytest.approx(20.0)
    assert not busy.kept
    assert busy.why.endswith("most of it in the head")
    assert idle.measured == pytest.approx(5.0)
    assert idle.kept
    assert "1 splits with a frame that fell back" in body


def test_the_pipeline_is_held_against_its_slowest_stage(published):
    stages = {"head": 0.05, "transfer": 0.08, "fixed": 0.01, "tail": 0.06}
    times = {"wait_s": 0.1, "head_s": 0.05, "transfer_s": 0.08, "tail_s": 0.06}
    data = {
        "sleeping": {"head_s": 0.05, "transfer_s": 0.1, "tail_s": 0.02, "slowest_s": 0.1, "rates_hz": [9.9, 9.5, 9.8]},
        "compute": {
            "model": "a:b",
            "cut_bytes": 1e6,
            "uplink_bps": 1e8,
            "link": LINK,
            "runs": [{"rate_hz": 11.0, "stages_s": stages, "times_s": times}] * 3,
        },
    }
    found, _ = published(pipeline_report, data)
    sleeping, compute = found.values()
    assert (sleeping.measured, sleeping.kept) == (pytest.approx(0.98), True)
    assert (compute.measured, compute.kept) == (pytest.approx(0.88), False)


def paper_row(way, load, latency_s, throughput_hz, uplink_bps=5.85e6):
    return {
        "model": "torchvision:resnet18",
        "uplink_bps": None if way == "edge_only" else uplink_bps,
        "load": load,
        "way": way,
        "frames": 10,
        "outcomes": {"offloaded": 10},
        "latency_s": latency_s,
        "throughput_hz": throughput_hz,
        "cuts": ["image"],
        "whole_s": 0.04,
    }


def test_the_papers_gains_are_how_many_times_better_we_are(published):
    rows = []
    for load in ("light", "heavy"):
        rows += [paper_row("adaptive", load, 0.2, 5.0), paper_row("edge_only", load, 0.5, 2.0)]
        rows += [paper_row("cloud_only", load, 0.3, 4.0)]
        rows += [paper_row("cloud_only_jpeg", load, 0.15, 9.0), paper_row("adaptive_jpeg", load, 0.1, 9.9)]
    data = {"link": LINK, "slowdown": 10.0, "uplinks_bps": [5.85e6], "models": ["torchvision:resnet18"]}
    found, body = published(paper_table_report, {**data, "rows": rows})
    (figure,) = found.values()
    assert figure.measured == pytest.approx(1.1)  # heavy load, throughput over cloud-only, both with JPEG frames
    assert "| light | latency | edge-only | 1.91 to 6.45 | 2.50 to 2.50 | 1 | smallest |" in body
    assert "| light | latency | cloud-only, float32 | 1.35 to 8.08 | not run | 0 |  |" in body
    assert "| light | latency | cloud-only, uint8 |  | 1.50 to 1.50 | 1 |  |" in body
    assert "| heavy | throughput | cloud-only, JPEG |  | 1.10 to 1.10 | 1 |  |" in body
    assert "| 320 | 8.0 |" in body  # published for a Raspberry Pi, against 40 ms here


def test_h264_is_a_baseline_beside_what_it_keeps(published):
    rows = []
    for load in ("light", "heavy"):
        rows += [paper_row("adaptive", load, 0.2, 5.0), paper_row("edge_only", load, 0.5, 2.0)]
        rows += [paper_row("cloud_only", load, 0.3, 4.0), paper_row("cloud_only_h264", load, 0.1, 20.0)]
        rows += [paper_row("cloud_only_jpeg", load, 0.2, 5.0), paper_row("adaptive_jpeg", load, 0.2, 5.0)]
    kept = [{"form": form, "size_bytes": 6660.0, "frames": 60, "kept": n} for form, n in (("jpeg", 46), ("h264", 43))]
    data = {"link": LINK, "slowdown": 10.0, "uplinks_bps": [5.85e6], "models": ["torchvision:resnet18"], "kept": kept}
    found, body = published(paper_table_report, {**data, "rows": rows})
    (figure,) = found.values()
    assert figure.measured == pytest.approx(1.0), "H.264 changes answers, so it is no bar for what changes none"
    assert "| light | latency | cloud-only, H.264 |  | 0.50 to 0.50 | 1 |  |" in body
    assert "| H.264 (cloud-only) | 6.7 | 72 % |" in body
    assert "cloud-only, JPEG (77 % kept) | DADS, JPEG (77 % kept) | cloud-only, H.264 (72 % kept)" in body


def real_row(way, walls_s, outcome="offloaded", switched=0):
    frames = [
        {
            "submitted_s": i / 2,
            "wall_s": wall_s,
            "outcome": outcome,
            "cut": "image",
            "switched": i < switched,
            "uplink_bps": 5e6,
        }
        for i, wall_s in enumerate(walls_s)
    ]
    return {"way": way, "turn": 0, "replayed_s": None, "frames": frames}


def test_the_oracle_is_what_adaptive_is_held_against(published):
    rows = [real_row("adaptive", [0.2, 0.24], switched=1), real_row("oracle", [0.2, 0.2])]
    rows += [real_row(way, [0.4, 0.4]) for way in ("best_fixed", "edge_only", "cloud_only")]
    rows[0]["frames"].append({**rows[0]["frames"][0], "outcome": "dropped", "wall_s": 9.0, "switched": False})
    data = {"link": LINK, "model": "a:b", "trace": "lte_uplink_verizon", "seconds": 4.0, "slowdown": 10.0}
    found, body = published(real_link_report, {**data, "rate_hz": 2.0, "best_fixed_last": "conv", "rows": rows})
    over, missed, switches = found.values()
    assert (over.measured, over.kept) == (pytest.approx(10.0), False)
    assert (missed.measured, missed.kept) == (1, False)
    assert (switches.measured, switches.kept) == (0.25, True)
    assert "| 2 of 3 |" in body
