#!/usr/bin/env bash
# A protobuf message that is used again keeps every value that it ever had, also behind Clear().
#
# Expected: a bytes field that is assigned again lets go of the old value; `Clear()` and `ParseFromString` into the same
# message free what was in it. So one message used for every call, as the documentation advises in C++, saves memory.
# What happens: in Python (upb) a message and all below it allocate from one arena, which only grows until the last of
# their Python objects is gone. 100 assignments of 1 MB to one field take 100 MB, and so do 100 rounds of Clear() or of
# ParseFromString. One entry that is kept of a parsed list keeps the whole list. The runtime in pure Python does none of
# this, and a new message for each call costs nothing.
#
# Run by hand, on Linux. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check protobuf==6.33.6

cat > "$folder/reuse.py" <<'PYTHON'
import platform
import sys
from pathlib import Path

import google.protobuf
from google.protobuf.internal import api_implementation
from google.protobuf.struct_pb2 import ListValue
from google.protobuf.wrappers_pb2 import BytesValue

TIMES = 100
content = bytes(1_000_000)
written = BytesValue(value=content).SerializeToString()
reused, entries = BytesValue(), ListValue()


def own_mb():
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("this system tells no anonymous memory")


def assign():
    reused.value = content


def clear():
    reused.Clear()
    reused.value = content


def delete():
    entries.values.add(string_value="x" * 1_000_000)
    del entries.values[:]


def one_of_many():
    many = ListValue()
    for _ in range(TIMES):
        many.values.add(string_value="x" * 1_000_000)
    return many.values[0]


def grown(step):
    step()
    before = own_mb()
    for _ in range(TIMES):
        step()
    return own_mb() - before


print(f"Python {platform.python_version()}, protobuf {google.protobuf.__version__} ({api_implementation.Type()})")
again = {
    "assigned again": grown(assign),
    "Clear() and assigned": grown(clear),
    "parsed into again": grown(lambda: reused.ParseFromString(written)),
    "entry added and deleted": grown(delete),
}
new = grown(lambda: BytesValue.FromString(written))
before = own_mb()
kept = one_of_many()
again[f"one of {TIMES} entries kept"] = own_mb() - before
for name, megabytes in (again | {"a new message each time": new}).items():
    print(f"  {name:<24}{megabytes:6.0f} MB")
grows = all(megabytes > 0.8 * TIMES for megabytes in again.values())
stays = all(megabytes < 0.1 * TIMES for megabytes in again.values())
sys.exit(0 if new < 0.1 * TIMES and (grows if sys.argv[1] == "grows" else stays) else 1)
PYTHON

"$folder/venv/bin/python" "$folder/reuse.py" grows
PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python "$folder/venv/bin/python" "$folder/reuse.py" stays
