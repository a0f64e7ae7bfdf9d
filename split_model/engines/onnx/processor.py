"""What packed weights and measured times depend on: the model file, the runtime's version, and the processor."""

import hashlib
import platform
from pathlib import Path

from split_model.engines.onnx.network import NetworkFile

__all__ = ["fingerprint"]

_FORMAT = "1"
_PROCESSOR = ("model name", "flags", "CPU part", "Features")
"""Lines of Linux's list of processors that tell which instructions there are, on x86 and ARM."""


def fingerprint(file: NetworkFile) -> str:
    """A name for the folder of a model's packed weights: equal only if these can be used again."""
    import onnxruntime  # noqa: PLC0415  # a model without this engine needs no onnxruntime

    state = file.path.stat()
    parts = (_FORMAT, file.definition.digest, onnxruntime.__version__, platform.machine(), _processor())
    digest = hashlib.sha256("\n".join((*parts, f"{state.st_size} {state.st_mtime_ns}")).encode())
    digest.update(file.network.SerializeToString(deterministic=True))
    return digest.hexdigest()[:32]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.partition("\t")[0].strip() in _PROCESSOR}))
