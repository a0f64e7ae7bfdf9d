"""What the pages about computing and control make of small made-up measurements."""

import pytest

from bench.control_simulation import report as control_report
from bench.frames import report as frames_report
from bench.split_compute import report as split_compute_report
from bench.wide_graphs import report as wide_graphs_report


def split_row(split, ratio):
    found = {"median": ratio, "low": ratio - 0.01, "high": ratio + 0.01}
    times = {"eager_s": 0.1, "split_s": 0.1 * ratio, "ratio": found, "cpu_ratio": found}
    return {"model": "torchvision:alexnet", "layers": 23, "split": split, "edge_layers": 11, **times}


def test_split_compute_is_judged_by_the_median_and_by_the_worst(published):
    rows = [split_row("cloud-only", 0.80), split_row("middle", 0.90), split_row("edge-only", 0.82)]
    predicted = {"head_predicted_s": 0.04, "head_s": 0.05, "tail_predicted_s": 0.06, "tail_s": 0.06}
    predictions = [{"model": "torchvision:alexnet", "edge_layers": 11, **predicted}]
    idle = [{"model": "torchvision:alexnet", "busy_s": 0.1, "ratio": {"median": 1.2, "low": 1.1, "high": 1.3}}]
    data = {"splits": rows, "predictions": predictions, "idle": idle, "idle_s": 1.0}
    found, body = published(split_compute_report, data)
    median, worst = found.values()
    assert (median.measured, median.kept) == (0.82, True)
    assert (worst.measured, worst.kept) == (0.90, False)
    assert worst.why.startswith("alexnet, middle; 1 of 3")
    assert "| alexnet | 1 | 9.09 | 9.09 | +25.0 |" in body
    assert "| alexnet | 100 | 1.200 (1.100 to 1.300) |" in body


def test_wide_graphs_show_the_worst_of_each_kind(published):
    row = {"kind": "grid", "layers": 200, "seed": 0, "uplink_bps": 1e8, "cuts": 1.4, "lowest": 1.0}
    row |= {"smallest": 1.01, "smallest_took_s": 1.0, "lowest_took_s": 4.5}
    found, body = published(wide_graphs_report, {"rows": [row, {**row, "smallest": 1.04, "lowest_took_s": 2.0}]})
    ratio, slowest = found.values()
    assert (ratio.measured, ratio.kept) == (1.04, True)
    assert (slowest.measured, slowest.kept) == (4.5, False)
    assert "| grid | 200 | 4 | 1.400 | 1.040 | 1.000 | 4.50 | **3 of 4** |" in body


def table_row(graph, encodings, build_s, heavy=1.005):
    def spread(median, worst):
        return {"median": median, "worst": worst}

    return {
        "graph": graph,
        "kind": "random" if graph == "grid" else "real",
        "layers": 820,
        "encodings": encodings,
        "build_s": build_s,
        "memory_mb": 40.0,
        "points": 2000,
        "light_us": spread(20.0, 30.0),
        "heavy_us": spread(40.0, 90.0),
        "light": spread(1.0, 1.0),
        "heavy": spread(1.001, heavy),
        "rates": {"0.9": spread(1.0, 1.03)},
        "searched": {"light_s": spread(0.004, 0.01), "heavy_s": spread(0.2, 0.5), "ratio": spread(1.0, 1.001)},
    }


def test_split_points_are_judged_on_real_graphs_alone(published):
    row = {"kind": "grid", "layers": 200, "seed": 0, "uplink_bps": 1e8, "cuts": 1.4, "lowest": 1.0}
    row |= {"smallest": 1.01, "smallest_took_s": 1.0, "lowest_took_s": 1.5}
    tables = [table_row("hrnet", 1, 1.5), table_row("fcos", 4, 8.5), table_row("grid", 1, 90.0, heavy=1.6)]
    found, body = published(wide_graphs_report, {"rows": [row], "tables": tables})
    assert found["heavy load over its bound, worst"].measured == 1.005
    assert found["build with one encoding"].kept
    assert (found["build with four encodings"].measured, found["build with four encodings"].kept) == (8.5, False)
    assert found["heavy load: times faster than a search, median"].measured == pytest.approx(5000)
    assert "| grid | 90.00 | 2,000 | 40 (90) | 1.001 (1.600) |" in body
    assert "| fcos | 4 | 1.000 (1.030) |" in body


def frames_row(way, size_bytes, same=60, kept=60, clip="bikes"):
    spread = {"median": 1.0, "low": 0.5, "high": 2.0}
    row = {"clip": clip, "way": way, "frames": 60, "size_bytes": size_bytes, "same": same, "kept": kept}
    return {**row, "encode_ms": spread, "decode_ms": spread}


def test_frames_are_judged_by_bytes_against_zstd_and_by_bits(published):
    rows = [frames_row("zstd", 100e3), frames_row("differences", 50e3), frames_row("webp", 40e3, same=59)]
    rows += [frames_row("jpeg90", 10e3, same=0, kept=46), frames_row("packets", 12e3)]
    clip = {"clip": "bikes", "width": 640, "height": 272, "made_ms": {"median": 2.0, "low": 1.0, "high": 3.0}}
    found, body = published(frames_report, {"rate_hz": 6.0, "clips": [clip], "rows": rows})
    lossless, packets, bits = found.values()
    assert (lossless.measured, lossless.kept) == (0.4, True)
    assert (packets.measured, packets.kept) == (0.12, False)
    assert (bits.measured, bits.kept) == (1.0, False), "JPEG may differ, a lossless picture may not"
    assert "| JPEG q90, 4:2:0 | 10 | 1 (0.5 to 2) | 1 (0.5 to 2) | 0 % | 77 % |" in body
    assert "## bikes, 640x272, 60 frames" in body


def control_case(adaptive_s, oracle_dropped=0.0):
    def run(mean_s, dropped=0.0):
        latencies = {"mean_s": mean_s, "p50_s": mean_s, "p95_s": mean_s}
        return {**latencies, "dropped": dropped, "fallback": 0.0, "edge_only": 0.5, "switches_hz": 0.2, "missed": 0}

    case = {name: run(0.3) for name in ("clairvoyant", "best_fixed", "edge_only", "cloud_only")}
    case |= {"adaptive": run(adaptive_s), "oracle": run(0.2, oracle_dropped), "knows_rate": {"0.1": run(0.21)}}
    return {"link": "lte", "model": "alexnet x8", "rate_hz": 2.0, **case}


def test_control_is_held_against_the_oracle_where_it_keeps_up(published):
    cases = [control_case(0.22), control_case(0.22), control_case(9.0, oracle_dropped=0.5)]
    found, body = published(control_report, {"links": {"lte": "the recorded LTE uplink"}, "cases": cases})
    over, switches, missed = found.values()
    assert (over.measured, over.kept) == (pytest.approx(1.1), False)
    assert (switches.measured, missed.measured) == (0.2, 0)
    assert "| lte: the recorded LTE uplink | 2 | **1.100** |" in body
    assert "| lte | 1 |" in body
