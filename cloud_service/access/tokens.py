"""Bearer tokens: the accepted ones, and the check of a caller's token.

Laws:
    * The digest of a caller's token is compared with every accepted one in constant time, so the time reveals neither
      how much of the token matches nor which token it is.
    * Tokens come from a file or the environment, never from a command line, and never appear in a log, an error or a
      repr.
    * A changed file is read again, so tokens can be replaced while the server runs. If it cannot be used, the tokens
      read before remain accepted.

Source of the scheme: https://datatracker.ietf.org/doc/html/rfc6750 (`authorization: Bearer TOKEN`).
"""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from cloud_service.access.files import ChangeWatch
from cloud_service.errors import ConfigurationError, UnauthenticatedError
from cloud_service.log import log
from split_wire import Reason

MIN_TOKEN_CHARS = 16
"""Shorter tokens could be guessed over the network."""

MAX_TOKEN_CHARS = 4096
"""gRPC accepts at most 8 KiB of metadata."""

_HOW = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Tokens:
    """The accepted tokens.

    Args:
        source: The text, or the file that contains it: one token per line; empty lines and lines that begin with # are
            ignored.

    Raises:
        ConfigurationError: there is no token, or one that is too short or cannot be sent.
    """

    def __init__(self, source: str | Path) -> None:
        self._watch = ChangeWatch((source,)) if isinstance(source, Path) else None
        self._file = source if isinstance(source, Path) else None
        self._digests = _digests(source) if isinstance(source, str) else self._read(source)

    def __repr__(self) -> str:
        return f"Tokens({len(self._digests)} accepted)"

    def check(self, authorization: Iterable[str | bytes]) -> str:
        """Check a call's token and return a name for it: empty if only one token is accepted.

        Args:
            authorization: The values of the call's `authorization` metadata.

        Raises:
            UnauthenticatedError: no token, or one that is not accepted.
        """
        self._refresh()
        values = list(authorization)
        if not values:
            raise UnauthenticatedError(
                Reason.UNAUTHENTICATED, "no token; expected the metadata authorization: Bearer TOKEN"
            )
        shown = _bearer(values[0])
        if len(values) > 1 or shown is None:
            raise UnauthenticatedError(
                Reason.UNAUTHENTICATED, "expected exactly one metadata authorization, of the form: Bearer TOKEN"
            )
        digest = hashlib.sha256(shown).digest()
        found = [place for place, known in enumerate(self._digests) if hmac.compare_digest(digest, known)]
        if not found:
            raise UnauthenticatedError(Reason.BAD_TOKEN, "the token is not accepted; expected one of this server's")
        # A token that all callers share does not identify them.
        return "" if len(self._digests) == 1 else f"token {found[0]}"

    def _read(self, path: Path) -> tuple[bytes, ...]:
        try:
            return _digests(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"token_file {path}: {error.strerror}; expected a file of tokens") from error
        except UnicodeDecodeError:
            # `from None`, because the cause quotes the file.
            raise ConfigurationError(f"token_file {path} is no text; expected a token on each line") from None

    def _refresh(self) -> None:
        if self._watch is None or self._file is None or not self._watch.changed():
            return
        try:
            self._digests = self._read(self._file)
        except ConfigurationError as error:
            log.warning("tokens not reloaded", error=str(error), then="keeping the previous ones")
        else:
            log.info("tokens reloaded", tokens=len(self._digests))


def _digests(text: str) -> tuple[bytes, ...]:
    lines = [line.strip() for line in text.splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise ConfigurationError(f"no token is set; expected one on each line of the token file ({_HOW})")
    for token in tokens:
        if not MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS or not all("!" <= letter <= "~" for letter in token):
            raise ConfigurationError(
                f"a token cannot be used: expected {MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} printable ASCII characters "
                f"without spaces ({_HOW})"
            )
    return tuple(hashlib.sha256(token.encode()).digest() for token in dict.fromkeys(tokens))


def _bearer(value: str | bytes) -> bytes | None:
    encoded = value.encode() if isinstance(value, str) else value
    scheme, _, token = encoded.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" and token.strip() else None
