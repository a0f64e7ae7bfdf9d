import pytest
import torch
from torch import nn

from split_model.arguments import Arguments
from split_model.faithful.reference import Reference

CPU = torch.device("cpu")


class Keeps(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.drop = nn.Linear(2, 2), nn.Dropout()
        self.kept = None
        self.calls = []

    def forward(self, x, *, scale):
        self.calls.append((self.training, self.drop.training))
        self.kept = self.linear(x) * 2
        x.add_(1)
        return {"y": self.kept * scale}

    def train(self, mode=True):
        """As adapters do that merge their weights in evaluation mode."""
        self.calls.append(mode)
        return super().train(mode)


def test_the_module_itself_runs_as_its_owner_would_run_it():
    module = Keeps()
    module.drop.eval()
    reference = Reference(module, Arguments(("scale",)), CPU)
    with torch.inference_mode():
        found = reference((torch.ones(2), 3.0))["y"]
    assert module.calls == [(True, False)]
    assert not module.kept.is_inference()
    assert not found.requires_grad
    (module.kept * module.linear.weight).sum().backward()


@pytest.mark.parametrize("fails", [False, True])
def test_evaluation_mode_is_only_for_the_run(fails):
    module = Keeps()
    module.drop.eval()
    reference = Reference(module, Arguments(("scale",)), CPU, evaluate=True)
    if fails:
        with pytest.raises(RuntimeError):
            reference((torch.ones(3), 3.0))
    else:
        reference((torch.ones(2), 3.0))
    assert module.calls == [False, (False, False), True]
    assert module.training
    assert module.linear.training
    assert not module.drop.training
