"""Errors as statuses; and the whole error tree against the contract's table."""

import re
from pathlib import Path

import pytest

from cloud_service import errors
from cloud_service.statuses import MAX_MESSAGE_CHARS, status_of
from split_wire import Reason

OTHERS = [
    errors.UnauthenticatedError(Reason.UNAUTHENTICATED, "text"),
    errors.UnauthenticatedError(Reason.BAD_TOKEN, "text"),
    errors.DigestMismatchError("text"),
    errors.UnknownModelError("text"),
    errors.OverloadedError("text"),
    errors.ExpiredError("text"),
    errors.StartingError("text"),
    errors.DrainingError(),
    errors.InternalError(),
    errors.AnswerTooLargeError("text"),
    errors.NoDecoderError("text", retry_after_s=1.0),
    errors.DecoderLostError("text"),
    *(
        errors.PacketsError(reason, "text")
        for reason in (Reason.PACKETS_GAP, Reason.PICTURE_PENDING, Reason.PIXELS_DIFFER)
    ),
]


def documented():
    """Reason -> (code, whether it carries RetryInfo), from the contract's comments."""
    text = (Path(__file__).parents[2] / "protos" / "split.proto").read_text()
    text = text.split("one of these reasons:")[1].split("RESOURCE_EXHAUSTED without")[0]
    table, code = {}, None
    for new_code, reason, rest in re.findall(r"^// +(?:([A-Z_]+) +)?([A-Z_]+) +([a-z].*)$", text, re.MULTILINE):
        code = new_code or code
        table[reason] = (code, "RetryInfo" in rest)
    return table


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: error.reason)
def test_codes_and_retries_are_the_documented_ones(error, details):
    status = status_of(error)
    info, retry = details(status)
    assert (info.reason, info.domain) == (error.reason, "dads.v1")
    assert documented()[info.reason] == (error.code.name, retry is not None)
    assert status.code == error.code.value[0]
    assert status.message == str(error)


def test_every_documented_reason_has_an_error():
    made = {error.reason for error in OTHERS}
    invalid = {reason for reason, (code, _) in documented().items() if code == "INVALID_ARGUMENT"}
    assert made | invalid == set(Reason)
    assert not made & invalid


def test_messages_fit_into_trailers():
    status = status_of(errors.ExpiredError("x" * 100_000))
    assert len(status.message) == MAX_MESSAGE_CHARS
