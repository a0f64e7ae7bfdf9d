#!/usr/bin/env bash
# Batch normalisation in training mode changes its statistics, and their version counter stays.
#
# Expected: a tensor's `_version` counts its changes in place; autograd relies on it, and so may anybody who wants to know
# cheaply whether a module changed its buffers in a call.
# What happens: `running_mean` and `running_var` of a BatchNorm in training mode have new values after a forward, and
# the same `_version`. `num_batches_tracked` beside them counts. So only their values tell.
#
# Run by hand; installs torch (some 200 MB). Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/version.py" <<'PYTHON'
import platform
import sys

import torch
from torch import nn

print(f"Python {platform.python_version()}, torch {torch.__version__}")
norm = nn.BatchNorm2d(3).train()
names = ("running_mean", "running_var", "num_batches_tracked")
before = {name: (getattr(norm, name).clone(), getattr(norm, name)._version) for name in names}
with torch.no_grad():
    norm(torch.rand(4, 3, 5, 5) + 7)
told = {}
for name, (value, version) in before.items():
    now = getattr(norm, name)
    told[name] = now._version != version
    print(f"{name}: {'other' if not torch.equal(now, value) else 'the same'} values, version {version} -> {now._version}")
changed = all(not torch.equal(getattr(norm, name), value) for name, (value, _) in before.items())
untold = not told["running_mean"] and not told["running_var"]
sys.exit(0 if changed and untold and told["num_batches_tracked"] else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/version.py"
