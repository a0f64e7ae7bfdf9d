"""Client access: the settings of TLS, client certificates and tokens, and checks of them.

Files are read each time they are needed, so the next connection uses a replaced file. No repr and no error message
contains a token.
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
_CLOSED = "Socket closed"  # gRPC's only hint when the server wants TLS, or refuses the client's certificate


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificates and the key of a secure channel, in PEM.

    Attributes:
        roots: The authorities to trust; None: those that come with gRPC.
        key: The client's private key; None without a client certificate.
        chain: The client's certificate chain; None without one.
    """

    roots: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    chain: bytes | None = None


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """The settings of one client.

    Attributes:
        tls: Whether to encrypt; `ca` and `certificate` imply it.
        ca: PEM file of the authorities to trust; None: the public ones that come with gRPC.
        certificate: PEM file of the client's certificate chain.
        key: PEM file of the client's private key.
        server_name: The name that the server's certificate must have, in place of the address's host.
        token: The token to send with every call.
        token_file: A file that holds the token.
        insecure: Whether a token may leave this machine in plain text.

    Raises:
        AccessError: settings contradict each other, or one of a pair is missing.
    """

    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
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
        """Check the files and the token before the first call.

        Args:
            address: The server's, as host:port.

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
        """Read the files; None for plain text.

        Raises:
            AccessError: a file cannot be read, or is not PEM.
        """
        if not self.encrypts:
            return None
        return Identity(_pem(self.ca, "tls_ca"), _pem(self.key, "tls_key"), _pem(self.certificate, "tls_cert"))

    def options(self) -> Metadata:
        """Return the gRPC channel options that these settings need."""
        return () if self.server_name is None else (("grpc.ssl_target_name_override", self.server_name),)

    def metadata(self) -> Metadata:
        """Return the metadata to send with each call.

        Raises:
            AccessError: the token cannot be read, or is no token.
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
    """Return gRPC's credentials for a secure channel."""
    return grpc.ssl_channel_credentials(identity.roots, identity.key, identity.chain)


def advice(details: str) -> str | None:
    """Explain a failed TLS handshake: what is wrong and what to do; None if the failure is of another kind.

    Args:
        details: gRPC's error details.
    """
    return next((said for sign, said in _ADVICE if sign in details), None)


def suspicion(details: str, *, encrypts: bool) -> str:
    """Suggest a cause for a connection that the server closed during setup; empty if it was not.

    Args:
        details: gRPC's error details.
        encrypts: Whether this side speaks TLS.
    """
    if _CLOSED not in details or "failed to connect" not in details:
        return ""
    if encrypts:
        return " (if it wants to know its clients: --tls-cert and --tls-key)"
    return " (if it speaks TLS: --tls)"


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without brackets, is a loopback one."""
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
