"""Pages name only what exists, and their lines can be read beside code."""

import ast
import re

import pytest

PACKAGES = (
    "split_wire", "partitioner", "pictures", "split_model", "models", "cloud_service", "edge_service", "link_emulator",
    "dads", "bench", "chaos", "protos",
)  # fmt: skip
WIDTH = 140
CODE = re.compile(r"``?([^`\n]+)``?")
PATH = re.compile(r"(?:[\w.*-]+/)+[\w.*-]*")
DOTTED = re.compile(rf"\b(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"(?<![\w/*.])\w+\.py\b")
FILES = ("py", "md", "proto")
WIRE = ["dads", "v1"]
"""The package of the wire contract, which is no package of Python."""
MEMBER = ["dads", "json"]
"""What is in a model file, and no module of `dads`."""
SPANS = "edge_service/output/tracing.py"
"""Names the attributes of spans, such as dads.cut."""
PLACEHOLDER = "NAME"
HISTORY = "CHANGELOG.md"  # names what there was, too


@pytest.fixture(scope="module")
def folders(root):
    """What a path may begin with."""
    return {path.name for path in root.iterdir() if path.is_dir()}


def test_lines_are_short(page):
    long = [number for number, line in enumerate(lines(page), start=1) if len(line) >= WIDTH]
    assert long == []


def test_links_lead_somewhere(page):
    targets = [target for target in LINK.findall(text(page)) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_paths_exist(page, root, folders):
    if page.name == HISTORY:
        return
    paths = [path for path in named(page, PATH) if path.split("/")[0] in folders and PLACEHOLDER not in path]
    assert [path for path in paths if not list(root.glob(path))] == []


def test_files_named_without_a_folder_exist(page, root):
    if page.name == HISTORY:
        return
    known = {path.name for path in root.rglob("*.py") if ".venv" not in path.parts}
    assert [name for name in named(page, FILE) if name not in known] == []


def test_modules_and_their_names_exist(page, root):
    if page.name == HISTORY:
        return
    assert [dotted for dotted in named(page, DOTTED) if not exists(root, dotted.split("."))] == []


def text(page):
    return page.read_text(encoding="utf-8")


def lines(page):
    return text(page).splitlines()


def named(page, pattern):
    """What stands in `code`, in code blocks and in indented commands."""
    blocks = re.findall(r"^(?:```.*?^```|(?: {4}.*\n)+)", text(page), flags=re.DOTALL | re.MULTILINE)
    found = [match for code in [*CODE.findall(text(page)), *blocks] for match in pattern.findall(code)]
    return sorted(set(found))


def exists(root, parts):
    """Whether dotted parts name a module, or something that the last module among them defines or imports."""
    if (
        parts[-1] in FILES
        or parts[:2] in (WIRE, MEMBER)
        or f'"{".".join(parts)}"' in (root / SPANS).read_text(encoding="utf-8")
    ):
        return True
    for count in range(len(parts), 0, -1):
        module = root.joinpath(*parts[:count])
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        if file.exists():
            return count == len(parts) or parts[count] in defined(file)
    return False


def defined(file):
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
