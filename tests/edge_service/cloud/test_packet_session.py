"""Which packets go with a frame: none twice, none left out, and never more than they are worth."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import given

from edge_service.cloud.packet_session import PacketSession
from pictures import Compressed, PacketHistory, StreamFormat
from split_wire import limits

FRAME_BYTES = 1000
KEY_BYTES, BYTES = 5000, 100
GROUP = 10


def pictures(count, *, group=GROUP, codec="h264", size=BYTES):
    """The pictures of a source without reordering, a keyframe every `group`."""
    history = PacketHistory(StreamFormat(codec))
    made = []
    for number in range(count):
        is_keyframe = number % group == 0
        history.add(bytes(KEY_BYTES if is_keyframe and codec != "still" else size), is_keyframe=is_keyframe)
        made.append(Compressed(history, number, number))
    return made


def numbers(chosen):
    return [packet.number for packet in chosen.packets]


def send(session, picture, *, stream=0, now_s=0.0, checked=False):
    chosen = session.choose(picture, stream, now_s)
    if chosen is not None:
        session.sent(chosen, checked=checked, now_s=now_s)
    return chosen


def test_a_session_begins_at_a_keyframe_and_goes_on():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    first = send(session, source[2])
    assert (first.begins, numbers(first)) == (True, [0, 1, 2])
    second = send(session, source[6])
    assert (second.begins, second.first, numbers(second)) == (False, 3, [3, 4, 5, 6])


def test_a_keyframe_in_between_begins_anew_and_leaves_out_what_lies_before_it():
    session, source = PacketSession(FRAME_BYTES), pictures(20)
    send(session, source[5])
    anew = send(session, source[12])
    assert (anew.begins, numbers(anew)) == (True, [10, 11, 12])


def test_a_keyframe_that_follows_the_last_packet_goes_on():
    session, source = PacketSession(FRAME_BYTES), pictures(20)
    send(session, source[9])
    assert not send(session, source[12]).begins


def test_a_picture_shown_again_needs_no_packets():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    send(session, source[3])
    again = send(session, source[3])
    assert (again.first, numbers(again), again.begins) == (4, [], False)


def test_choosing_changes_nothing():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    assert session.choose(source[1], 0, 0.0) == session.choose(source[1], 0, 0.0)
    assert session.choose(source[3], 0, 0.0).begins


@pytest.mark.parametrize("event", ["another stream", "another source", "over", "idle"])
def test_after_any_break_a_session_begins_anew(event):
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    first = send(session, source[2])
    stream, now_s, picture = 0, 0.0, source[4]
    if event == "another stream":
        stream = 1
    elif event == "another source":
        picture = pictures(10)[4]
    elif event == "idle":
        now_s = limits.SESSION_IDLE_S
    else:
        session.ended(first, 0.0)
        assert not session.is_on(first, 0)
    anew = session.choose(picture, stream, now_s)
    assert (anew.begins, numbers(anew), anew.session) == (True, [0, 1, 2, 3, 4], first.session + 1)


def test_the_end_of_an_old_session_leaves_the_new_one_alone():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    old = send(session, source[0])
    session.ended(old, 0.0)
    new = send(session, source[1])
    session.ended(old, 0.0)
    assert session.is_on(new, 0)
    assert not session.is_on(old, 0)
    assert not session.is_on(new, 1)


def test_a_session_that_ends_while_packets_are_encoded_stays_ended():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    first = send(session, source[2])
    second = session.choose(source[3], 0, 0.0)
    session.ended(first, 0.0)
    session.sent(second, checked=False, now_s=0.0)
    assert not session.is_on(second, 0)
    assert numbers(send(session, source[4])) == [0, 1, 2, 3, 4]


def test_a_session_that_would_cost_more_than_the_frame_waits_for_a_keyframe():
    session, source = PacketSession(FRAME_BYTES), pictures(40, group=20)
    assert session.choose(source[11], 0, 0.0) is None
    assert send(session, source[10]).begins, "the keyframe itself does not count"
    session, source = PacketSession(FRAME_BYTES), pictures(120, group=60)
    send(session, source[1])
    assert session.choose(source[50], 0, 0.0) is None, "too much to catch up with"
    assert send(session, source[60]).begins


def test_a_still_picture_goes_only_if_it_is_smaller_than_the_frame():
    session = PacketSession(FRAME_BYTES)
    for picture in pictures(3, group=1, codec="still", size=FRAME_BYTES):
        assert numbers(send(session, picture)) == [picture.number]
    assert session.choose(pictures(1, group=1, codec="still", size=FRAME_BYTES + 1)[0], 0, 0.0) is None


def test_more_packets_than_a_request_may_have_are_not_sent():
    session, source = PacketSession(1e9), pictures(limits.MAX_PACKETS + 1, group=10**6, size=1)
    assert session.choose(source[-1], 0, 0.0) is None
    assert len(session.choose(source[-2], 0, 0.0).packets) == limits.MAX_PACKETS


def test_the_last_pictures_and_damaged_ones_are_sent_otherwise():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    assert session.choose(Compressed(source[0].history, 9, 9, is_complete=False), 0, 0.0) is None
    source[3].note_damage(2, "damaged")
    assert session.choose(source[3], 0, 0.0) is None
    assert session.choose(source[1], 0, 0.0) is not None


def test_packets_that_are_known_to_be_damaged_are_not_sent():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    send(session, source[2])
    source[4].history.holding(4, 4)[0].lost[4] = "no other refers to it"
    assert send(session, source[5]) is None
    assert numbers(send(session, source[3])) == [3]


def test_a_decoder_that_needs_more_packets_gets_them():
    session, source = PacketSession(FRAME_BYTES), pictures(6)
    source[0].history.delay += 1
    assert numbers(send(session, source[2])) == [0, 1, 2, 3]
    assert numbers(send(session, source[4])) == [4, 5]
    assert session.choose(source[5], 0, 0.0) is None, "the one more is not there yet"


def test_sessions_that_are_never_answered_wait_for_longer_and_longer():
    session, source = PacketSession(FRAME_BYTES), pictures(10)
    now_s, begun = 0.0, []
    while now_s < 100.0:
        chosen = send(session, source[1], now_s=now_s)
        if chosen is not None:
            begun.append(now_s)
            session.ended(chosen, now_s)
        now_s += 0.5
    assert begun == [0.0, 0.5, 1.0, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5]
    answered = send(session, source[1], now_s=200.0)
    session.answered(answered)
    session.ended(answered, 200.0)
    assert send(session, source[1], now_s=200.5) is not None


def test_waiting():
    session, source = PacketSession(FRAME_BYTES), pictures(6)
    session.wait(5.0)
    assert session.choose(source[0], 0, 4.9) is None
    assert session.choose(source[0], 0, 5.0) is not None


def test_the_first_pictures_are_compared_and_then_one_every_five_seconds():
    session, source = PacketSession(FRAME_BYTES), pictures(200, group=8)
    checked = []
    for count, picture in enumerate(source[::2]):
        now_s = count * 0.25
        chosen = session.choose(picture, 0, now_s)
        check = session.wants_check(chosen, now_s, work=4)
        session.sent(chosen, checked=check, now_s=now_s)
        checked += [now_s] * check
    assert checked == [0.0, 0.25, 0.5, 5.5, 10.5, 15.5, 20.5]
    assert all(source[int(8 * at_s)].number % 8 for at_s in checked[1:]), "not the frames with a keyframe"
    far = session.choose(source[-1], 0, 26.0)
    assert not session.wants_check(far, 26.0, work=20), "a frame behind a keyframe will be cheaper"
    assert session.wants_check(far, 26.0, work=5)
    assert session.wants_check(far, 36.0, work=20)
    assert not session.wants_check(far, 36.0, work=10_000), "not worth so much decoding"
    assert session.wants_check(session.choose(source[-1], 1, 25.0), 25.0, work=4), (
        "another stream, perhaps another cloud"
    )


@given(st.data())
def test_what_arrives_is_never_a_gap_or_a_repeat(data):
    """A receiver that checks numbers as the cloud does accepts whatever is sent, however frames are chosen."""
    session, source = PacketSession(FRAME_BYTES), pictures(60, group=data.draw(st.sampled_from([3, 12, 60])))
    expected, stream = None, 0
    shown = sorted(data.draw(st.lists(st.integers(0, 59), max_size=30)))
    for number in shown:
        fate = data.draw(st.sampled_from(["sent", "sent", "dropped", "renewed", "refused"]))
        if fate == "dropped":
            continue
        if fate == "renewed":
            stream, expected = stream + 1, None
        chosen = send(session, source[number], stream=stream)
        if chosen is None:
            continue
        if chosen.begins:
            assert chosen.packets[0].is_keyframe
        else:
            assert chosen.first == expected
        assert all(after == before + 1 for before, after in itertools.pairwise(numbers(chosen)))
        assert number < chosen.first + len(chosen.packets)
        expected = chosen.first + len(chosen.packets)
        if fate == "refused":
            session.ended(chosen, 0.0)
            expected = None
