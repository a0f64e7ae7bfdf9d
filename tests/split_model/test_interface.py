import subprocess
import sys
from pathlib import Path

import split_model


def test_all_is_sorted_and_true():
    assert split_model.__all__ == sorted(split_model.__all__)
    assert all(hasattr(split_model, name) for name in split_model.__all__)


def test_every_error_is_a_model_error():
    from split_model import errors

    found = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(value, split_model.ModelError) for value in found)
    assert {value.__name__ for value in found} <= set(split_model.__all__)
    assert all(value.__name__ in errors.__doc__ for value in found)


def test_importing_models_does_not_import_torchvision():
    program = "import sys, split_model; sys.exit('torchvision' in sys.modules)"
    root = Path(split_model.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
