"""The folder in which this machine keeps models and profiles: from an option, the environment, or the usual place."""

import os
from pathlib import Path


def cache_folder(given: Path | None, *, no_cache: bool) -> Path | None:
    """The folder; None to keep nothing.

    Args:
        given: The folder of the option or of DADS_CACHE_DIR, if there is one.
        no_cache: Whether nothing is kept.
    """
    if no_cache:
        return None
    if given is not None:
        return given
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base and Path(base).is_absolute():  # as the specification says of other values
        return Path(base) / "dads"
    try:
        return Path.home() / ".cache" / "dads"
    except RuntimeError:  # a user without a home
        return None
