#!/usr/bin/env bash
# A parsed protobuf message takes memory for each field that its type declares, set or not: dozens of times its bytes.
#
# Expected: a field that is not set takes nothing, as on the wire; so what a message takes follows from what is in it,
# some few times `ByteSize()`, and a limit on the bytes of a message (gRPC's is 4 MiB) is a limit on its memory.
# What happens: in upb a submessage is a struct with room for all declared fields, 16 bytes a string. A list of empty
# submessages has two bytes for each on the wire. With one string declared in them the list takes about 20 times its
# bytes, with 4 about 44 times, and with 20 about 170 times. So a new field in a .proto file, which is compatible on the
# wire, makes old messages larger in memory. Lists of numbers are better packed scalars than messages, and whoever plans
# memory counts entries, not bytes.
#
# Run by hand, on Linux. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check protobuf==6.33.6

"$folder/venv/bin/python" - <<'PYTHON'
import platform
import sys
from pathlib import Path

import google.protobuf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation

print(f"Python {platform.python_version()}, protobuf {google.protobuf.__version__} ({api_implementation.Type()})")
FIELD = descriptor_pb2.FieldDescriptorProto


def list_of_items(declared):
    """The class of: message Items { repeated Item items = 1; }, where Item declares that many strings."""
    package = f"items_{declared}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    item = file.message_type.add(name="Item")
    for number in range(1, declared + 1):
        item.field.add(name=f"text_{number}", number=number, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
    file.message_type.add(name="Items").field.add(
        name="items", number=1, type=FIELD.TYPE_MESSAGE, label=FIELD.LABEL_REPEATED, type_name=f".{package}.Item"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Items"))


def own_bytes():
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system tells no anonymous memory")


kept, times = [], []
written = b"\x0a\x00" * 500_000  # 1 MB: half a million empty items
for declared in (1, 4, 20):
    made = list_of_items(declared)
    made.FromString(written[:2])
    before = own_bytes()
    kept.append(made.FromString(written))
    times.append((own_bytes() - before) / kept[-1].ByteSize())
    print(f"strings declared: {declared:2d}, set: 0; memory: {times[-1]:.0f} times the message's 1 MB")
sys.exit(0 if times[0] > 10 and times[1] > 1.5 * times[0] and times[2] > 3 * times[1] else 1)
PYTHON
