"""Plain operators are there from the moment that anybody imports torchvision, however late."""

import importlib
import sys

import pytest

from split_model.pytorch import torchvision_import


@pytest.fixture
def late(tmp_path, monkeypatch):
    """A module that nobody has imported yet."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    file = tmp_path / "imported_late.py"
    file.write_text("value = 1\n")
    yield file
    sys.modules.pop(file.stem, None)


def test_a_function_is_called_once_a_module_has_been_imported(late):
    found = []
    sys.meta_path.insert(0, torchvision_import._Then(late.stem, lambda: found.append(sys.modules[late.stem].value)))
    importlib.import_module("wave")
    assert not found
    module = importlib.import_module(late.stem)
    assert found == [1]
    assert module.__loader__.get_filename() == module.__file__ == str(late)
    assert not any(
        isinstance(finder, torchvision_import._Then) and finder._name == late.stem for finder in sys.meta_path
    )
    importlib.reload(module)
    assert found == [1]


def test_a_module_that_is_missing_or_fails_does_so_as_ever(late):
    late.write_text("raise ValueError('broken')\n")
    called = []
    for name, error in ((late.stem, ValueError), ("no_such_module_at_all", ModuleNotFoundError)):
        sys.meta_path.insert(0, torchvision_import._Then(name, lambda: called.append(1)))
        with pytest.raises(error):
            importlib.import_module(name)
    assert not called
