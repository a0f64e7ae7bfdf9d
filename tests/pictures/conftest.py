"""The corpus of odd pictures and clips."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_corpus() -> ModuleType:
    """`corpus.py`, which pytest's import mode puts on no path."""
    spec = importlib.util.spec_from_file_location("corpus_of_odd_pictures", Path(__file__).with_name("corpus.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


CORPUS = load_corpus()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives tests with the arguments `odd_still` and `odd_clip` one file each."""
    for argument, made in (("odd_still", CORPUS.stills), ("odd_clip", CORPUS.clips)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, list(made()), ids=lambda odd: odd.name)


@pytest.fixture
def corpus() -> ModuleType:
    """How to make more of them."""
    return CORPUS
