"""Bearer tokens: which ones are accepted, and whether a caller showed one of them.

Laws:
    * A token is compared as a digest, in constant time, with every accepted one: how long that takes tells neither how
      much of a token was right nor which one it was.
    * Tokens stand in a file or in the environment, never on a command line, and never in a log, an error or a repr.
    * The file is read again when it has changed, so that tokens can be replaced while the server runs. A file that has
      become unusable changes nothing: the tokens read before go on being accepted.

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
"""Shorter ones could be guessed over the network."""

MAX_TOKEN_CHARS = 4096
"""gRPC takes 8 KiB of metadata at most."""

_HOW = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Tokens:
    """The accepted tokens.

    Args:
        source: What gives them: their text, or the file that holds it. One token a line; empty lines and those that
            begin with # are left out.

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
        """Return a name for the token that the caller showed, the same for every call with it.

        Args:
            authorization: The values of the call's `authorization` metadata.

        Raises:
            UnauthenticatedError: no token, or none of the accepted ones.
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
        # With one token for all callers it says nothing of who calls.
        return "" if len(self._digests) == 1 else f"token {found[0]}"

    def _read(self, path: Path) -> tuple[bytes, ...]:
        try:
            return _digests(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"token_file {path}: {error.strerror}; expected a file of tokens") from error
        except UnicodeDecodeError:
            # Without its cause, which quotes the file.
            raise ConfigurationError(f"token_file {path} is no text; expected a token on each line") from None

    def _refresh(self) -> None:
        if self._watch is None or self._file is None or not self._watch.changed():
            return
        try:
            self._digests = self._read(self._file)
        except ConfigurationError as error:
            log.warning("tokens not reloaded", error=str(error), then="accepting those read before")
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
