#!/usr/bin/env bash
# A bilinear resize that torch.onnx exports computes other numbers than torch, at scales that are no exact floats.
#
# Expected: `interpolate(size=..., mode="bilinear")` has an ONNX operator, Resize, with the same coordinates
# (`pytorch_half_pixel`). So the two differ by rounding, some 1e-7 of the picture's scale.
# What happens: they differ by 1e-5 and more, a hundred times as much, because the coordinates do. torch multiplies the
# place by the scale and subtracts one half in one fused step, rounded once; Resize divides by a float32 scale and rounds
# each step. At the far end of a row of 1000 pixels the last bit of a place is worth 6e-5 of a pixel. Scales that floats
# hold exactly, such as 2 and 1/2, agree.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not. Downloads torch.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy==2.4.6

"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import io
import platform
import sys

import onnxruntime
import torch

print(f"Python {platform.python_version()}, torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}")


class Resized(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, picture):
        return torch.nn.functional.interpolate(picture, size=self.size, mode="bilinear")


def away(size):
    picture = torch.randn(1, 3, 480, 640, generator=torch.Generator().manual_seed(0))
    written = io.BytesIO()
    torch.onnx.export(Resized(size).eval(), (picture,), dynamo=True, verbose=False, input_names=["x"]).save(written)
    session = onnxruntime.InferenceSession(written.getvalue(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": picture.numpy()})
    expected = Resized(size)(picture)
    off = float((torch.from_numpy(found) - expected).abs().max() / expected.abs().max())
    print(f"480 x 640 to {size[0]} x {size[1]}: off by {off:.1e} of the largest value")
    return off


inexact, exact = away((800, 1066)), away((960, 1280))
sys.exit(0 if inexact > 1e-5 > 2e-6 > exact else 1)
PYTHON
