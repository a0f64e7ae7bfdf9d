"""Who gets how many places; time is an argument."""

import pytest

from cloud_service.errors import OverloadedError
from cloud_service.load.shares import CONTENDED_S, MAX_WAITING, Client, Shares

ADDRESS = "ipv4:192.0.2.7"


def shares(per_client=8, per_address=12):
    return Shares(
        per_client=per_client,
        per_address=per_address,
        text="{who} has {held} frames here",
        option="--max-frames",
        retry_after_s=0.25,
    )


def edge(number, address=ADDRESS):
    return Client(address, f"edge-{number}", shared=True)


def taken(of, client, now_s=0.0, *, wanted=100):
    """Take as many places as there are; how many, and the refusal."""
    for count in range(wanted):
        try:
            of.take(client, now_s)
        except OverloadedError as error:
            return count, error
    return wanted, None


def test_a_client_that_is_known_holds_its_limit_whatever_names_it_tells():
    of = shares()
    for number in range(8):
        of.take(Client("token 1", f"edge-{number}"), 0.0)
    count, error = taken(of, Client("token 1", "another"))
    assert (count, error.retry_after_s) == (0, 0.25)
    assert taken(of, Client("token 2"))[0] == 8, "another client's places are its own"


def test_an_edge_alone_at_its_address_is_a_client_alone():
    count, error = taken(shares(), edge(1))
    assert (count, str(error)) == (8, "this client has 8 frames here; expected at most 8")
    assert str(taken(shares(per_address=8), edge(1))[1]) == str(error)


def test_names_that_an_edge_chooses_widen_no_limit():
    of = shares()
    assert sum(taken(of, edge(number))[0] for number in range(100)) == 12


def test_one_that_finds_its_address_full_is_told_what_is_shared_and_what_cures_it():
    of = shares()
    for number in range(12):
        of.take(edge(number), 0.0)
    _, error = taken(of, edge(30))
    assert str(error) == (
        "this address has 12 frames here; 13 edges share its limit of 12; "
        "expected a token of its own for each edge, or a larger --max-frames"
    )


def test_thirty_edges_get_equal_shares_of_a_full_address_though_one_was_first():
    """Each wants two places and takes again what it gives back; the first edges want all there are."""
    of = shares(per_client=40, per_address=60)
    held = dict.fromkeys(range(30), 0)
    for greedy in (0, 1):
        held[greedy] = taken(of, edge(greedy))[0]
    assert (held[0], held[1]) == (40, 20)
    for step in range(40):
        now_s = step * 0.1
        for greedy in (0, 1):  # a frame is answered, and the next one is sent
            of.give_back(edge(greedy))
            held[greedy] += taken(of, edge(greedy), now_s, wanted=2)[0] - 1
        for number in range(2, 30):
            held[number] += taken(of, edge(number), now_s, wanted=2 - held[number])[0]
    assert held == dict.fromkeys(range(30), 2)


def test_a_share_is_told_and_holds_only_while_others_find_no_place():
    of = shares(per_client=12, per_address=12)
    assert taken(of, edge(1))[0] == 12
    assert taken(of, edge(2), now_s=1.0)[0] == 0
    for _ in range(3):
        of.give_back(edge(1))
    count, error = taken(of, edge(1), now_s=1.0 + 0.9 * CONTENDED_S)
    assert count == 0
    assert str(error) == (
        "this edge has 9 frames here; its share is 6: 2 edges share the limit of 12 of their address; "
        "expected a token of its own for each edge, or a larger --max-frames"
    )
    assert taken(of, edge(1), now_s=1.0 + CONTENDED_S)[0] == 3, "nobody else wants them"


def test_addresses_do_not_share():
    of = shares()
    assert taken(of, edge(1))[0] == taken(of, edge(1, "ipv4:192.0.2.8"))[0] == 8


def test_what_is_remembered_is_bounded_and_ends_with_the_last_place():
    of = shares(per_address=2)
    of.take(edge(0), 0.0)
    of.take(edge(0), 0.0)
    for number in range(2 * MAX_WAITING):
        taken(of, edge(number), 0.0)
    assert len(of._clients[ADDRESS].waiting) == MAX_WAITING
    taken(of, edge("late"), CONTENDED_S + 1)
    assert set(of._clients[ADDRESS].waiting) == {"edge-late"}, "the others gave up long ago"
    assert of.edges(edge(0)) == 1
    of.give_back(edge(0))
    of.give_back(edge(0))
    assert not of._clients
    assert of.edges(edge(0)) == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_place_that_is_given_back_can_be_taken_again(known):
    of, client = shares(per_client=1, per_address=1), Client("a", "", shared=not known)
    for _ in range(3):
        assert taken(of, client)[0] == 1
        of.give_back(client)
