"""What may be given as clouds: addresses in a list, and clouds of one's own."""

import pytest

from edge_service import Agent, AgentConfig
from edge_service.clouds import MOST_CLOUDS, cloud_addresses, connected
from edge_service.errors import CloudAddressError
from split_wire.access import PLAIN


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, []),
        ("a:1", ["a:1"]),
        ("a:1,b:2 , c:3", ["a:1", "b:2", "c:3"]),
        (["a:1", "b:2"], ["a:1", "b:2"]),
        (("a:1",), ["a:1"]),
        ([], []),
        ("ipv4:192.0.2.7:1,192.0.2.8:1", ["ipv4:192.0.2.7:1,192.0.2.8:1"]),
    ],
)
async def test_addresses_in_any_form(two_by_two, given, names):
    made = connected(given, two_by_two, PLAIN)
    assert list(made) == names
    assert [cloud.address for cloud in made.values()] == names


def test_clouds_of_ones_own_get_names(two_by_two, manual_cloud):
    one, other = manual_cloud(two_by_two), manual_cloud(two_by_two)
    assert connected(one, two_by_two, PLAIN) == {"ManualCloud": one}
    assert connected([one, other], two_by_two, PLAIN) == {"ManualCloud 0": one, "ManualCloud 1": other}
    assert list(connected(["a:1", other], two_by_two, PLAIN)) == ["a:1", "ManualCloud 1"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "empty address"),
        ("a:1,", "empty address"),
        ("a:1,b:1,a:1", "a:1 is given twice"),
        (["a:1", "a:1"], "a:1 is given twice"),
        (",".join(f"a:{port}" for port in range(1, MOST_CLOUDS + 2)), "17 clouds are given; expected at most 16"),
    ],
)
def test_addresses_that_cannot_be_used(two_by_two, given, why):
    with pytest.raises(CloudAddressError, match=why):
        Agent(two_by_two, given, AgentConfig())


def test_the_most_there_may_be():
    assert len(cloud_addresses(",".join(f"a:{port}" for port in range(1, MOST_CLOUDS + 1)))) == MOST_CLOUDS
