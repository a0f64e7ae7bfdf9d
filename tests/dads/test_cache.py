from pathlib import Path

import pytest

from dads.cache import cache_folder


@pytest.mark.parametrize(
    ("given", "no_cache", "xdg", "folder"),
    [
        (Path("/a"), False, "/x", Path("/a")),
        (None, False, "/x", Path("/x/dads")),
        (None, False, "", Path("/home/me/.cache/dads")),
        (None, False, "relative", Path("/home/me/.cache/dads")),
        (Path("/a"), True, "/x", None),
    ],
)
def test_where_this_machine_keeps_things(monkeypatch, given, no_cache, xdg, folder):
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert cache_folder(given, no_cache=no_cache) == folder


def test_a_user_without_a_home_keeps_nothing(monkeypatch):
    def homeless():
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder(None, no_cache=False) is None
