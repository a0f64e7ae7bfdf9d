"""docs/decisions/README.md: an index with one line and a status for each decision."""

import re

import pytest

STATUS = re.compile(r"accepted|superseded by \d+|partly: .+|wrong: .+")


@pytest.fixture(scope="module")
def index(root):
    """Number, file and status of each row."""
    text = (root / "docs/decisions/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d+)\]\((\S+?)\) \| (.+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert rows
    return {file: (int(number), idea, status) for number, file, idea, status in rows}


def files(root):
    return {path.name: path for path in sorted((root / "docs/decisions").glob("[0-9]*.md"))}


def test_every_decision_is_in_the_index_once_and_no_other(index, root):
    text = (root / "docs/decisions/README.md").read_text(encoding="utf-8")
    assert index.keys() == files(root).keys()
    assert len(re.findall(r"^\| \[\d", text, flags=re.MULTILINE)) == len(index)


def test_every_decision_has_a_status_and_its_own_number(index, root):
    for file, (number, _, status) in index.items():
        assert STATUS.fullmatch(status), (file, status)
        assert number == int(file[:4])
        assert files(root)[file].read_text(encoding="utf-8").startswith(f"# {number}. ")


def test_what_does_not_hold_any_more_says_so_at_its_top(index, root):
    for file, (_, _, status) in index.items():
        top = files(root)[file].read_text(encoding="utf-8").splitlines()[1:6]
        marked = any(re.search(r"\b(superseded|partly|wrong|no longer)\b", line, flags=re.IGNORECASE) for line in top)
        assert marked == (status != "accepted"), file
