import numpy as np
import torch

from chaos.camera_runs.numbers_model import SIDE, make
from chaos.cameras.film import painted


def run(luma):
    net, (example,), read = make()
    image = torch.from_numpy(np.repeat(luma[None], 3, axis=0)[None].copy())
    assert image.shape == example.shape
    with torch.inference_mode():
        return read(net(image))


def test_the_model_reads_the_number_and_notices_other_pixels():
    luma = painted(4711, SIDE, SIDE)[:SIDE]
    seen = run(luma)
    assert seen["picture"] == 4711
    assert len(seen["features"]) == 8
    other = luma.copy()
    other[0, 0] ^= 0xFF  # outside the number's squares
    assert run(other)["picture"] == 4711
    assert run(other)["features"] != seen["features"]
    assert run(luma)["features"] == seen["features"], "the same weights each time"


def test_it_says_why_no_number_can_be_read():
    seen = run(np.full((SIDE, SIDE), 90, np.uint8))
    assert seen["picture"] is None
    assert "no number" in seen["why"]
