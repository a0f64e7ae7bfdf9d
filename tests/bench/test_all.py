import importlib

import pytest

from bench.all import chosen
from bench.publishing.programs import PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_every_program_takes_the_same_arguments(program, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "--help"])
    with pytest.raises(SystemExit):
        importlib.import_module(f"bench.{program.name}.__main__").BENCHMARK.main()
    offered = capsys.readouterr().out
    assert all(argument in offered for argument in ("--output", "--note", "--render"))
    assert ("--full" in offered) is ("--fresh" in offered) is bool(program.full_s)


def test_everything_together_takes_less_than_half_an_hour():
    assert sum(program.seconds for program in PROGRAMS) < 25 * 60


def test_names_are_chosen_and_checked():
    assert [program.name for program in chosen(["pipeline", "decide"], full=False)] == ["pipeline", "decide"]
    assert [program.name for program in chosen([], full=True)] == [one.name for one in PROGRAMS if one.full_s]
    with pytest.raises(SystemExit, match="no benchmark is called decyde"):
        chosen(["decyde"], full=False)
    with pytest.raises(SystemExit, match="no benchmark is called decide"):
        chosen(["decide"], full=True)
