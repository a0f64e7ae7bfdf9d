"""A short, seeded form of `make fuzz`, and every input that it once found."""

import random
from itertools import islice

import pytest

import split_model
from chaos import small_model
from chaos.fuzz_codec import read_all
from chaos.fuzz_inputs import CORPUS, TARGETS, mutants, seeds
from chaos.fuzz_server import BAD_CODES, Target
from cloud_service import CloudConfig, CloudServer

CODEC_INPUTS, LIVE_INPUTS = 2000, 128


def pools(model, digest, layers):
    return {target: seeds(target, model, digest, layers) for target in TARGETS}


def test_mutants_are_a_function_of_the_seed():
    pool = [b"one", b"another", b""]
    once, again, other = (list(islice(mutants(pool, random.Random(seed)), 50)) for seed in (1, 1, 2))
    assert once == again != other


def test_mutants_at_the_codec():
    pool = [one for ones in pools("m", "ab" * 32, ("x", "a", "b", "c")).values() for one in ones]
    for message in [*pool, *islice(mutants(pool, random.Random(5)), CODEC_INPUTS)]:
        read_all(message)


def test_a_reader_that_raises_would_be_found(monkeypatch):
    monkeypatch.setattr("chaos.fuzz_codec.read_request", lambda message: message[10**6])
    with pytest.raises(IndexError):
        read_all(b"")


async def test_mutants_and_all_that_was_ever_found_at_a_live_server(tmp_path):
    model = split_model.load(small_model.write(tmp_path / "model.pt2"))
    server = CloudServer(CloudConfig(listen="127.0.0.1:0", profile_repeats=1, grace_s=5), [model])
    await server.start()
    try:
        async with Target(f"127.0.0.1:{server.port}") as target:
            layers = [layer.name for layer in model.graph.layers]
            for method, pool in pools(model.name, model.digest, layers).items():
                messages = [*pool, *islice(mutants(pool, random.Random(5)), LIVE_INPUTS)]
                codes = await target.send(method, messages)
                assert not BAD_CODES & codes.keys(), codes
                assert codes.total() == len(messages)
                assert codes["OK"], "good ones pass"
                assert codes["INVALID_ARGUMENT"], "broken ones do not"
    finally:
        await server.stop(5)


def test_the_corpus_is_kept_by_method():
    names = [path.name for path in CORPUS.iterdir()]
    assert names
    assert all(name.partition("-")[0] in {target.lower() for target in TARGETS} for name in names), names
