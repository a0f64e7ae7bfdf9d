import pytest

import split_model


def test_layer_times_add_up_to_the_whole(alexnet):
    profile = split_model.profile(alexnet, repeats=2, warmup=1)
    assert len(profile.layer_s) == len(alexnet.graph.layers)
    assert sum(profile.layer_s) == pytest.approx(profile.whole_s)
    times = dict(zip((entry.name for entry in alexnet.graph.layers), profile.layer_s, strict=True))
    assert times.pop("image") == 0
    assert min(times.values()) > 0
    assert max(times, key=times.get).startswith(("conv2d", "linear"))


def test_progress(alexnet):
    heard = []
    split_model.profile(alexnet, repeats=2, warmup=1, on_progress=lambda done, total: heard.append((done, total)))
    assert heard == [(number, 5) for number in range(1, 6)]


def test_no_repeats(alexnet):
    with pytest.raises(split_model.ModelError, match="at least 1"):
        split_model.profile(alexnet, repeats=0)
