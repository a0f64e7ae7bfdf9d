"""Print the packages that extras of pyproject.toml need, for an image whose dependencies are a layer of their own.

python requirements.py [EXTRA ...]   # what the project needs and what these extras add; one a line
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def needed(project: dict[str, Any], extras: list[str]) -> Iterator[str]:
    """The project's own requirements, and those of its extras; an extra may name others of this project."""
    yield from project["dependencies"]
    left, seen = list(extras), set()
    while left:
        extra = left.pop(0)
        if extra in seen:
            continue
        seen.add(extra)
        for requirement in project["optional-dependencies"][extra]:
            own = re.fullmatch(rf"{project['name']}\[([\w,-]+)\]", requirement)
            if own:
                left += own[1].split(",")
            else:
                yield requirement


if __name__ == "__main__":
    read = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{requirement}\n" for requirement in needed(read["project"], sys.argv[1:]))
