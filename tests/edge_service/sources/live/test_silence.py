from edge_service.sources.live.silence import SilenceLimit


def connection(limit: SilenceLimit, interval_s: float, pictures: int) -> None:
    limit.connected()
    for number in range(pictures):
        limit.arrived(100 + number * interval_s)


def test_a_fast_camera_is_given_two_seconds_whatever_happens() -> None:
    limit = SilenceLimit()
    for _ in range(5):
        assert limit.limit_s == 2
        connection(limit, 0.04, 50)
        limit.fell_silent()
    assert limit.limit_s == 2


def test_a_camera_of_a_picture_in_5_s_is_waited_for_after_a_few_attempts() -> None:
    limit = SilenceLimit()
    attempts = 0
    while limit.limit_s <= 5:  # each connection ends before the second picture
        connection(limit, 5, 1)
        limit.fell_silent()
        attempts += 1
    assert attempts == 2
    connection(limit, 5, 10)
    assert limit.limit_s == 15


def test_the_limit_is_bounded_and_comes_down_again() -> None:
    limit = SilenceLimit(2, 30)
    for _ in range(10):
        limit.connected()
        limit.fell_silent()
    assert limit.limit_s == 30
    connection(limit, 20, 5)
    assert limit.limit_s == 30
    connection(limit, 0.1, 20)
    assert limit.limit_s == 2


def test_the_time_between_two_connections_is_no_interval() -> None:
    limit = SilenceLimit()
    connection(limit, 0.1, 3)
    limit.connected()
    for at_s in (900.0, 900.1, 900.2, 900.3):
        limit.arrived(at_s)
    assert limit.limit_s == 2
