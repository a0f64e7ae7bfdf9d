import pytest
import torch
from torch import nn

import split_model
from split_model.pytorch.module_model import model_of


def refuse(module, *inputs, match):
    with pytest.raises(split_model.UnsupportedModelError, match=match):
        model_of(module, inputs, name="toy")


def test_random_models_are_refused():
    class Noise(nn.Module):
        def forward(self, x):
            return x + torch.rand(2)

    refuse(Noise(), torch.ones(2), match="draws random numbers")
    refuse(nn.Dropout().train(), torch.ones(2), match="draws random numbers")


def test_models_that_keep_state_are_refused():
    refuse(nn.BatchNorm1d(2).train(), torch.ones(3, 2), match="changes its buffers .*running_mean.*training mode")


def test_control_flow_on_values_is_refused():
    class Branch(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    refuse(Branch(), torch.ones(2), match="torch.export cannot trace the model")


def test_shapes_that_depend_on_values_are_refused():
    class Found(nn.Module):
        def forward(self, x):
            return x.nonzero() * 2

    refuse(Found(), torch.ones(2), match="depends on values")


def test_dtypes_that_cannot_be_sent_are_refused():
    class Unsigned(nn.Module):
        def forward(self, x):
            return x.to(torch.uint16).float() * 2

    refuse(Unsigned(), torch.ones(4), match="makes uint16 tensors, which cannot be sent")


def test_constant_models_are_refused():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.zeros_like(x)

    refuse(Constant(), torch.ones(2), match="nothing to split")


def test_no_grad_inside_a_model():
    class NoGrad(nn.Module):
        def forward(self, x):
            with torch.no_grad():
                y = x * 2
            return y + 1

    model = model_of(NoGrad(), (torch.ones(2),), name="toy")
    head, tail = model.split(frozenset({"x"}))
    assert tail(head(torch.ones(2))).tolist() == [3, 3]


def test_inputs_only():
    model = model_of(nn.Identity(), (torch.ones(2),), name="toy")
    head, tail = model.split(frozenset(entry.name for entry in model.graph.layers))
    assert len(model.graph.layers) == 1
    assert tail(head(torch.ones(2))).tolist() == [1, 1]


def test_unused_inputs_are_layers():
    class Ignores(nn.Module):
        def forward(self, x, y):
            return x * 2

    model = model_of(Ignores(), (torch.ones(2), torch.ones(3)), name="toy")
    assert [entry.name for entry in model.graph.layers] == ["x", "y", "mul"]
    head, tail = model.split(frozenset({"x", "y"}))
    assert tail(head(torch.ones(2), torch.ones(3))).tolist() == [2, 2]
