from chaos.process_use import Use
from chaos.soak import grown


def samples(memory, threads=5, files=7):
    return [Use(size, threads, files) for size in memory]


def test_noise_is_no_growth():
    assert grown("edge", samples([100, 104, 99, 103, 101, 100, 104, 98, 102, 101])) == []


def test_growth_is_told():
    found = grown("edge", [*samples([100] * 5), *samples([110] * 5, threads=6, files=9)])
    assert [one.split(" grew")[0] for one in found] == [
        "the edge's memory",
        "the edge's threads",
        "the edge's descriptors",
    ]
