import hashlib

import pytest
import torch
from torch import nn

from models import torchvision_models, weights, zoo
from models.weights import NoRandomInit, seed


def test_building_without_random_numbers_leaves_none_behind():
    before = torch.random.get_rng_state()
    with NoRandomInit():
        module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.MultiheadAttention(4, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(module[0].weight, torch.zeros(4, 3))
    assert torch.equal(module[1].weight, torch.ones(4))


def test_the_first_numbers_are_those_of_the_definition():
    """Recomputed without numpy's generator's help beyond its raw stream, in exact arithmetic."""
    import numpy as np

    module = nn.Linear(4, 2)
    seed(module)
    start = int.from_bytes(hashlib.sha256(b"weight").digest()[:8], "little")
    data = b"".join(int(word).to_bytes(8, "little") for word in np.random.PCG64(start).random_raw(2))
    numbers = [int.from_bytes(data[i : i + 2], "little", signed=True) for i in range(0, 16, 2)]
    scale = float(torch.tensor((6 / 4) ** 0.5 / 2**15, dtype=torch.float32))
    assert module.weight.flatten().tolist() == [
        float(torch.tensor(n * scale, dtype=torch.float64).float()) for n in numbers
    ]


def test_weights_do_not_depend_on_other_layers_or_block_size(monkeypatch):
    one, other = nn.Linear(300, 500), nn.ModuleDict({"first": nn.Linear(7, 7), "weight": nn.Linear(1, 1)})
    seed(one)
    seed(other)
    again = nn.Linear(300, 500)
    monkeypatch.setattr(weights, "_BLOCK", 4 * 300)
    seed(again)
    assert torch.equal(one.weight, again.weight)
    assert float(one.weight.detach().mean(1).abs().max()) < 1e-4
    assert float(one.weight.detach().std()) == pytest.approx((2 / 300) ** 0.5, rel=0.02)


def pictures(size):
    generator = torch.Generator().manual_seed(3)
    for cells in (4, 16, 64):
        small = torch.rand(1, 3, cells, cells, generator=generator)
        yield (nn.functional.interpolate(small, size=(size, size), mode="bilinear") * 255).to(torch.uint8)


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "squeezenet1_1", "mobilenet_v2", "densenet121"])
def test_seeded_outputs_are_finite_and_tell_inputs_apart(name):
    source = torchvision_models.build(name, None)
    with torch.inference_mode():
        outputs = [source.module(picture)[0] for picture in pictures(source.example_inputs[0].shape[2])]
    assert all(torch.isfinite(output).all() for output in outputs)
    assert len({int(output.argmax()) for output in outputs}) >= 2
    for output in outputs:
        assert 1e-3 < float(output.std()) < 1e3
        best, second = output.topk(2).values
        assert best > second


@pytest.mark.parametrize("name", ["resnet101", "regnet_x_3_2gf", "efficientnet_v2_s"])
def test_seeded_deep_stacks_do_not_amplify_rounding(name):
    """Else no two ways to compute the model agree, and nothing could tell a wrong tail from a right one."""
    source = torchvision_models.build(name, None)
    with torch.inference_mode():
        rounded = source.module(source.example_inputs[0])
        exact = source.module.double()(source.example_inputs[0])
    assert float((rounded - exact).abs().max()) < 1e-5 * float(exact.abs().max())


def test_real_weights_know_what_they_see():
    source = zoo.build("efficientnet_lite0", None)
    with torch.inference_mode():
        scores = source.module(source.example_inputs[0])[0].softmax(0)
    assert float(scores.max()) > 0.02  # of 1000 classes; random weights give about 0.001
    assert len(source.labels) == 1000
    assert source.labels[0] == "tench"
