"""Checks of arguments that several commands share."""

from pathlib import Path

import pytest
import typer

from dads.options import above_zero, an_address, in_a_folder, stdout_or_in_a_folder


@pytest.mark.parametrize(
    "address", ["127.0.0.1:50051", "localhost:1", "edge-7.some_net.example:65535", "[::1]:50051", "[fe80::1%eth0]:80"]
)
def test_an_address_is_left_as_it_is(address):
    assert an_address(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "50061",
        "localhost",
        "localhost:",
        ":50051",
        "localhost:0",
        "localhost:65536",
        "localhost:-1",
        "h:1\n",
        "not an address::::",
        "a b:1",
        "::1:50051",
        "[::1]",
        "[]:1",
        "host:port",
        "http://host:1",
        "h:²",
    ],
)
def test_what_is_no_address_is_told_with_what_was_expected(text):
    with pytest.raises(typer.BadParameter, match="is not HOST:PORT, such as 127"):
        an_address(text)


@pytest.mark.parametrize("number", [0.0, -1.0, float("inf"), float("-inf"), float("nan")])
def test_a_number_that_is_no_amount_is_refused(number):
    with pytest.raises(typer.BadParameter, match="more than 0 and finite"):
        above_zero(number)


def test_what_was_not_given_is_not_checked():
    assert (an_address(None), above_zero(None), in_a_folder(None), stdout_or_in_a_folder(None)) == (None,) * 4


def test_a_file_must_have_a_folder(tmp_path):
    assert in_a_folder(tmp_path / "new.json") == tmp_path / "new.json"
    for path in (tmp_path, tmp_path / "missing" / "new.json"):
        with pytest.raises(typer.BadParameter, match="not a file in a folder that exists"):
            in_a_folder(path)
        with pytest.raises(typer.BadParameter, match="not a file in a folder that exists"):
            stdout_or_in_a_folder(str(path))


def test_a_file_that_may_not_be_written_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != tmp_path)
    with pytest.raises(typer.BadParameter, match="may not be written"):
        in_a_folder(tmp_path / "new.json")


def test_a_device_such_as_stdout_can_be_written():
    assert stdout_or_in_a_folder("-") == "-"
    assert stdout_or_in_a_folder("/dev/stdout") == "/dev/stdout"
