"""What decodes and prepares pictures here, in words: libraries whose other versions may make other pixels."""

import platform

import av
import numpy as np
import PIL

__all__ = ["versions"]

_LIBRARIES = ("libavcodec", "libswscale")


def versions() -> str:
    """Each library with its version, and the processor, such as `PyAV 18.1.0, libavcodec 62.28.102, …, x86_64`."""
    known = {"PyAV": av.__version__}
    known |= {name: ".".join(map(str, av.library_versions[name])) for name in _LIBRARIES}
    known |= {"Pillow": PIL.__version__, "numpy": np.__version__}
    return ", ".join([*(f"{name} {version}" for name, version in known.items()), platform.machine()])
