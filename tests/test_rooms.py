"""The house stays in order: small folders, and modules that say their idea in their first line."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSE = (
    *("split_wire", "partitioner", "split_model", "models", "cloud_service", "edge_service", "link_emulator", "dads"),
    *("pictures", "bench", "chaos", "deploy", "tests"),
)
MOST_MODULES = 15


def modules(*folders):
    """Every module written by hand; stubs that protoc writes do not count, nor do packages' own files."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if not path.stem.endswith(("_pb2", "_pb2_grpc"))]


def first_line(path):
    """Of the module's docstring; empty where there is none."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def test_no_folder_has_more_than_a_reader_can_keep_in_mind():
    rooms = defaultdict(list)
    for path in modules(*HOUSE):
        if path.stem != "__init__":
            rooms[path.parent.relative_to(ROOT)].append(path.name)
    crowded = {str(room): len(names) for room, names in rooms.items() if len(names) > MOST_MODULES}
    assert crowded == {}


def test_every_module_says_its_idea_in_its_first_line():
    silent = [str(path.relative_to(ROOT)) for path in modules(*HOUSE[:-1]) if len(first_line(path).split()) < 3]
    assert silent == []


def test_no_two_modules_have_the_same_idea():
    ideas = Counter(first_line(path) for path in modules(*HOUSE[:-1]))
    assert [idea for idea, count in ideas.items() if count > 1] == []


def test_a_folder_with_modules_is_a_package_or_holds_scripts_or_tests():
    folders = {
        path.parent for path in modules(*HOUSE) if path.parent.relative_to(ROOT).parts[0] not in ("deploy", "tests")
    }
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
