"""Checks that a port can be listened on, before long work begins."""

import errno
import socket

from dads.errors import CommandError


def check_free(option: str, host: str, port: int) -> None:
    """Try to listen on a port for a moment; port 0 is always free.

    Args:
        option: The option that set the port, such as `--metrics-port`; the message begins with it.
        host: Address or name of this machine.
        port: The port.

    Raises:
        CommandError: the port is in use, or cannot be listened on for another reason.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on: {error.strerror}"
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise CommandError(f"{option}: {where} {reason}; expected a free port, or 0 to pick one") from error
