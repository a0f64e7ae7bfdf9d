#!/usr/bin/env bash
# After torch.export the caller's own module can return fake tensors, for good.
#
# Expected: an export reads a module and leaves it as it was: what forward assigns to attributes is restored. So a
# network that keeps its grid of anchors from the first call on works afterwards as before.
# What happens: only attributes that the module had before are restored. If the first call is that of the export, a
# tensor kept in a new attribute (with a warning, which does not say this), in a class attribute, or behind
# functools.lru_cache (without a warning) stays a FakeTensor. Every later eager call of the caller's module then returns
# a FakeTensor without data, and no error is raised until somebody reads a number. Many detectors keep grids and
# strides so. One eager call before the export avoids it.
#
# Run by hand; installs torch (some 200 MB). Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6

cat > "$folder/grids.py" <<'PYTHON'
import functools
import platform
import sys

import torch
from torch import nn


class KeepsInItself(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if not hasattr(self, "grid"):
            self.grid = 2 * torch.arange(3.0)
        return x + self.grid


class KeepsInItsClass(nn.Module):
    grid = None

    def forward(self, x):
        if KeepsInItsClass.grid is None:
            KeepsInItsClass.grid = 2 * torch.arange(3.0)
        return x + KeepsInItsClass.grid


@functools.lru_cache
def grid(count):
    return 2 * torch.arange(float(count))


class KeepsInACache(nn.Module):
    def forward(self, x):
        return x + grid(3)


def forget():
    KeepsInItsClass.grid = None
    grid.cache_clear()


print(f"Python {platform.python_version()}, torch {torch.__version__}")
x, found = torch.ones(3), []
for kind in (KeepsInItself, KeepsInItsClass, KeepsInACache):
    forget()
    first = kind()
    first(x)
    torch.export.export(first, (x,))
    eager_before = type(first(x)).__name__
    forget()
    module = kind()
    torch.export.export(module, (x,))
    if getattr(module, "calls", 0) != 0:
        sys.exit("an attribute that the module had is not restored any more")
    exported_first = type(module(x)).__name__
    print(f"{kind.__name__}: called, exported, called: {eager_before}; exported, called: {exported_first}")
    found.append((eager_before, exported_first) == ("Tensor", "FakeTensor"))
sys.exit(0 if all(found) else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/grids.py"
