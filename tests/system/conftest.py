"""Clouds as real processes; and the modules of `processes` made importable: tests are not a package."""

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "processes"))

from built_wheel import build_wheel  # found by the line above
from dads_process import DadsProcess, start_cloud


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running `dads cloud` that serves `zoo:easy_net`."""

    process: DadsProcess
    address: str
    metrics_url: str


@contextmanager
def serving(*arguments):
    listen = ("--listen", "127.0.0.1:0", "--metrics-port", "0", "--threads", "1")
    process, address = start_cloud("--model", "zoo:easy_net", *listen, *arguments)
    with process:
        line = process.line(lambda line: line.startswith("metrics on "))
        yield Cloud(process, address, line.removeprefix("metrics on "))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """This tree as a wheel."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def cloud():
    """One cloud for all tests that only ask it."""
    with serving() as cloud:
        yield cloud


@pytest.fixture
def torch_cloud():
    """A cloud whose engine is torch."""
    with serving("--engine", "torch") as cloud:
        yield cloud


@pytest.fixture
def own_cloud():
    """A cloud that the test may stop."""
    with serving("--log-format", "json") as cloud:
        yield cloud
