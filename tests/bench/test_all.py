import importlib

import pytest

from bench.all import chosen
from bench.programs import PROGRAMS, present


def test_every_program_that_is_there_can_be_run():
    assert {"accounting", "decide", "paper_table", "pipeline", "prediction", "real_link"} <= {
        program.name for program in present()
    }
    for program in present():
        assert callable(importlib.import_module(f"bench.{program.name}").main)


def test_everything_together_takes_less_than_twenty_minutes():
    assert sum(program.seconds for program in PROGRAMS) < 20 * 60


def test_names_are_chosen_and_checked():
    assert [program.name for program in chosen(["pipeline", "decide"], full=False)] == ["pipeline", "decide"]
    assert [program.name for program in chosen([], full=True)] == ["prediction", "paper_table", "real_link"]
    with pytest.raises(SystemExit, match="no benchmark is called decyde"):
        chosen(["decyde"], full=False)
    with pytest.raises(SystemExit, match="no benchmark is called decide"):
        chosen(["decide"], full=True)
