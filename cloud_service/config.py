"""The server's settings: command line, then environment (`DADS_CLOUD_*`), then the default.

The command line passes the options that were typed as keyword arguments. All others are read from the environment, when
a `CloudConfig` is constructed and never on import.
"""

import secrets
import socket
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cloud_service.errors import ConfigurationError
from split_wire.access import is_loopback
from split_wire.limits import MAX_MESSAGE_BYTES


def _new_name() -> str:
    """Another one for each start of a server: one that was replaced under its host's name is another replica."""
    return f"{socket.gethostname()[:48]}-{secrets.token_hex(4)}"


class CloudConfig(BaseSettings):
    """Settings of one `CloudServer`.

    Raises:
        ConfigurationError: a value is out of its range, or the settings of access do not fit: a plain-text server
            reachable from other machines, a certificate without its key or the reverse, two sources of tokens.
    """

    model_config = SettingsConfigDict(
        env_prefix="DADS_CLOUD_", env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    listen: str = Field("127.0.0.1:50051", description="HOST:PORT; port 0 picks a free one.")
    tls_cert: Path | None = Field(None, description="PEM file of the certificate chain to serve; with tls_key.")
    tls_key: Path | None = Field(None, description="PEM file of the certificate's private key.")
    tls_client_ca: Path | None = Field(
        None,
        description="PEM file of the authorities that sign clients' certificates; clients without one are refused.",
    )
    token_file: Path | None = Field(None, description="File of the accepted tokens, one per line.")
    token: SecretStr | None = Field(None, description="The accepted tokens, one per line.")
    insecure: bool = Field(default=False, description="Allow plain text on addresses other than loopback.")
    replica: str = Field(
        default_factory=_new_name,
        min_length=1,
        max_length=64,
        description="In answers; by default the host's with a random part.",
    )
    metrics_port: int | None = Field(None, ge=0, le=65535, description="Port of /metrics; 0 picks one, None is off.")
    max_concurrency: int = Field(1, ge=1, description="Tails computed at the same time.")
    max_queue: int = Field(16, ge=0, description="Tails that may wait; one more is refused at once.")
    max_queued_bytes: int = Field(256 * 1024 * 1024, gt=0, description="Bytes of requests waiting or computed.")
    threads: int | None = Field(None, ge=1, description="Threads of one tail; None keeps the engine's default.")
    max_tails_per_client: int | None = Field(
        None,
        ge=1,
        description="Tails of one client that wait or are computed; None: max_frames_per_stream + max_concurrency - 1, "
        "and three quarters of the places for all edges at one address.",
    )
    max_calls: int = Field(1536, ge=1, description="Calls of any kind open at the same time.")
    max_calls_per_client: int | None = Field(
        None,
        ge=1,
        description="Calls of one client open at the same time; None: 32, and three quarters of max_calls for all "
        "edges at one address.",
    )
    max_streams: int = Field(1024, ge=1, description="StreamTails calls open at the same time; an edge has two.")
    longest_beat_s: float = Field(
        10.0,
        ge=0.5,
        le=60,
        description="Longest pause between two heartbeats of an edge without frames that allows it.",
    )
    max_frames_per_stream: int = Field(8, ge=1, description="Unanswered frames of one stream; then reading pauses.")
    packets: bool = Field(default=True, description="Take the packets of compressed sources in place of frames.")
    max_decoders: int = Field(8, ge=1, description="Streams with packets at the same time, each with its own process.")
    max_message_bytes: int = Field(MAX_MESSAGE_BYTES, gt=0, le=MAX_MESSAGE_BYTES, description="One gRPC message.")
    profile_repeats: int = Field(5, ge=1, description="Runs of a model; its profile is their median.")
    grace_s: float = Field(10.0, ge=0, allow_inf_nan=False, description="Seconds to finish work in flight at shutdown.")

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)  # type: ignore[arg-type] # pydantic checks what mypy cannot see here
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from error

    @property
    def host(self) -> str:
        """The host part of `listen`, without the brackets of an IPv6 address."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def access(self) -> str:
        """Encryption and authentication, in words for the log."""
        channel = "plain text" if self.tls_cert is None else "TLS"
        if self.tls_client_ca is not None:
            channel = "mutual TLS"
        token = "without a token" if self.token is None and self.token_file is None else "with a token"
        return f"{channel}, {token}"

    @property
    def open_to_all(self) -> bool:
        """Whether the address is not loopback and neither a token nor a client certificate is required."""
        shows = self.tls_client_ca or self.token_file or self.token
        return not shows and not is_loopback(self.host)

    @property
    def tails_per_client(self) -> int:
        """Tails of one client, or of one edge at an address, that may wait or be computed."""
        return self.max_tails_per_client or self.max_frames_per_stream + self.max_concurrency - 1

    @property
    def tails_per_address(self) -> int:
        """Tails of all edges at one address: several edges need more than one, and other addresses find places too."""
        places = self.max_queue + self.max_concurrency
        return self.max_tails_per_client or max(self.tails_per_client, places * 3 // 4)

    @property
    def calls_per_client(self) -> int:
        """Calls of one client, or of one edge at an address, that may be open."""
        return self.max_calls_per_client or 32

    @property
    def calls_per_address(self) -> int:
        """Calls of all edges at one address that may be open."""
        return self.max_calls_per_client or max(32, self.max_calls * 3 // 4)

    @field_validator("listen")
    @classmethod
    def _listen_is_an_address(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535 or (":" in host and not host.startswith("[")):
            raise ValueError(f"{listen!r} is not HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051")
        return listen

    @model_validator(mode="after")
    def _access_is_settled(self) -> "CloudConfig":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together (--tls-cert, --tls-key); expected both, or none")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("tls_client_ca (--tls-client-ca) needs tls_cert and tls_key; expected them too")
        if self.token is not None and self.token_file is not None:
            raise ValueError("token_file and token (DADS_CLOUD_TOKEN) are both set; expected one of them")
        if self.tls_cert is None and not self.insecure and not is_loopback(self.host):
            secret = "" if self.token is None and self.token_file is None else " and take the token from it"
            raise ValueError(
                f"listening on {self.listen} without encryption would let anyone on the network read what is sent"
                f"{secret}; expected tls_cert and tls_key (--tls-cert, --tls-key), a loopback address such as "
                "127.0.0.1, or insecure=True, which is --insecure on the command line, to accept that"
            )
        return self


def _explain(error: ValidationError) -> str:
    """Return each wrong setting's name and what was expected of it, in one line."""
    lines = []
    for item in error.errors():
        name = ".".join(map(str, item["loc"]))
        text = item["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return "; ".join(lines)
