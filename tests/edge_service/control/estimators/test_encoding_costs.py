"""Prices of encodings, and how sizes that drift are noticed."""

import math

import pytest

from edge_service.control import EncodingCosts, SizeRatios
from edge_service.control.estimators.encoding_costs import bytes_of, usable

ZSTD = EncodingCosts("zstd", (100.0, math.inf), (0.1, 0.2))


def test_a_price_has_the_sizes_of_now_and_the_clouds_seconds():
    priced = ZSTD.priced((0.3, 0.4), 1.5)
    assert (priced.name, priced.output_bytes, priced.encode_s, priced.decode_s) == (
        "zstd",
        (150.0, math.inf),
        (0.1, 0.2),
        (0.3, 0.4),
    )


def test_only_what_the_cloud_measured_is_usable():
    raw = EncodingCosts("raw", (1.0, 1.0), (0.0, 0.0))
    assert usable((raw, ZSTD), {"raw": (0.0, 0.0), "float16": (0.0, 0.0)}) == (raw,)


def test_bytes_of_a_cut():
    assert bytes_of((ZSTD,), "zstd", [0]) == 100.0
    assert bytes_of((ZSTD,), "raw", [0]) == 0.0, "not measured"


class TestSizeRatios:
    def test_small_drifts_change_nothing(self):
        ratios = SizeRatios()
        assert not any(ratios.add("zstd", 10_000, 10_500) for _ in range(50))
        assert ratios.ratio("zstd") == 1.0

    @pytest.mark.parametrize("factor", [0.3, 3.0])
    def test_what_lasts_is_believed(self, factor):
        ratios = SizeRatios()
        changes = sum(ratios.add("zstd", 10_000, 10_000 * factor) for _ in range(50))
        assert ratios.ratio("zstd") == pytest.approx(factor, rel=0.1)
        assert changes < 10, "not every frame prices all splits anew"
        assert ratios.ratio("int8_zstd") == 1.0, "each encoding has its own"

    def test_one_odd_frame_among_many_moves_it_little(self):
        ratios = SizeRatios()
        for _ in range(20):
            ratios.add("zstd", 10_000, 10_000)
        ratios.add("zstd", 10_000, 20_000)
        assert ratios.ratio("zstd") <= 1.25

    @pytest.mark.parametrize(
        "sizes", [(0.0, 5000.0), (100.0, 5000.0), (math.inf, 1.0), (5000.0, 0.0), (5000.0, math.nan)]
    )
    def test_what_says_nothing_changes_nothing(self, sizes):
        ratios = SizeRatios()
        assert not ratios.add("raw", *sizes)
        assert ratios.ratio("raw") == 1.0
