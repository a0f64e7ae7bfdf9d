"""Makes `random_graphs` importable: under importlib mode pytest puts no test folder on the path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
