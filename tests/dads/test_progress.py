import io

import pytest
from rich.console import Console

from dads.progress import shown


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=60)


def test_elsewhere_than_a_terminal_there_are_few_plain_lines():
    target = console(terminal=False)
    with shown("measuring", target) as on_progress:
        for done in range(1, 1001):
            on_progress(done, 1000)
    lines = target.file.getvalue().splitlines()
    assert lines[:4] == ["measuring ...", "measuring: 25 %", "measuring: 50 %", "measuring: 75 %"]
    assert lines[4].startswith("measuring: done in ")
    assert len(lines) == 5


@pytest.mark.parametrize("terminal", [False, True])
def test_what_the_work_prints_is_not_on_stdout(terminal, capsys):
    with shown("measuring", console(terminal)):
        print("a model's forward")
    assert capsys.readouterr().out == ""


def test_on_a_terminal_there_is_a_bar():
    target = console(terminal=True)
    with shown("measuring", target) as on_progress:
        on_progress(1, 2)
    assert "\x1b[" in target.file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_models_name_is_neither_emoji_nor_markup(terminal):
    target = console(terminal)
    with shown("loading hfac:two:smile: [red]x[/red]", target) as on_progress:
        on_progress(1, 2)
    assert "loading hfac:two:smile: [red]x[/red]" in target.file.getvalue()


def test_work_that_fails_is_not_called_done():
    target = console(terminal=False)
    with pytest.raises(ValueError, match="broken"), shown("measuring", target):
        raise ValueError("broken")
    assert "done" not in target.file.getvalue()
