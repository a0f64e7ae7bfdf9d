"""Settings of the agent: arguments come first, then the environment (`DADS_EDGE_…`), then the defaults here."""

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
        default=1.0, gt=0, allow_inf_nan=False, description="Expected rate of frames, in frames per second."
    )
    policy: str = Field(
        default="", description=f"How splits are chosen, one of {POLICY_NAMES}; adaptive is the default."
    )
    strategy: str = Field(default="", description="The other name of `policy`.")
    slowdown: float = Field(
        default=1.0,
        ge=1.0,
        allow_inf_nan=False,
        description="Multiplies the edge's compute time, decisions included, by waiting.",
    )
    require_cloud: bool = Field(default=False, description="Fail at the start when the cloud cannot be reached.")
    connect_timeout_s: float = Field(default=5.0, gt=0, description="Timeout of the first connection.")
    call_timeout_s: float = Field(default=5.0, gt=0, description="Timeout of a profile or probe call.")
    ping_timeout_s: float = Field(default=2.0, gt=0, description="Timeout of a round-trip measurement.")
    silence_s: float = Field(default=1.8, gt=0, description="The cloud is lost after this time without a heartbeat.")
    longest_beat_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="While no frames come, the cloud may take this time between heartbeats; to be idle is then cheap.",
    )
    stream_max_age_s: float = Field(
        default=300.0,
        ge=1,
        description="A connection is replaced at about this age, so that new replicas get work; inf: never.",
    )
    max_waiting: int = Field(
        default=2, ge=1, description="Most frames that wait for their head; if there are more, the oldest is dropped."
    )
    max_in_flight: int = Field(default=8, ge=1, description="Most frames between head and result.")
    encodings: Literal["auto", "raw"] = Field(
        default="auto", description="auto chooses the encoding together with the split; raw sends tensors as they are."
    )
    max_error: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Largest error of the outputs by encoding, relative to their scale; 0 allows only lossless ones.",
    )
    input_encoding: Literal["raw", "jpeg"] = Field(
        default="raw", description="How frames themselves are sent; jpeg is lossy."
    )
    packets: Literal["auto", "off"] = Field(
        default="auto",
        description="auto sends a frame as packets of its compressed source where that pays; off never does.",
    )
    compile: bool = Field(
        default=False, description="Compile the head of a split that stays (torch.compile); needs a C++ compiler here."
    )
    keep_inputs: bool = Field(default=False, description="Keep each frame's inputs in its result, to verify it later.")
    tls: bool = Field(default=False, description="Encrypt; implied by `tls_ca` and `tls_cert`.")
    tls_ca: Path | None = Field(default=None, description="PEM file with the CA of the cloud's certificate.")
    tls_cert: Path | None = Field(default=None, description="PEM file of the edge's own certificate, for mutual TLS.")
    tls_key: Path | None = Field(default=None, description="PEM file of the private key of `tls_cert`.")
    tls_server_name: str | None = Field(default=None, description="The name in the cloud's certificate.")
    token: SecretStr | None = Field(default=None, description="The token sent with every call.")
    token_file: Path | None = Field(default=None, description="A file with the token; read at each connection.")
    insecure: bool = Field(default=False, description="Let a token leave this machine in plain text.")

    def __init__(self, **settings: object) -> None:
        given = [name for name in _POLICY if name in settings]
        if len(given) == 1:  # an argument comes before the environment, whichever of the two names each uses
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
        """The same settings with another policy; its name is not checked."""
        return self.model_copy(update={"policy": name})

    @property
    def sends_packets(self) -> bool:
        """Whether frames may be sent as packets of their source; tensors sent as they are exclude it."""
        return self.packets == "auto" and self.encodings == "auto"

    @property
    def access(self) -> ClientAccess:
        """TLS and token for calls to the cloud."""
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
        return None if value == "" else value  # a compose file sets an unset variable to ""

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
            object.__setattr__(self, name, policy or strategy or "adaptive")  # the model is frozen
        return self

    @model_validator(mode="after")
    def _access_fits_together(self) -> Self:
        _ = self.access
        return self
