import pytest

from dads.loading import is_seeded


@pytest.mark.parametrize(
    ("spec", "weights", "seeded"),
    [
        ("torchvision:alexnet", None, True),
        ("torchvision:alexnet", "DEFAULT", False),
        ("zoo:easy_net", None, True),
        ("zoo:easy_net", "weights.safetensors", False),
        ("zoo:efficientnet_lite0", None, False),
        ("file:model.pt2", None, False),
        ("my.package:factory", None, False),
    ],
)
def test_whose_weights_are_drawn_from_a_seed(spec, weights, seeded):
    assert is_seeded(spec, weights) is seeded
