#!/usr/bin/env bash
# numpy.savez silently leaves out an array that is called allow_pickle.
#
# Expected: `np.savez(file, **arrays)` writes every array of a dictionary under its name, or raises an error.
# What happens: the names of arrays share the keywords of the function. An array called `file` raises TypeError. One
# called `allow_pickle` is taken for the option: it is not written, and nothing is said. Names of tensors that come from
# somebody's network can be anything, so they need another way in: a zip file written by np.lib.format, or a prefix.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6

"$folder/venv/bin/python" - <<'PYTHON'
import io
import platform
import sys

import numpy as np

print(f"Python {platform.python_version()}, numpy {np.__version__}")
found = []
for names in (["boxes", "scores"], ["allow_pickle", "scores"], ["file", "scores"]):
    file = io.BytesIO()
    try:
        np.savez(file, **{name: np.arange(3) for name in names})
        file.seek(0)
        found.append(sorted(np.load(file).files))
    except TypeError as error:
        found.append(type(error).__name__)
    print(f"saved {names}: found {found[-1]}")
sys.exit(0 if found == [["boxes", "scores"], ["scores"], "TypeError"] else 1)
PYTHON
