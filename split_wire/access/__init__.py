"""How a client gets in: its settings of TLS and tokens, and the proxy on its way.

| module | one idea |
|---|---|
| `client_access` | the settings of TLS, client certificates and tokens, and checks of them |
| `proxies` | the HTTP proxy that gRPC takes from the environment |
"""

from split_wire.access.client_access import (
    PLAIN,
    ClientAccess,
    Identity,
    Metadata,
    advice,
    channel_credentials,
    is_loopback,
    suspicion,
)
from split_wire.errors import AccessError

__all__ = [
    "PLAIN",
    "AccessError",
    "ClientAccess",
    "Identity",
    "Metadata",
    "advice",
    "channel_credentials",
    "is_loopback",
    "suspicion",
]
