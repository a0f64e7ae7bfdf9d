"""How large the packages are that `pip install .` brings, by those that are installed here."""

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["installed_bytes"]


def installed_bytes(project: Path) -> dict[str, int]:
    """The bytes on disk of each package that a project needs, its own code left out.

    Args:
        project: The folder with its `pyproject.toml`.

    Raises:
        PackageNotFoundError: One of them is not installed here.
    """
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    found: dict[str, int] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    wanted = [(Requirement(text), frozenset({""})) for text in declared]
    while wanted:
        requirement, asked = wanted.pop()
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": each}) for each in asked):
            continue
        name, extras = canonicalize_name(requirement.name), frozenset({"", *requirement.extras})
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        distribution = metadata.distribution(name)
        found[name] = sum(_on_disk(Path(str(file.locate()))) for file in distribution.files or ())
        wanted += [(Requirement(text), extras) for text in distribution.requires or ()]
    return found


def _on_disk(path: Path) -> int:
    return 512 * path.stat().st_blocks if path.is_file() else 0
