"""The agent's settings as `dads edge` finds them: what was typed, then the environment, then the defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dads.errors import InvalidUsageError

if TYPE_CHECKING:  # torch takes seconds to import
    from pydantic import ValidationError

    from edge_service import AgentConfig

RATE_HZ = 5.0
"""A rate to see something at; the agent's own default is for programs, which know theirs."""

_OPTIONS = {
    "rate_hz": "--rate",
    "policy": "--policy",
    "strategy": "--strategy",
    "slowdown": "--edge-slowdown",
    "require_cloud": "--require-cloud",
    "keep_inputs": "--verify",
    "encodings": "--encodings",
    "compile": "--compile",
    "max_error": "--max-error",
    "input_encoding": "--input-encoding",
    "tls": "--tls",
    "tls_ca": "--tls-ca",
    "tls_cert": "--tls-cert",
    "tls_key": "--tls-key",
    "tls_server_name": "--tls-server-name",
    "token_file": "--token-file",
    "insecure": "--insecure",
}


def settings(**options: float | str | bool | Path | None) -> AgentConfig:
    """Check the settings before any model is loaded.

    Args:
        options: Fields of `AgentConfig`; None for one that was not typed.

    Raises:
        InvalidUsageError: an option or a variable of the environment cannot be used; the message names it.
    """
    from pydantic import ValidationError  # noqa: PLC0415 # `dads --help` must answer at once

    from edge_service import AgentConfig  # noqa: PLC0415 # torch takes seconds to import
    from edge_service.control.policies import POLICY_NAMES  # noqa: PLC0415 # see above

    typed = {name: value for name, value in options.items() if value is not None}
    for name in ("policy", "strategy"):
        if typed.get(name) == "":  # a variable may be empty, but who types nothing here meant something
            raise InvalidUsageError(f"{_OPTIONS[name]} is '': expected one of {POLICY_NAMES}")
    try:
        config = AgentConfig(**typed)
        if "rate_hz" not in config.model_fields_set:
            config = AgentConfig(rate_hz=RATE_HZ, **typed)
    except ValidationError as error:
        raise InvalidUsageError(_explain(error, typed)) from error
    for name in ("rate_hz", "slowdown"):
        if not math.isfinite(getattr(config, name)):
            raise InvalidUsageError(f"{_source(name, typed)}: must be finite, not {getattr(config, name):g}")
    return config


def encoding_settings(source: str | None, *, max_error: float | None, input_encoding: str | None) -> AgentConfig:
    """Check how encodings are to be measured, for commands that need no source, before any model is loaded.

    Raises:
        InvalidUsageError: an option cannot be used, or not without a source.
        SourceError: the source is not there.
    """
    if source is not None:
        from edge_service.sources import open_source  # noqa: PLC0415 # torch takes seconds to import

        open_source(source, height=1, width=1)
    elif max_error is not None or input_encoding is not None:
        raise InvalidUsageError("--max-error and --input-encoding need --source: they depend on what frames show")
    return settings(max_error=max_error, input_encoding=input_encoding)


def compared(option: str, text: str) -> tuple[str, ...]:
    """Check the policies that a run is compared with.

    Raises:
        InvalidUsageError: one of them is no policy.
    """
    from edge_service.control.policies import policy_names  # noqa: PLC0415 # torch takes seconds to import
    from edge_service.errors import PolicyError  # noqa: PLC0415 # see above

    try:
        return policy_names(text)
    except PolicyError as error:
        raise InvalidUsageError(f"{option}: {error}") from error


def _explain(error: ValidationError, typed: Mapping[str, float | str | bool | Path]) -> str:
    return "; ".join(
        f"{_source(str(item['loc'][0]), typed)} is {item['input']!r}: {_message(item['msg'])}"
        if item["loc"]
        else _message(item["msg"])  # of several settings together; their input holds the token
        for item in error.errors()
    )


def _message(text: str) -> str:
    """A message of ours without pydantic's word before it."""
    return text.removeprefix("Value error, ")


def _source(name: str, typed: Mapping[str, float | str | bool | Path]) -> str:
    """Who set it: the option, or the variable."""
    return _OPTIONS[name] if name in typed else f"DADS_EDGE_{name.upper()}"
