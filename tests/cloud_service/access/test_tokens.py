"""Which tokens can be used; what is told of them."""

import pytest

from cloud_service import ConfigurationError
from cloud_service.access.tokens import MAX_TOKEN_CHARS, Tokens
from cloud_service.errors import UnauthenticatedError

TOKEN = "t0p-secret-of-the-tests"
OTHER = "another-s3cret-of-the-tests"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n# only a remark\n",
        "short",
        "with spaces in between",
        "ünïcödé-is-not-sendable",
        "x" * (MAX_TOKEN_CHARS + 1),
    ],
)
def test_what_cannot_be_a_token_is_refused_without_being_repeated(text):
    with pytest.raises(ConfigurationError, match="expected") as caught:
        Tokens(text)
    assert not text.strip() or text not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="missing: No such file"):
        Tokens(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff" * 32)
    with pytest.raises(ConfigurationError, match="binary is no text"):
        Tokens(tmp_path / "binary")


def test_one_token_names_nobody_and_several_do():
    assert Tokens(TOKEN).check([f"Bearer {TOKEN}"]) == ""
    both = Tokens(f"{TOKEN}\n{OTHER}\n{TOKEN}")
    assert {both.check([f"Bearer {token}"]) for token in (TOKEN, OTHER)} == {"token 0", "token 1"}
    assert both.check([f"Bearer {TOKEN}".encode()]) == "token 0"


def test_the_token_is_not_in_what_is_shown():
    tokens = Tokens(TOKEN)
    with pytest.raises(UnauthenticatedError) as caught:
        tokens.check([f"Bearer {OTHER}"])
    shown = f"{tokens!r} {tokens} {vars(tokens)} {caught.value}"
    assert TOKEN not in shown
    assert OTHER not in shown
