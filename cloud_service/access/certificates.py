"""The server's certificate, its key and the authorities of client certificates, reloaded when the files change.

gRPC requests the certificate at each new connection, from a thread of its own. While the files are unusable, or only
one of a pair has been replaced, the server keeps the certificate and key it has. Open connections are not affected.
"""

import ssl
from pathlib import Path
from threading import Lock

import grpc

from cloud_service.access.files import ChangeWatch
from cloud_service.errors import ConfigurationError
from cloud_service.log import log


class Certificates:
    """A certificate chain with its key, in PEM files.

    Args:
        certificate: The chain, the server's own first.
        key: Its private key, not encrypted.
        client_ca: The authorities that sign clients' certificates; with it, clients without a certificate cannot
            connect.

    Raises:
        ConfigurationError: a file cannot be read, or certificate and key do not belong together.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._lock = Lock()
        self._watch = ChangeWatch(path for path in (certificate, key, client_ca) if path is not None)
        self._initial = self._read()
        self._stale = False

    def credentials(self) -> grpc.ServerCredentials:
        """Return gRPC's server credentials, which reload changed files."""
        return grpc.dynamic_ssl_server_credentials(
            self._initial,
            self._newer,  # type: ignore[arg-type] # the stubs leave out that None means no change
            require_client_authentication=self._client_ca is not None,
        )

    def _newer(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificates if the files have changed, else None; called before each handshake."""
        with self._lock:
            changed = self._watch.changed()
            if not changed and not self._stale:
                return None
            try:
                newer = self._read()
            except ConfigurationError as error:
                self._stale = True  # the file may be completed without a change of its time and size
                if changed:
                    log.warning("certificate not reloaded", error=str(error), then="keeping the previous one")
                return None
            self._stale = False
            log.info("certificate reloaded", certificate=str(self._certificate))
            return newer

    def _read(self) -> grpc.ServerCertificateConfiguration:
        chain = _bytes(self._certificate, "tls_cert")
        key = _bytes(self._key, "tls_key")
        roots = None if self._client_ca is None else _bytes(self._client_ca, "tls_client_ca")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # gRPC itself would fail only at the first handshake, without a reason.
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                f"tls_cert {self._certificate} and tls_key {self._key}: {_reason(error)}; expected a PEM certificate "
                "and its own PEM key, which is not encrypted"
            ) from error
        if roots is not None:
            try:
                context.load_verify_locations(cadata=roots.decode("ascii", errors="replace"))
            except (ssl.SSLError, ValueError) as error:
                raise ConfigurationError(
                    f"tls_client_ca {self._client_ca}: {_reason(error)}; expected PEM certificates"
                ) from error
        return grpc.ssl_server_certificate_configuration([(key, chain)], roots)


def _bytes(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{setting} {path}: {error.strerror}; expected a PEM file") from error


def _no_password() -> str:
    """Keep OpenSSL from prompting for a password at the terminal."""
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    return (getattr(error, "reason", None) or str(error) or "cannot be read").lower().replace("_", " ")
