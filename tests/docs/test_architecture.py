"""docs/architecture.md: its picture is the code's, and its tables lead to files."""

import importlib.util
import re

import pytest


@pytest.fixture(scope="module")
def drawing(root):
    spec = importlib.util.spec_from_file_location("draw_architecture", root / "docs/draw_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_picture_is_what_the_script_draws(drawing, root):
    committed = (root / "docs/images/architecture.svg").read_text(encoding="utf-8")
    assert committed == drawing.draw(root), "run: python docs/draw_architecture.py"


def tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_rooms_imports_and_ideas_are_read_from_the_sources(drawing, tmp_path, monkeypatch):
    tree(
        tmp_path,
        {
            "upper/__init__.py": '"""Asks.\n\nMore."""\n',
            "upper/room/__init__.py": '"""A `room`."""\n',
            "upper/room/deep.py": "def later():\n    from upper.other.thing import x\n    import lower.thing\n",
            "upper/other/__init__.py": '"""Another."""\n',
            "lower/__init__.py": '"""Answers."""\n',
            "alone/not_a_package.py": "import upper\n",
        },
    )
    monkeypatch.setattr(drawing, "ROWS", ((("upper", 960),), (("lower", 960),)))
    found = drawing.read_packages(tmp_path)
    assert found["upper"].idea == "Asks."
    assert found["upper"].uses == {"lower"}
    assert found["lower"].uses == frozenset()
    assert found["upper"].rooms == (
        drawing.Room("other", "Another.", ()),
        drawing.Room("room", "A room.", ("other",)),
    )
    assert drawing.arrows(found) == [("upper", "lower")]


def test_an_arrow_that_others_imply_is_left_out(drawing):
    packages = {
        name: drawing.Package(name, "", (), frozenset(uses)) for name, uses in {"a": "bc", "b": "c", "c": ""}.items()
    }
    assert drawing.arrows(packages) == [("a", "b"), ("b", "c")]


def test_a_package_that_the_picture_lacks_is_an_error(drawing, tmp_path):
    tree(tmp_path, {"surprise/__init__.py": '"""Unexpected."""\n'})
    with pytest.raises(ValueError, match="surprise"):
        drawing.read_packages(tmp_path)


def test_an_import_that_points_up_is_an_error(drawing, tmp_path, monkeypatch):
    tree(tmp_path, {"upper/__init__.py": '"""Asks."""\n', "lower/__init__.py": '"""Answers."""\nimport upper\n'})
    monkeypatch.setattr(drawing, "ROWS", ((("upper", 960),), (("lower", 960),)))
    monkeypatch.setattr(drawing, "FILLS", ("#fff", "#fff"))
    monkeypatch.setattr(drawing, "BY_NAME", ())
    with pytest.raises(ValueError, match="lower imports upper"):
        drawing.draw(tmp_path)


def test_every_way_to_change_something_leads_to_files_that_exist(root):
    page = (root / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("\n## I want to …\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for wish, places in rows:
        paths = re.findall(r"`([\w./*-]+)`", places)
        assert paths, wish
        assert [path for path in paths if not list(root.glob(path))] == [], wish
