#!/usr/bin/env bash
# torch.export merges example inputs that are one tensor, and the exported program then computes another function.
#
# Expected: example inputs stand for shapes and dtypes. A network of two pictures (Siamese) that is exported with one
# example tensor given twice computes left - 2 * right for any two tensors of that shape; or else the export, or a call
# with two different tensors, raises an error.
# What happens: both placeholders are there, but every use of the first reads the second. The program called with two
# different tensors returns right - 2 * right, without an error or a warning. With two equal, separate example tensors
# it is right.
#
# Run by hand; installs torch (some 200 MB). Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/siamese.py" <<'PYTHON'
import platform
import sys

import torch
from torch import nn


class Difference(nn.Module):
    def forward(self, left, right):
        return left - 2 * right


print(f"Python {platform.python_version()}, torch {torch.__version__}")
example = torch.ones(3)
left, right = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 20.0, 30.0])
wanted = Difference()(left, right)
print("the module:                     ", wanted.tolist())
apart = torch.export.export(Difference(), (example, example.clone())).module()(left, right)
print("exported with two tensors:      ", apart.tolist())
try:
    merged = torch.export.export(Difference(), (example, example)).module()(left, right)
except Exception as error:
    print(f"exported with one tensor, twice: {type(error).__name__}")
    sys.exit(1)
print("exported with one tensor, twice:", merged.tolist())
sys.exit(0 if torch.equal(apart, wanted) and not torch.equal(merged, wanted) else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/siamese.py"
