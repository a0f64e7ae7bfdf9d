"""Certificates and tokens, loaded from the files and values that the configuration names."""

from cloud_service.access.certificates import Certificates
from cloud_service.access.tokens import Tokens
from cloud_service.config import CloudConfig


def certificates_of(config: CloudConfig) -> Certificates | None:
    """Load the server's certificates; None: the server uses plain text.

    Raises:
        ConfigurationError: the files cannot be used.
    """
    if config.tls_cert is None or config.tls_key is None:
        return None
    return Certificates(config.tls_cert, config.tls_key, config.tls_client_ca)


def tokens_of(config: CloudConfig) -> Tokens | None:
    """Load the accepted tokens; None: no token is needed.

    Raises:
        ConfigurationError: the tokens cannot be used.
    """
    if config.token is not None:
        return Tokens(config.token.get_secret_value())
    return None if config.token_file is None else Tokens(config.token_file)


def check_access(config: CloudConfig) -> None:
    """Check the certificates and tokens before the models are loaded, which takes long.

    Raises:
        ConfigurationError: the certificate, the key or the tokens cannot be used.
    """
    certificates_of(config)
    tokens_of(config)
