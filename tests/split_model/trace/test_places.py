import pytest
import torch
from torch import nn

import split_model
from split_model.pytorch.module_model import model_of

IMAGE = torch.ones(1, 3, 8, 8)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.relu(self.bn(self.conv(x))) + x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(Block(3), Block(3))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.linear = nn.Linear(8, 2)

    def forward(self, image):
        tokens = self.backbone(image).flatten(2)[:, :, :8]
        mixed, _ = self.attention(tokens, tokens, tokens)
        return torch.cat([self.linear(mixed), self.linear(tokens)], 1)


def made(module, *inputs):
    return model_of(module.eval(), inputs or (IMAGE,), name="toy")


def test_layers_are_named_by_the_modules_that_call_them():
    model = made(Net())
    places = list(model.places.values())
    assert list(model.places) == [layer.name for layer in model.graph.layers]
    assert places[:9] == [
        "image",
        *("backbone.0.conv", "backbone.0.relu", "backbone.0.add", "backbone.0.relu#2"),
        *("backbone.1.conv", "backbone.1.relu", "backbone.1.add", "backbone.1.relu#2"),
    ]
    assert places[-3:] == ["linear", "linear#2", "cat"]
    assert {"attention.linear", "attention.linear#2", "attention.softmax"} < set(places)
    assert len(set(places)) == len(places)


def test_a_merged_batch_norm_has_the_convolutions_place():
    model = made(Net())
    assert model.places["_native_batch_norm_legit_no_training"] == "backbone.0.conv"


def test_a_lone_batch_norm_has_its_own_place_and_none_torchs_name():
    assert list(made(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())).places.values()) == ["input", "0", "1"]

    class Bare(nn.Module):
        def forward(self, x):
            return nn.functional.batch_norm(x, torch.zeros(3), torch.ones(3))

    assert list(made(Bare()).places.values()) == ["x", "batch_norm"]


def test_an_exported_file_keeps_the_places(tmp_path):
    net = Net().eval()
    torch.export.save(torch.export.export(net, (IMAGE,)), tmp_path / "net.pt2")
    assert split_model.load(f"file:{tmp_path / 'net.pt2'}").places == made(net).places


@pytest.mark.parametrize("spec", ["zoo:easy_net"])
def test_a_network_by_name_is_not_seen_through_its_wrapper(spec):
    assert list(split_model.load(spec).places.values()) == [
        *("image", "_to_copy", "sub", "div"),  # the wrapper's own
        *("stem", "left", "right", "cat"),
    ]
