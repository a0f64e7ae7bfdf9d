"""The reasons and limits in code are those that the contract's comments promise."""

import re
from pathlib import Path

from split_wire import ERROR_DOMAIN, Reason, limits

CONTRACT = (Path(__file__).parents[2] / "protos" / "split.proto").read_text()


def test_every_reason_is_documented_with_its_code():
    listed = CONTRACT.split("one of these reasons:")[1].split("RESOURCE_EXHAUSTED without")[0]
    table = re.findall(r"^// +(?:[A-Z_]+ +)?([A-Z_]+) +[a-z]", listed, re.MULTILINE)
    assert sorted(table) == sorted(reason.value for reason in Reason)
    assert f'domain "{ERROR_DOMAIN}"' in CONTRACT


def test_limits_are_the_documented_ones():
    assert f"{limits.MAX_MESSAGE_BYTES // 2**20} MiB, on both sides" in CONTRACT
    assert re.search(rf"tensors in one request +{limits.MAX_TENSORS}\n", CONTRACT)
    assert re.search(rf"dimensions of a tensor +{limits.MAX_DIMS}\n", CONTRACT)
    assert re.search(rf"a name +{limits.MAX_NAME_BYTES} bytes", CONTRACT)
    assert f"{limits.MAX_PROBE_BYTES // 2**20} MiB and {limits.MAX_PROBE_S:g} s of filler" in CONTRACT
    assert f"heartbeat every {limits.HEARTBEAT_INTERVAL_S:g} s" in CONTRACT
    assert re.search(rf"packets in one request +{limits.MAX_PACKETS}, ", CONTRACT)
    assert f"{limits.MAX_EXTRADATA_BYTES // 1024} KiB of extradata, {limits.MAX_CODEC_BYTES} bytes of codec" in CONTRACT
    assert f"{limits.MAX_PREPROCESS_BYTES} bytes of preprocess" in CONTRACT
    assert f"{limits.MAX_CODED_SIDE} pixels on a side, {limits.MAX_CODED_PIXELS // 10**6} million" in CONTRACT
    assert f"at most {limits.MAX_ASPECT} to 1" in CONTRACT
    assert f"display order, at most {limits.MAX_REORDER};" in CONTRACT
    assert f"so do {limits.SESSION_IDLE_S:g} s without packets" in CONTRACT
