"""The package as a whole: what it exports, and the examples in its docstrings."""

import doctest
import importlib
import pkgutil

import pytest

import partitioner

MODULES = ["partitioner", *(module.name for module in pkgutil.walk_packages(partitioner.__path__, "partitioner."))]


def test_all_is_sorted_and_complete():
    assert partitioner.__all__ == sorted(partitioner.__all__)
    for name in partitioner.__all__:
        assert getattr(partitioner, name).__doc__


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_there_are_examples():
    assert sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES) > 20
