import pytest

from edge_service.sources.files.damage import Damage, PacketFacts, means_join

KEY, REFERS = True, False


def lost(packets, failing=(), disposable=()):
    """Whether each of the packets' pictures is lost before it is decoded; those at `failing` cannot be decoded."""
    damage, found = Damage(), []
    for number, (is_keyframe, pts_s) in enumerate(packets):
        facts = PacketFacts(is_keyframe, is_disposable=number in disposable, pts_s=pts_s)
        found.append(damage.lost(facts) is not None)
        if number in failing:
            damage.failed(facts)
    return found


def test_what_follows_a_lost_picture_is_lost_up_to_the_next_keyframe():
    packets = [(KEY, 0), (REFERS, 1), (REFERS, 2), (REFERS, 3), (KEY, 4), (REFERS, 5)]
    assert lost(packets) == [False] * 6
    assert lost(packets, failing=[1]) == [False, False, True, True, False, False]
    assert lost(packets, failing=[0, 4]) == [False, True, True, True, False, True]


def test_nothing_refers_to_a_disposable_picture():
    assert lost([(KEY, 0), (REFERS, 1), (REFERS, 2)], failing=[1], disposable=[1]) == [False] * 3


def test_what_is_shown_before_the_keyframe_refers_to_what_was_lost():
    packets = [(KEY, 0), (REFERS, 1), (KEY, 4), (REFERS, 2), (REFERS, 3), (REFERS, 5), (REFERS, 4.5)]
    assert lost(packets, failing=[1]) == [False, False, False, True, True, False, False]
    assert lost(packets) == [False] * 7


@pytest.mark.parametrize(
    ("following", "joined"),
    [
        ([(REFERS, 10.1), (KEY, 0.0)], True),
        ([(KEY, 0.0), (REFERS, 0.1)], True),
        ([(REFERS, 10.1), (KEY, 9999.0)], True),
        ([(REFERS, 10.1), (KEY, 10.2)], True),
        ([(KEY, 10.1), (REFERS, 10.2)], False),
        ([(REFERS, 10.1), (KEY, 10.9)], False),
        ([(REFERS, 10.1), (REFERS, 0.0)], False),
        ([(REFERS, 10.1), (KEY, None)], False),
        ([], False),
    ],
)
def test_a_flag_that_only_means_that_recordings_were_joined(following, joined):
    flagged = PacketFacts(REFERS, is_corrupt=True, dts_s=10.0)
    assert means_join(flagged, [PacketFacts(key, dts_s=dts_s) for key, dts_s in following], 0.1) is joined
