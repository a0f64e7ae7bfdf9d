import subprocess
import sys
from pathlib import Path

import models


def test_all_is_sorted_and_true():
    assert models.__all__ == sorted(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)


def test_every_error_is_a_model_error():
    from models import errors

    found = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(value, models.ModelError) for value in found)
    assert {value.__name__ for value in found} <= set(models.__all__)
    assert all(value.__name__ in errors.__doc__ for value in found)


def test_importing_models_does_not_import_torchvision():
    program = "import sys, models; sys.exit('torchvision' in sys.modules)"
    root = Path(models.__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
