"""What an encoding costs, on a clock of the test's own."""

import itertools

import numpy as np

from split_wire import Encoding, encode_tensor
from split_wire.codec_timing import MAX_REPEATS, MIN_REPEATS, REPEAT_FOR_S, measure

FLOATS = np.arange(1000, dtype=np.float32)


def ticking(step_s):
    ticks = itertools.count()
    return lambda: next(ticks) * step_s


def test_sizes_are_those_of_the_messages_of_all_of_a_layers_tensors():
    values = {"a": [(FLOATS, "float32")], "b": [(FLOATS, "float32"), (np.arange(9), "int64")]}
    for encoding in Encoding:
        costs = measure(values, encoding)
        assert list(costs) == ["a", "b"]
        for layer, arrays in values.items():
            sent = [encode_tensor(layer, array, dtype=dtype, encoding=encoding) for array, dtype in arrays]
            assert costs[layer].size_bytes == sum(tensor.size for tensor in sent)


def test_both_ways_are_timed_apart_and_summed_over_a_layers_tensors():
    values = {"a": [(FLOATS, "float32")], "b": [(FLOATS, "float32")] * 3}
    costs = measure(values, Encoding.FLOAT16, clock_s=ticking(1.0))
    assert (costs["a"].encode_s, costs["a"].decode_s) == (1.0, 1.0)
    assert (costs["b"].encode_s, costs["b"].decode_s) == (3.0, 3.0)


def test_short_times_are_taken_more_often():
    def calls(step_s):
        count = 0

        def clock_s():
            nonlocal count
            count += 1
            return count * step_s

        measure({"a": [(FLOATS, "float32")]}, Encoding.RAW, clock_s=clock_s)
        return count / 4  # two readings each way

    assert calls(REPEAT_FOR_S / 1000) == MAX_REPEATS
    assert calls(2 * REPEAT_FOR_S) == MIN_REPEATS


def test_decoding_is_measured_only_if_it_is_wanted(monkeypatch):
    def decoded(_tensor):
        raise AssertionError("it was decoded")

    monkeypatch.setattr("split_wire.codec_timing.decode_tensor", decoded)
    cost = measure({"a": [(FLOATS, "float32")]}, Encoding.RAW, decodes=False, clock_s=ticking(1.0))["a"]
    assert (cost.encode_s, cost.decode_s) == (1.0, 0.0)
