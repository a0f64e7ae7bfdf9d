"""What an operator may set. The order is: arguments, then environment (`DADS_EDGE_…`), then the defaults here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["AgentConfig", "StrategyName"]

StrategyName = Literal["adaptive", "edge_only", "cloud_only"]


class AgentConfig(BaseSettings):
    """Settings of an `Agent`. Seconds, bytes and hertz; each may be set by a variable, e.g. `DADS_EDGE_RATE_HZ`."""

    model_config = SettingsConfigDict(env_prefix="DADS_EDGE_", frozen=True, extra="forbid")

    rate_hz: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Frames per second that will be submitted, as expected."
    )
    strategy: StrategyName = Field(default="adaptive", description="Choose splits, or keep to one of the baselines.")
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
    keep_inputs: bool = Field(default=False, description="Keep each frame's inputs in its result, to verify it later.")
