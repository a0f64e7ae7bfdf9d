"""Every page of docs/benchmarks is what its JSON file says: written anew from that, nothing changes."""

import importlib
import shutil
from pathlib import Path

import pytest

from bench.publishing import overview
from bench.publishing.programs import PROGRAMS
from bench.publishing.publish import render

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
NAMES = {program.name for program in PROGRAMS}
STEMS = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem.removesuffix("_full") in NAMES)


@pytest.mark.parametrize("stem", STEMS)
def test_a_page_is_made_from_its_json_alone(stem, tmp_path):
    shutil.copy(FOLDER / f"{stem}.json", tmp_path)
    render(stem, importlib.import_module(f"bench.{stem.removesuffix('_full')}.report").report, tmp_path)
    for written in tmp_path.iterdir():
        if written.suffix != ".svg":  # whose bytes are those of matplotlib's version
            assert written.read_text(encoding="utf-8") == (FOLDER / written.name).read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.glob("*.svg")} == {path.name for path in FOLDER.glob(f"{stem}-*.svg")}


def test_every_benchmark_has_a_page():
    assert {stem.removesuffix("_full") for stem in STEMS} == NAMES


def test_the_overview_is_made_from_the_json_files_alone(tmp_path):
    for path in FOLDER.glob("*.json"):
        shutil.copy(path, tmp_path)
    overview.write(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == (FOLDER / "README.md").read_text(encoding="utf-8")
