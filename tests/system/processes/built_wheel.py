"""A wheel of this tree, and virtual environments that hold it and what it requires, by links to what is here."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")


def run(*command, cwd):
    """Runs a command whose path holds nothing but its environment and, for Python, the folder it runs in."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def build_wheel(folder):
    built = run(*PIP, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", folder, cwd=folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("dads-*.whl")
    return wheel


def environment_of(wheel, folder):
    """The interpreter and the site-packages of a new environment that holds the wheel alone."""
    venv.create(folder, with_pip=False)
    target = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    installed = run(*PIP, "install", "--no-deps", "--target", target, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return folder / "bin" / "python", target


def link_requirements(target):
    """Puts what `pip install` of the wheel, without extras, would install into its environment: links to what is here.

    Returns:
        The names of the packages.
    """
    (wheel,) = importlib.metadata.distributions(path=[str(target)])
    here = {canonicalize_name(found.metadata["Name"]): found for found in importlib.metadata.distributions()}
    left, needed = [Requirement(text) for text in wheel.requires or ()], {}
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        extras = requirement.extras or {""}
        asked = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not asked or extras <= needed.get(name, set()):
            continue
        needed[name] = extras | needed.get(name, set())
        for text in here[name].requires or ():
            own = Requirement(text)
            if own.marker is None or any(own.marker.evaluate({"extra": extra}) for extra in needed[name]):
                own.marker = None
                left.append(own)
    for name in needed:
        for file in here[name].files or ():
            place = Path(here[name].locate_file(file.parts[0]))
            link = target / place.name
            if file.parts[0] not in {"..", "__pycache__"} and not link.exists():
                link.symlink_to(place)
    return set(needed)
