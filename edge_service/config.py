"""What an operator may set. The order is: arguments, then environment (`DADS_EDGE_…`), then the defaults here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_service.control.policies import POLICY_NAMES, policy_type
from split_wire.access import ClientAccess

__all__ = ["AgentConfig"]

_POLICY = "policy", "strategy"


class AgentConfig(BaseSettings):
    """Settings of an `Agent`. Seconds, bytes and hertz; each may be set by a variable, e.g. `DADS_EDGE_RATE_HZ`."""

    model_config = SettingsConfigDict(env_prefix="DADS_EDGE_", frozen=True, extra="forbid", hide_input_in_errors=True)

    rate_hz: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Frames per second that will be submitted, as expected."
    )
    policy: str = Field(default="", description=f"Who chooses the splits: adaptive (the default), of {POLICY_NAMES}.")
    strategy: str = Field(default="", description="The other name of `policy`.")
    slowdown: float = Field(
        default=1.0, ge=1.0, allow_inf_nan=False, description="Stretches the edge's compute time by really waiting."
    )
    require_cloud: bool = Field(default=False, description="Fail at the start when the cloud cannot be reached.")
    connect_timeout_s: float = Field(default=5.0, gt=0, description="How long the first connection may take.")
    call_timeout_s: float = Field(default=5.0, gt=0, description="Limit of a profile or probe call.")
    ping_timeout_s: float = Field(default=2.0, gt=0, description="Limit of a round-trip measurement.")
    silence_s: float = Field(default=1.8, gt=0, description="A cloud without a heartbeat for so long is gone.")
    max_waiting: int = Field(
        default=2, ge=1, description="Frames that wait for the head; beyond, the oldest is dropped."
    )
    max_in_flight: int = Field(default=8, ge=1, description="Frames between head and result, at most.")
    encodings: Literal["auto", "raw"] = Field(
        default="auto", description="Choose the encoding of what is sent together with the split, or send it as it is."
    )
    max_error: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="How far outputs may be off, relative to their scale, for fewer bytes; 0 keeps to lossless.",
    )
    input_encoding: Literal["raw", "jpeg"] = Field(
        default="raw", description="How frames themselves are sent; jpeg loses some of them."
    )
    compile: bool = Field(
        default=False, description="Compile the head of a split that stays (torch.compile); needs a C++ compiler here."
    )
    keep_inputs: bool = Field(default=False, description="Keep each frame's inputs in its result, to verify it later.")
    tls: bool = Field(default=False, description="Encrypt; also where one of its files is given.")
    tls_ca: Path | None = Field(default=None, description="PEM file of who signs the cloud's certificate.")
    tls_cert: Path | None = Field(default=None, description="PEM file of the edge's own certificate, for mutual TLS.")
    tls_key: Path | None = Field(default=None, description="PEM file of its private key.")
    tls_server_name: str | None = Field(default=None, description="The name in the cloud's certificate.")
    token: SecretStr | None = Field(default=None, description="What to show with every call.")
    token_file: Path | None = Field(default=None, description="A file that holds it; read at each connection.")
    insecure: bool = Field(default=False, description="Let a token leave this machine in plain text.")

    def __init__(self, **settings: object) -> None:
        given = [name for name in _POLICY if name in settings]
        if len(given) == 1:  # an argument comes before the environment, by whichever name either has it
            settings = dict.fromkeys(_POLICY, "") | settings
        super().__init__(**settings)  # type: ignore[arg-type] # pydantic checks

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same settings with others in their place; a policy by either of its names."""
        changed = dict(update or {})
        given = [changed[name] for name in _POLICY if name in changed]
        if len(given) == 1:
            changed |= dict.fromkeys(_POLICY, given[0])
        return super().model_copy(update=changed, deep=deep)

    def with_policy(self, name: str) -> Self:
        """The same settings with another policy, which is known to exist."""
        return self.model_copy(update={"policy": name})

    @property
    def access(self) -> ClientAccess:
        """How to get into the cloud."""
        return ClientAccess(
            tls=self.tls,
            ca=self.tls_ca,
            certificate=self.tls_cert,
            key=self.tls_key,
            server_name=self.tls_server_name,
            token=None if self.token is None else self.token.get_secret_value(),
            token_file=self.token_file,
            insecure=self.insecure,
        )

    @field_validator("tls_ca", "tls_cert", "tls_key", "tls_server_name", "token", "token_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value  # as a compose file leaves a variable that is not set

    @field_validator(*_POLICY)
    @classmethod
    def _is_a_policy(cls, value: str) -> str:
        if value:
            policy_type(value)
        return value

    @model_validator(mode="after")
    def _has_one_policy(self) -> Self:
        policy, strategy = self.policy, self.strategy
        if policy and strategy and policy != strategy:
            raise ValueError(f"policy is {policy!r} and strategy, its other name, is {strategy!r}; give one of the two")
        for name in _POLICY:
            object.__setattr__(self, name, policy or strategy or "adaptive")  # it is frozen only from here on
        return self

    @model_validator(mode="after")
    def _access_fits_together(self) -> Self:
        _ = self.access
        return self
