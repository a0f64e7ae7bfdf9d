"""Which addresses are told of, and how often."""

import logging

import pytest

from cloud_service.access.crowds import CROWD, MAX_ADDRESSES, Crowds, passed_a_proxy
from cloud_service.load.shares import Client

TOLD = "edges at one address share the limits of one client"


def at(number):
    return Client(f"ipv4:192.0.2.{number}", "edge", shared=True)


@pytest.mark.parametrize(
    ("headers", "proxied"),
    [
        (["user-agent", "dads-edge"], False),
        (["via"], True),
        (["x-forwarded-for"], True),
        (["user-agent", "x-envoy-expected-rq-timeout-ms"], True),
        (["x-envoyage"], False),
    ],
)
def test_headers_of_proxies(headers, proxied):
    assert passed_a_proxy(headers) is proxied


@pytest.mark.parametrize(("edges", "proxied", "told"), [(CROWD - 1, False, 0), (CROWD, False, 1), (1, True, 1)])
def test_an_address_of_many_or_of_a_proxy_is_told_once(caplog, edges, proxied, told):
    crowds = Crowds()
    with caplog.at_level(logging.WARNING, "cloud_service"):
        for _ in range(3):
            crowds.note(at(1), edges, proxied=proxied)
    assert (caplog.text.count(TOLD), crowds.known) == (told, told)


def test_a_client_with_a_token_of_its_own_shares_nothing(caplog):
    crowds = Crowds()
    with caplog.at_level(logging.WARNING, "cloud_service"):
        crowds.note(Client("token 1", "edge"), 100, proxied=True)
    assert not caplog.text
    assert not crowds.known


def test_addresses_that_are_told_of_are_bounded(caplog):
    crowds = Crowds()
    with caplog.at_level(logging.WARNING, "cloud_service"):
        for number in range(2 * MAX_ADDRESSES):
            crowds.note(at(number), CROWD, proxied=False)
    assert caplog.text.count(TOLD) == crowds.known == MAX_ADDRESSES
