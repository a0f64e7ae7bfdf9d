"""The server's settings: command line, then environment (`DADS_CLOUD_*`), then the default.

The command line passes only the options that were typed, as keyword arguments; whatever it leaves out is looked up
in the environment, when a `CloudConfig` is constructed and never on import.
"""

import ipaddress

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cloud_service.errors import ConfigurationError
from protos.limits import MAX_MESSAGE_BYTES


class CloudConfig(BaseSettings):
    """Settings of one `CloudServer`.

    Raises:
        ConfigurationError: a value is out of its range, or a plain-text server would be reachable from outside.
    """

    model_config = SettingsConfigDict(env_prefix="DADS_CLOUD_", env_ignore_empty=True, frozen=True, extra="forbid")

    listen: str = Field("127.0.0.1:50051", description="HOST:PORT; port 0 picks a free one.")
    insecure: bool = Field(default=False, description="Allow plain text on addresses other than loopback.")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="Port of /metrics; 0 picks one, None is off.")
    max_concurrency: int = Field(1, ge=1, description="Tails computed at the same time.")
    max_queue: int = Field(16, ge=0, description="Tails that may wait; one more is refused at once.")
    max_queued_bytes: int = Field(256 * 1024 * 1024, gt=0, description="Bytes of requests waiting or computed.")
    threads: int | None = Field(None, ge=1, description="torch's threads for one tail; None leaves torch's choice.")
    max_streams: int = Field(64, ge=1, description="StreamTails calls open at the same time; an edge has two.")
    max_frames_per_stream: int = Field(8, ge=1, description="Unanswered frames of one stream; then reading pauses.")
    max_message_bytes: int = Field(MAX_MESSAGE_BYTES, gt=0, le=MAX_MESSAGE_BYTES, description="One gRPC message.")
    profile_repeats: int = Field(5, ge=1, description="Runs of a model that its profile is the median of.")
    grace_s: float = Field(10.0, ge=0, allow_inf_nan=False, description="Seconds to finish what is in flight.")

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)  # type: ignore[arg-type] # pydantic checks what mypy cannot see here
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from error

    @property
    def host(self) -> str:
        """The host part of `listen`, without the brackets of an IPv6 address."""
        return self.listen.rpartition(":")[0].strip("[]")

    @field_validator("listen")
    @classmethod
    def _listen_is_an_address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535 or (":" in host and not host.startswith("[")):
            raise ValueError(f"{listen!r} is not HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051")
        return listen

    @model_validator(mode="after")
    def _plain_text_stays_here(self) -> "CloudConfig":
        if not self.insecure and not _is_loopback(self.host):
            raise ValueError(
                f"listening on {self.listen} without encryption would let anyone on the network use and read it; "
                "expected a loopback address such as 127.0.0.1, or insecure=True, which is --insecure on the command "
                "line, to accept that"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _explain(error: ValidationError) -> str:
    """One line per wrong setting: its name and what was expected."""
    lines = []
    for item in error.errors():
        name = ".".join(map(str, item["loc"]))
        text = item["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return "; ".join(lines)
