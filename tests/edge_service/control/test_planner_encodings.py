"""Split and encoding are chosen together, with what the cloud accepts and the sizes of now."""

import math

import pytest

from edge_service.control import (
    CloudLost,
    CloudProfiled,
    Controller,
    ControllerConfig,
    CutEncoded,
    EncodingCosts,
    RoundTripMeasured,
    UplinkMeasured,
)
from edge_service.control.policies import CloudOnly, Given
from partitioner import Layer, LayerGraph

GRAPH = LayerGraph(
    (Layer("image", (), 200_000), Layer("conv", ("image",), 400_000), Layer("head", ("conv",), 4_000)), ("head",)
)
EDGE_S, CLOUD_S = (0.0, 1.0, 1.0), (0.0, 0.01, 0.01)
NOTHING = (0.0, 0.0, 0.0)
RAW = EncodingCosts("raw", (200_000.0, 400_000.0, 4_000.0), NOTHING)
ZSTD = EncodingCosts("zstd", (100_000.0, 50_000.0, 4_000.0), (0.02, 0.02, 0.0))
DECODE_S = {"raw": NOTHING, "zstd": (0.01, 0.01, 0.0)}


def controller(*encodings: EncodingCosts, bps: float = 8e6, decode_s=DECODE_S, policy=None) -> Controller:
    made = Controller(GRAPH, EDGE_S, ControllerConfig(), 0.1, encodings, policy)
    for event in (CloudProfiled(CLOUD_S, decode_s), RoundTripMeasured(0.02), UplinkMeasured(1_000_000, 8e6 / bps)):
        made.observe(event, 0.0)
    return made


def test_a_slow_link_is_worth_the_encoding_and_a_fast_one_is_not():
    slow, fast = (controller(RAW, ZSTD, bps=bps).plan(0.0).partition for bps in (8e6, 800e6))
    assert (slow.cut, slow.encoding, fast.cut, fast.encoding) == (("image",), "zstd", ("image",), "raw")
    assert slow.encode_s == 0.02
    assert slow.decode_s == 0.01


def test_what_the_cloud_does_not_accept_is_not_chosen():
    assert controller(RAW, ZSTD, decode_s={"raw": NOTHING}).plan(0.0).partition.encoding == "raw"
    assert controller(RAW, ZSTD, decode_s={}).plan(0.0).partition.encoding == "raw"


def test_what_is_forbidden_is_not_chosen():
    forbidden = EncodingCosts("zstd", (math.inf, 50_000.0, 4_000.0), ZSTD.encode_s)
    chosen = controller(RAW, forbidden).plan(0.0).partition
    assert (chosen.cut, chosen.encoding) == (("image",), "raw")


def test_a_plan_says_what_its_cut_took_when_it_was_measured():
    assert controller(RAW, ZSTD).plan(0.0).measured_bytes == 100_000.0
    assert controller().plan(0.0).measured_bytes == 0.0


def test_contents_that_no_longer_compress_are_priced_as_they_are():
    made = controller(RAW, ZSTD)
    before = made.plan(0.0)
    for frame in range(20):
        made.observe(CutEncoded("zstd", before.measured_bytes, 230_000.0), 0.1 * frame)
    after = made.plan(3.0)
    assert before.partition.encoding == "zstd"
    assert after.partition.encoding == "raw"
    assert after.partition.edge == before.partition.edge
    assert not after.changed, "another encoding of the same cut is no change of the split"


def test_a_better_encoding_of_the_same_split_is_taken_only_for_a_gain():
    made = controller(RAW, ZSTD, bps=8e6)
    assert made.plan(0.0).partition.encoding == "zstd"
    for step in range(1, 30):  # the link gets a little faster at a time, to where raw is a few percent better
        made.observe(UplinkMeasured(1_000_000, 1.0 / (1.0 + 0.1 * step)), float(step))
        last = made.plan(float(step)).partition
    assert last.encoding == "zstd", "a gain below the threshold is no reason"
    for step in range(30, 60):
        made.observe(UplinkMeasured(1_000_000, 1.0 / (1.0 + 0.5 * step)), float(step))
    assert made.plan(60.0).partition.encoding == "raw"


def test_a_cloud_that_comes_back_without_an_encoding_ends_its_use():
    made = controller(RAW, ZSTD)
    assert made.plan(0.0).partition.encoding == "zstd"
    for event in (CloudLost("gone"), CloudProfiled(CLOUD_S, {"raw": NOTHING}), UplinkMeasured(1_000_000, 1.0)):
        made.observe(event, 1.0)
    assert made.plan(1.0).partition.encoding == "raw"


def test_a_kept_split_goes_raw_to_a_cloud_that_accepts_only_what_its_cut_may_not_use():
    forbidden = EncodingCosts("zstd", (math.inf, 50_000.0, 4_000.0), ZSTD.encode_s)
    made = controller(RAW, forbidden, decode_s={"zstd": DECODE_S["zstd"]}, policy=CloudOnly())
    assert (made.plan(0.0).partition.cut, made.plan(0.0).partition.encoding) == (("image",), "raw")


@pytest.mark.parametrize("policy", [CloudOnly(), Given(frozenset({"image"}))])
@pytest.mark.parametrize(("bps", "encoding"), [(8e6, "zstd"), (800e6, "raw")])
def test_a_policy_that_keeps_to_its_split_sends_it_in_the_encoding_that_is_best_now(policy, bps, encoding):
    partition = controller(RAW, ZSTD, bps=bps, policy=policy).plan(0.0).partition
    assert (partition.cut, partition.encoding) == (("image",), encoding)
