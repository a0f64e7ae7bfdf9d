"""The pages that people write, as text."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs/benchmarks"


def pages():
    """README and its like, docs/ and docs/decisions/; not the pages that benchmarks write."""
    found = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    return [page for page in found if GENERATED not in page.parents]


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        names = [str(page.relative_to(ROOT)) for page in pages()]
        metafunc.parametrize("page", pages(), ids=names)


@pytest.fixture(scope="session")
def root():
    return ROOT
