import pytest
import torch
from torch import nn

import split_model
from split_model.pytorch.kept_model import write_model


def test_what_cannot_be_written_is_an_error_of_the_system(tmp_path):
    """As of any other file: whoever keeps traces goes on without."""
    model = split_model.model_of(nn.ReLU(), (torch.ones(2),), name="relu")
    with pytest.raises(OSError, match="No such file"):
        write_model(tmp_path / "missing" / "trace", model)
