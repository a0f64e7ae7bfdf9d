import gc
import weakref

import pytest
import torch
from torch import nn

import split_model
from split_model.model import Model
from split_model.pytorch.module_model import model_of


class Diamond(nn.Module):
    def forward(self, x, y):
        a = torch.sin(x)
        b = torch.cos(a)
        c = torch.exp(a) + y
        return {"b": b * 2, "c": c, "x": x}


@pytest.fixture(scope="module")
def diamond() -> Model:
    return model_of(Diamond(), (torch.ones(3), torch.zeros(3)), name="toy:diamond")


@pytest.fixture
def values(diamond):
    x, y = diamond.example_inputs
    sine = torch.sin(x)
    return {"x": x, "y": y, "sin": sine, "cos": torch.cos(sine), "exp": torch.exp(sine)}


def test_a_tail_walks_back_to_what_it_is_given(diamond, values):
    tail = diamond.tail({"cos"}, ["b"])
    assert tail.needs == ("cos",)
    (b,) = tail.run({"cos": values["cos"]}).values()
    torch.testing.assert_close(torch.from_numpy(b), torch.cos(torch.sin(torch.ones(3))) * 2)


def test_more_feeds_than_needed_are_ignored(diamond, values):
    tail = diamond.tail(values.keys(), ["c"])
    assert tail.needs == ("y", "exp")
    garbage = values | {"x": torch.full((3,), torch.nan), "sin": torch.full((3,), torch.nan)}
    (c,) = tail.run(garbage).values()
    torch.testing.assert_close(torch.from_numpy(c), values["exp"])


def test_no_outputs_named_means_all(diamond, values):
    assert list(diamond.tail({"x", "y"}).run(values)) == ["b", "c", "x"]


def test_a_missing_tensor_is_named(diamond, values):
    with pytest.raises(split_model.MissingTensorError, match="'y'") as caught:
        diamond.tail({"x"}, ["c"])
    assert caught.value.layer == "y"
    with pytest.raises(split_model.MissingTensorError) as caught:
        diamond.tail({"cos", "exp", "y"})  # the output that is an input
    assert caught.value.layer == "x"
    with pytest.raises(split_model.MissingTensorError) as caught:
        diamond.tail({"x", "y"}).run({"x": values["x"]})
    assert caught.value.layer == "y"


def test_unknown_names(diamond):
    with pytest.raises(split_model.UnknownLayerError, match="no layer named 'nope'"):
        diamond.tail({"x", "y", "nope"})
    with pytest.raises(split_model.UnknownOutputError, match="no output 'd'; its outputs are b, c, x"):
        diamond.tail({"x", "y"}, ["d"])


def test_the_recorder_hears_of_each_layer_that_runs(diamond, values):
    heard = []
    diamond.tail({"sin", "y"}, ["c"]).run(values, lambda name, seconds: heard.append((name, seconds)))
    assert list(dict(heard)) == ["exp", "add"]
    assert all(seconds >= 0 for _, seconds in heard)


def test_a_layer_is_billed_for_what_its_thread_computes(diamond, values, monkeypatch):
    """Not for what other processes take of the core."""
    ticks = iter((0, 10, 30, 35))
    monkeypatch.setattr(split_model.engines.schedules.schedule, "compute_clock", lambda _: lambda: next(ticks))
    heard = []
    diamond.tail({"sin", "y"}, ["c"]).run(values, lambda name, seconds: heard.append((name, seconds)))
    assert heard == [("exp", 10), ("add", 20), ("add", 5)]


def test_a_failing_operator_is_named(diamond, values):
    with pytest.raises(split_model.ExecutionError, match="'add'"):
        diamond.tail({"exp", "y"}, ["c"]).run({"exp": torch.ones(3), "y": torch.ones(4)})
    with pytest.raises(split_model.ExecutionError, match="'add'"):
        diamond.tail({"exp", "y"}, ["c"]).run({"exp": torch.ones(3), "y": torch.ones(4)}, lambda *_: None)


def test_values_are_freed_after_their_last_use():
    alive = weakref.WeakSet()

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        """Counts the results that are still referenced when each operator starts."""

        most = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.most = max(self.most, len(alive))
            result = func(*args, **(kwargs or {}))
            alive.add(result)
            return result

    class Chain(nn.Module):
        def forward(self, x):
            for _ in range(20):
                x = torch.sin(x)
            return x

    model = model_of(Chain(), (torch.ones(2),), name="toy:chain")
    schedule, nodes = model.tail({"x"}).part.schedule, model.engine.node_of
    with Watch() as watch:
        schedule.run({nodes["x"]: torch.ones(2)})
    gc.collect()
    assert watch.most <= 2


def test_a_flood_of_cuts_neither_grows_the_cache_nor_evicts_what_is_used(alexnet):
    names = [entry.name for entry in alexnet.graph.layers]
    used = alexnet.tail({names[3]})
    assert alexnet.tail({names[3]}) is used
    for number in range(1000):
        extra = {name for bit, name in enumerate(names[4:]) if number >> bit & 1}
        alexnet.tail({names[3], names[-1], *extra})
    assert alexnet.tail({names[3]}) is used
    assert len(alexnet._tails) <= 128


def test_no_code_is_generated_for_a_cut(diamond):
    import linecache

    before = len(linecache.cache), len(torch.fx.graph_module._loader.eval_cache)
    for feeds in ({"x", "y"}, {"x", "y", "sin"}, {"x", "y", "exp"}):
        diamond.tail(feeds).run(dict.fromkeys(feeds, torch.ones(3)))
    assert (len(linecache.cache), len(torch.fx.graph_module._loader.eval_cache)) == before
