import json
import subprocess
import sys

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


def test_full_collections_pass_over_what_was_loaded():
    """In a process of its own: what is frozen stays so."""
    script = """
import gc, json
from dads.loading import load_model
model = load_model("zoo:easy_net")
print(json.dumps([gc.get_freeze_count(), len(gc.get_objects())]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    frozen, watched = json.loads(done.stdout)
    assert watched < frozen / 20
