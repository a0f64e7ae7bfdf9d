"""The agent's settings from the options of `dads edge`, then the environment, then the defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dads.errors import InvalidUsageError

if TYPE_CHECKING:  # keeps `dads --help` fast
    from pydantic import ValidationError

    from edge_service import AgentConfig

RATE_HZ = 5.0
"""The rate for people who watch; the agent's own default is for programs, which know their rate."""

_OPTIONS = {
    "rate_hz": "--rate",
    "policy": "--policy",
    "strategy": "--strategy",
    "slowdown": "--edge-slowdown",
    "require_cloud": "--require-cloud",
    "keep_inputs": "--verify",
    "encodings": "--encodings",
    "packets": "--packets",
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
        options: Fields of `AgentConfig`; None for an option that was not given.

    Raises:
        InvalidUsageError: an option or a variable of the environment is not valid; the message names it.
    """
    from pydantic import ValidationError  # noqa: PLC0415 # keeps `dads --help` fast

    from edge_service import AgentConfig  # noqa: PLC0415 # keeps `dads --help` fast
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


def for_source(config: AgentConfig, source: str) -> AgentConfig:
    """The settings for a source: of a live one, the newest frame alone waits, unless the environment says otherwise.

    With two waiting, the older one would be up to two periods old when it is computed.
    """
    from edge_service.sources.live import is_live  # noqa: PLC0415 # keeps `dads --help` fast

    if not is_live(source) or "max_waiting" in config.model_fields_set:
        return config
    return config.model_copy(update={"max_waiting": 1})


def encoding_settings(
    source: str | None, *, preprocess: str | None, max_error: float | None, input_encoding: str | None
) -> AgentConfig:
    """Check the settings of frames and encodings, for commands whose source is optional, before any model is loaded.

    Raises:
        InvalidUsageError: an option is not valid, or needs a source.
        SourceError: the source does not exist.
    """
    if source is not None:
        from edge_service.sources import open_source  # noqa: PLC0415 # keeps `dads --help` fast

        open_source(source, height=1, width=1)
    elif any(option is not None for option in (preprocess, max_error, input_encoding)):
        raise InvalidUsageError(
            "--preprocess, --max-error and --input-encoding need --source: they say what becomes of its frames"
        )
    return settings(max_error=max_error, input_encoding=input_encoding)


def compared(option: str, text: str) -> tuple[str, ...]:
    """Check the names of the policies that a run is compared with.

    Raises:
        InvalidUsageError: a name is not a policy.
    """
    from edge_service.control.policies import policy_names  # noqa: PLC0415 # keeps `dads --help` fast
    from edge_service.errors import PolicyError  # noqa: PLC0415 # see above

    try:
        return policy_names(text)
    except PolicyError as error:
        raise InvalidUsageError(f"{option}: {error}") from error


def _explain(error: ValidationError, typed: Mapping[str, float | str | bool | Path]) -> str:
    return "; ".join(
        f"{_source(str(item['loc'][0]), typed)} is {item['input']!r}: {_message(item['msg'])}"
        if item["loc"]
        else _message(item["msg"])  # of several settings together; their input would show the token
        for item in error.errors()
    )


def _message(text: str) -> str:
    """The message without pydantic's prefix."""
    return text.removeprefix("Value error, ")


def _source(name: str, typed: Mapping[str, float | str | bool | Path]) -> str:
    """The option or the variable that set a field."""
    return _OPTIONS[name] if name in typed else f"DADS_EDGE_{name.upper()}"
