"""How a client gets in: TLS with whom it trusts and who it is, and the token it shows.

Files are read when they are needed and not before, so that what was replaced is used from the next connection on. A
token is in no repr and in no error.
"""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from split_wire.errors import AccessError

Metadata = tuple[tuple[str, str], ...]

_ADVICE = (
    ("certificate has expired", "its certificate has expired; renew it there"),
    ("certificate is not yet valid", "its certificate is not valid yet; compare both machines' clocks"),
    (
        "Hostname Verification",
        "its certificate is not for this address; expected an address that is in it, or --tls-server-name",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not signed by an authority that is trusted here; expected --tls-ca (tls_ca) to be its own",
    ),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; expected it to be started with --tls-cert, or no --tls here"),
)
_CLOSED = "Socket closed"  # all that a client sees of a server that refuses its certificate, or its lack of TLS


@dataclass(frozen=True, slots=True)
class Identity:
    """What a secure channel is made of, in PEM; None for what is left to gRPC, or not shown."""

    roots: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    chain: bytes | None = None


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """The settings of one client.

    Attributes:
        tls: Whether to encrypt; also when one of the files of TLS is given.
        ca: PEM file of the authorities to trust; None: the public ones that come with gRPC.
        certificate: PEM file of the chain that tells who this client is.
        key: PEM file of its private key.
        server_name: The name that the server's certificate must have, in place of the address's.
        token: What to show with every call.
        token_file: A file that holds it.
        insecure: Whether a token may leave this machine in plain text.

    Raises:
        AccessError: what is given does not fit together.
    """

    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = field(default=None)
    server_name: str | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise AccessError("tls_cert and tls_key belong together (--tls-cert, --tls-key); expected both, or none")
        if self.token is not None and self.token_file is not None:
            raise AccessError("a token and a token_file are both set; expected one of them")
        if self.server_name is not None and not self.encrypts:
            raise AccessError("tls_server_name (--tls-server-name) needs tls (--tls); expected that too")

    @property
    def encrypts(self) -> bool:
        """Whether the channel is TLS."""
        return self.tls or self.ca is not None or self.certificate is not None

    def check(self, address: str) -> None:
        """Tell before the first call what would be wrong with it.

        Raises:
            AccessError: a file cannot be used, or the token would leave this machine in plain text.
        """
        host = address.rpartition(":")[0].strip("[]")
        shows_token = self.token is not None or self.token_file is not None
        if shows_token and not self.encrypts and not self.insecure and not is_loopback(host):
            raise AccessError(
                f"the token would go to {address} in plain text, where anyone on the way can take it; expected --tls, "
                "or --insecure to accept that"
            )
        self.identity()
        self.metadata()

    def identity(self) -> Identity | None:
        """Return what is in the files now; None for plain text.

        Raises:
            AccessError: a file cannot be read, or is not PEM.
        """
        if not self.encrypts:
            return None
        return Identity(_pem(self.ca, "tls_ca"), _pem(self.key, "tls_key"), _pem(self.certificate, "tls_cert"))

    def options(self) -> Metadata:
        """Return the channel's options that belong to this."""
        return () if self.server_name is None else (("grpc.ssl_target_name_override", self.server_name),)

    def metadata(self) -> Metadata:
        """Return the metadata to send with a call.

        Raises:
            AccessError: the token cannot be read or sent.
        """
        token = self.token
        if self.token_file is not None:
            token = _token(self.token_file)
        if token is None:
            return ()
        token = token.strip()
        if not token or not all("!" <= letter <= "~" for letter in token):
            raise AccessError("the token cannot be sent; expected one line of printable ASCII characters, no spaces")
        return (("authorization", f"Bearer {token}"),)


PLAIN = ClientAccess()
"""No encryption, no token."""


def channel_credentials(identity: Identity) -> grpc.ChannelCredentials:
    """Return what makes a channel secure."""
    return grpc.ssl_channel_credentials(identity.roots, identity.key, identity.chain)


def advice(details: str) -> str | None:
    """Say what is wrong with the TLS of a connection that failed, and what to do; None where it is something else.

    Args:
        details: What gRPC said.
    """
    return next((said for sign, said in _ADVICE if sign in details), None)


def suspicion(details: str, *, encrypts: bool) -> str:
    """Say what may be wrong with a connection that was closed before it was one; empty where nothing tells so.

    Args:
        details: What gRPC said.
        encrypts: Whether this side speaks TLS.
    """
    if _CLOSED not in details or "failed to connect" not in details:
        return ""
    if encrypts:
        return " (if it wants to know its clients: --tls-cert and --tls-key)"
    return " (if it speaks TLS: --tls)"


def is_loopback(host: str) -> bool:
    """Whether a name or address, without brackets, is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pem(path: Path | None, setting: str) -> bytes | None:
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AccessError(f"{setting} {path}: {error.strerror}; expected a PEM file") from error
    if b"-----BEGIN " not in content:
        raise AccessError(f"{setting} {path} is not PEM; expected -----BEGIN ... in it")
    return content


def _token(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AccessError(f"token_file {path}: {error.strerror}; expected a file with the token") from error
    except UnicodeDecodeError:
        raise AccessError(f"token_file {path} is no text; expected the token on one line") from None
    tokens = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    if len(tokens) != 1:
        raise AccessError(f"token_file {path} holds {len(tokens)} tokens; expected exactly one line")
    return tokens[0]
