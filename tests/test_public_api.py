"""What each package promises: a sorted `__all__` whose names exist, and an import that does nothing else."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = (
    "split_wire",
    "partitioner",
    "pictures",
    "split_model",
    "models",
    "cloud_service",
    "edge_service",
    "link_emulator",
    "dads",
)
WITHOUT_TORCH = ("split_wire", "partitioner", "pictures", "link_emulator", "dads", "dads.app")


def isort_key(name):
    """The order of ruff's RUF022: constants, then classes, then the rest."""
    rank = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return rank, name


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_without_repeats(package):
    names = importlib.import_module(package).__all__
    assert list(names) == sorted(set(names), key=isort_key)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_in_all_exists(package):
    module = importlib.import_module(package)
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert missing == []


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_importing_does_not_load_torch(package):
    done = run_python(f"import sys, {package}; sys.exit('torch' in sys.modules)")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_prints_nothing_and_starts_no_thread(package):
    done = run_python(f"import threading, {package}; print(threading.active_count())")
    assert (done.stdout, done.stderr) == ("1\n", "")
