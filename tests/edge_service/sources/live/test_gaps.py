from edge_service.sources.live.gaps import FoundGap, GapWatch


def watched(times_s: list[float]) -> GapWatch:
    watch = GapWatch(times_s[0] - 9)  # how long the first picture takes is no gap
    assert [watch.arrived(at_s) for at_s in times_s] == [None] * len(times_s)
    return watch


def test_a_loss_is_a_gap_from_the_last_picture_to_the_next_with_its_first_reason() -> None:
    watch = watched([1.0, 1.1, 1.2])
    watch.lost("it ended the stream")
    watch.lost("refused")
    gap = watch.arrived(1.5)
    assert gap is not None
    assert (gap.began_s, round(gap.seconds, 6), gap.why) == (1.2, 0.3, "it ended the stream")
    assert watch.arrived(1.6) is None


def test_a_silence_without_a_loss_is_a_gap_too() -> None:
    watch = watched([number / 8 for number in range(25)])
    assert watch.arrived(3.75) is None
    gap = watch.arrived(5.0)
    assert gap is not None
    assert (gap.began_s, gap.seconds, gap.why) == (3.75, 1.25, "no picture came")


def test_what_is_usual_for_a_slow_camera_is_no_gap() -> None:
    watch = watched([0.0, 5.0, 10.0, 15.0, 20.0, 30.0])
    assert watch.arrived(80) is not None


def test_a_gap_that_lasts_to_the_end() -> None:
    watch = watched([0.0, 0.1, 0.2, 0.3])
    assert watch.ended(0.4) is None
    watch.lost("refused")
    assert watch.ended(0.8) == FoundGap(0.3, 0.5, "refused")


def test_a_source_that_never_came_is_one_gap() -> None:
    watch = GapWatch(7.0)
    assert watch.ended(8.0) is None
    watch.lost("refused")
    assert watch.ended(10.0) == FoundGap(7.0, 3.0, "refused")
