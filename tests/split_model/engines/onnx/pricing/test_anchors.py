import pytest
from hypothesis import given
from hypothesis import strategies as st

from split_model.engines.onnx.engine import OnnxEngine
from split_model.engines.onnx.pricing.anchors import anchors, priced


@given(st.data())
def test_prices_are_not_negative_and_add_up_to_the_whole_whatever_was_measured(data):
    weights = data.draw(st.lists(st.floats(0, 1), min_size=1, max_size=12))
    places = sorted(data.draw(st.sets(st.integers(1, len(weights)), max_size=len(weights) - 1)) - {len(weights)})
    shares = [data.draw(st.floats(0, 1)) for _ in places]
    prices = priced(weights, places, shares, 3.0)
    assert len(prices) == len(weights)
    assert min(prices) >= 0
    assert sum(prices) == pytest.approx(3.0)


def test_layers_before_an_anchor_cost_its_share():
    prices = priced([1, 1, 0, 4, 1], [2, 4], [0.5, 0.8], 10.0)
    assert prices == pytest.approx((2.5, 2.5, 0.0, 3.0, 2.0))


def test_layers_without_times_share_evenly():
    assert priced([0, 0, 1], [2], [0.5], 2.0) == pytest.approx((0.5, 0.5, 1.0))


def test_an_anchor_is_where_few_values_cross(tiny):
    """`scaled` and `halves` cross together, so no anchor is behind `scaled`."""
    names = [entry.name for entry in tiny.definition.graph.layers]
    weights = [{"picture": 0.0, "halves": 3.0, "scaled": 0.1, "fc": 4.0}.get(name, 1.0) for name in names]
    places = anchors(tiny.definition, weights)
    assert names.index("scaled") in places
    assert names.index("scaled") + 1 not in places
    assert all(0 < place < len(names) for place in places)


def test_without_times_there_are_no_anchors(tiny):
    assert anchors(tiny.definition, [0.0] * len(tiny.definition.graph)) == ()


def test_a_profile_packs_only_the_whole_model(tiny, tmp_path):
    """Splits that are measured are seldom those that are used, and packing takes longer than measuring."""
    engine = OnnxEngine(tiny, folder=tmp_path)
    engine.measure(tiny.feeds, repeats=1, warmup=0, on_progress=None)
    assert len(list(tmp_path.rglob("*.part"))) == 1
    engine.prepare([tiny.whole])
    engine.close()
    assert len(list(tmp_path.rglob("*.part"))) == 1


def test_a_profile_prices_every_layer_and_tells_its_progress(tiny):
    steps = []
    engine = OnnxEngine(tiny)
    profile = engine.measure(
        tiny.feeds, repeats=2, warmup=1, on_progress=lambda done, total: steps.append((done, total))
    )
    engine.close()
    assert len(profile.layer_s) == len(tiny.definition.graph)
    assert profile.layer_s[0] == 0  # an input
    assert min(profile.layer_s) >= 0
    assert sum(profile.layer_s) == pytest.approx(profile.whole_s)
    assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
    assert {total for _, total in steps} == {len(steps)}
    assert not engine.ready_specs()
