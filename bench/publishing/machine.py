"""Where and when a benchmark ran: what a reader must know before comparing its numbers with others."""

import datetime as dt
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("numpy", "scipy", "networkx", "torch", "torchvision", "onnxruntime", "grpcio", "protobuf")
_CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")


def machine() -> dict[str, Any]:
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "congestion_control": _CONGESTION.read_text(encoding="ascii").strip() if _CONGESTION.exists() else "unknown",
        "versions": {package: version(package) for package in _PACKAGES},
    }


def about(data: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in data["versions"].items())
    congestion = f"; TCP {data['congestion_control']}" if "congestion_control" in data else ""
    engine = f" Heads and tails ran in {data['engine']}." if "engine" in data else ""
    return (
        f"{data['date']}; {data['processor']}, {data['cores']} cores, {data['system']}{congestion}; "
        f"Python {data['python']}, {versions}.{engine}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"
