import pytest

from split_model.cache import SegmentedCache


def test_one_entry_per_key():
    cache = SegmentedCache(2)
    first = cache.get("a", object)
    assert cache.get("a", object) is first
    assert cache.get("b", object) is not first


def test_bounded():
    cache = SegmentedCache(3)
    for number in range(50):
        for _ in range(1 + number % 3):
            cache.get(number, object)
        assert len(cache) <= 6


def test_keys_seen_once_do_not_evict_keys_in_use():
    cache = SegmentedCache(2)
    first = cache.get("used", object)
    cache.get("used", object)
    for number in range(100):
        cache.get(number, object)
    assert cache.get("used", object) is first


def test_among_keys_in_use_the_least_recent_goes():
    cache = SegmentedCache(2)
    kept = {}
    for key in "abc":
        cache.get(key, object)
        kept[key] = cache.get(key, object)
    for number in range(5):
        cache.get(number, object)
    assert cache.get("b", object) is kept["b"]
    assert cache.get("a", object) is not kept["a"]


def test_failures_are_not_remembered():
    cache = SegmentedCache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 1) == 1
