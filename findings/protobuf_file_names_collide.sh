#!/usr/bin/env bash
# Two .proto files of different packages cannot be imported into one Python process if their paths are equal.
#
# Expected: messages are told apart by their full names. Two projects that each keep `protos/split.proto`, one with
# `package one.v1;` and the other with `package two.v1;`, can be used in one process.
# What happens: the process-wide descriptor pool is keyed by the path that protoc was given as well. The second import
# raises TypeError "... duplicate file name", whatever the packages are called, and wherever the stubs were written to.
# Stubs that protoc made from a path of their own (`-I one_wire=protos one_wire/split.proto`) do not collide, although
# the file on disk is the same.
#
# Run by hand. Exits 0 while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check protobuf==6.33.6 grpcio-tools==1.81.1

for name in one two; do
  mkdir -p "$folder/$name/protos" "$folder/stubs_$name" "$folder/own"
  printf 'syntax = "proto3";\npackage %s.v1;\nmessage Frame { int32 id = 1; }\n' "$name" > "$folder/$name/protos/split.proto"
  "$folder/venv/bin/python" -m grpc_tools.protoc -I "$folder/$name" --python_out="$folder/stubs_$name" protos/split.proto
  "$folder/venv/bin/python" -m grpc_tools.protoc -I "${name}_wire=$folder/$name/protos" --python_out="$folder/own" \
    "${name}_wire/split.proto"
done

cd "$folder"
venv/bin/python -c '
import platform
import google.protobuf
from google.protobuf.internal import api_implementation
print(f"Python {platform.python_version()}, protobuf {google.protobuf.__version__} ({api_implementation.Type()})")
'
PYTHONPATH=own venv/bin/python -c '
import one_wire.split_pb2, two_wire.split_pb2
print("paths of their own: both are imported")
'
venv/bin/python -c '
import runpy, sys
runpy.run_path("stubs_one/protos/split_pb2.py")
try:
    runpy.run_path("stubs_two/protos/split_pb2.py")
except TypeError as error:
    print("equal paths: TypeError:", " ".join(str(error).split()))
    sys.exit("duplicate file name" not in str(error))
print("equal paths: both are imported. This has changed.")
sys.exit(1)
'
