import socket

import pytest

from dads.errors import CommandError
from dads.ports import check_free


def test_a_free_port_is_free_afterwards_too():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    check_free("--listen", "127.0.0.1", port)
    check_free("--listen", "127.0.0.1", port)
    check_free("--listen", "127.0.0.1", 0)


def test_a_port_in_use_is_named_with_its_option():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CommandError, match=f"^--listen: 127.0.0.1:{port} is in use; expected a free port, or 0"):
            check_free("--listen", "127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_what_is_no_address_of_this_machine_is_named(host):
    with pytest.raises(CommandError, match=r"^--listen: .* cannot be listened on: "):
        check_free("--listen", host, 50051)
