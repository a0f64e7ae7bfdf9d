import threading

import pytest
import torch
from torch import nn

from split_model.engines.schedules.compiled import CompiledHeads, CompiledSchedule, module_of
from split_model.model import Model
from split_model.pytorch.module_model import model_of

IMAGE = torch.linspace(-1, 1, 3 * 64).reshape(1, 3, 8, 8)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        y = torch.relu(self.norm(self.a(x)))
        low, _ = y.flatten(1).sort()
        values, places = torch.topk(low, 3)
        return self.b(y), values + 1, places


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(Network().eval(), (IMAGE,), name="toy")


@pytest.fixture
def edge(model):
    return frozenset(entry.name for entry in model.graph.layers)


class Compiler:
    """Stands for torch.compile: gives the module itself, when it is allowed to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.may_finish = threading.Event()
        self.modules: list[nn.Module] = []

    def __call__(self, module, examples):
        assert self.may_finish.wait(60)
        if self.error is not None:
            raise self.error
        self.modules.append(module)
        return module


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def test_the_plain_head_serves_until_the_compiled_one_is_ready(model, edge):
    compiler = Compiler()
    heads = CompiledHeads(model, after_frames=3, compile_function=compiler)
    plain, _ = model.split(edge)
    expected = plain(IMAGE)
    for _ in range(5):
        assert heads.head(edge) is plain
    assert not heads.wait(0)
    compiler.may_finish.set()
    assert heads.wait(60)
    ready = heads.head(edge)
    assert isinstance(ready.part.schedule, CompiledSchedule)
    assert_equal(ready(IMAGE), expected)
    with torch.inference_mode():
        assert_equal(ready(IMAGE.clone()), expected)
    assert len(compiler.modules) == 1


def test_layers_can_still_be_timed(model, edge):
    compiler = Compiler()
    compiler.may_finish.set()
    heads = CompiledHeads(model, after_frames=1, compile_function=compiler)
    heads.head(edge)
    assert heads.wait(60)
    heard = []
    heads.head(edge).run((IMAGE,), lambda name, _: heard.append(name))
    assert "relu" in heard


def test_a_split_that_does_not_stay_is_not_compiled(model, edge):
    heads = CompiledHeads(model, after_frames=2, compile_function=Compiler())
    other = frozenset({"x"})
    for _ in range(5):
        heads.head(edge)
        heads.head(other)
    assert heads.wait(0)


def test_nothing_is_compiled_where_nothing_runs(model):
    heads = CompiledHeads(model, after_frames=1, compile_function=Compiler())
    heads.head(frozenset({"x"}))
    assert heads.wait(0)


def test_only_so_many(model):
    compiler = Compiler()
    compiler.may_finish.set()
    heads = CompiledHeads(model, after_frames=1, most=2, compile_function=compiler)
    names = [entry.name for entry in model.graph.layers]
    for count in (2, 3, 4, 5):
        heads.head(frozenset(names[:count]))
        assert heads.wait(60)
    assert len(compiler.modules) == 2


@pytest.mark.filterwarnings("default")
def test_a_compiler_that_fails_is_told_of_once(model, edge, recwarn):
    compiler = Compiler(RuntimeError("no g++\nand more"))
    compiler.may_finish.set()
    heads = CompiledHeads(model, after_frames=1, compile_function=compiler)
    plain, _ = model.split(edge)
    for _ in range(3):
        assert heads.head(edge) is plain
        assert heads.wait(60)
    heads.head(frozenset(list(model.layer_specs)[:3]))
    assert heads.wait(60)
    (warning,) = [str(found.message) for found in recwarn if found.category is RuntimeWarning]
    assert "RuntimeError: no g++)" in warning


@pytest.mark.filterwarnings("default")
def test_wrong_code_is_not_used(model, edge, recwarn):
    class Wrong(Compiler):
        def __call__(self, module, examples):
            return lambda *values: tuple(self.wrong(value) for value in module(*values))

        @staticmethod
        def wrong(value):
            return tuple(part + 1 for part in value) if isinstance(value, tuple) else value + 1

    heads = CompiledHeads(model, after_frames=1, compile_function=Wrong())
    plain = heads.head(edge)
    assert heads.wait(60)
    assert heads.head(edge) is plain
    assert any("other values" in str(found.message) for found in recwarn)


def test_a_module_of_every_head(model, closed_sets):
    trace, nodes = model.engine.plain_trace(), model.engine.node_of
    for edge in closed_sets(model.graph):
        head, _ = model.split(edge)
        schedule = head.part.schedule
        feed = {nodes[spec.layer]: IMAGE for spec in model.inputs}
        expected = schedule.run(feed)
        found = module_of(trace, schedule)(*(feed[index] for index in schedule.feeds))
        for index, value in zip(schedule.wanted, found, strict=True):
            torch.testing.assert_close(value, expected[index], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")
def test_torch_compile_itself(model, edge, recwarn):
    heads = CompiledHeads(model, after_frames=1)
    plain = heads.head(edge)
    expected = plain(IMAGE)
    assert heads.wait(500)
    ready = heads.head(edge)
    refused = [str(found.message) for found in recwarn if "cannot be compiled" in str(found.message)]
    assert isinstance(ready.part.schedule, CompiledSchedule) or refused
    assert_equal(ready(IMAGE), expected)
