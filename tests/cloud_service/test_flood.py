"""A caller that asks for ever other cuts of a real model, over the wire."""

import itertools

import pytest
import torch

import split_model
from split_model.model import _CACHED_PARTS
from split_wire import encode_tensor, split_pb2

LAYERS = 9  # subsets of them are cuts: more than twice what is remembered


class Chain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(LAYERS))

    def forward(self, x):
        for step in self.steps:
            x = step(x)
        return x


@pytest.fixture
def chain():
    return split_model.model_of(Chain().eval(), (torch.ones(1, 2),), name="made_here:chain")


def no_times(model, *, repeats):
    return split_model.Profile(tuple(1e-6 for _ in model.graph.layers), 1e-5)


def cut(model, layers):
    tensors = [encode_tensor(name, torch.ones(1, 2).numpy()).message() for name in layers]
    return split_pb2.RunTailRequest(model=model.name, digest=model.digest, tensors=tensors)


async def test_a_flood_of_cuts_neither_grows_memory_nor_pushes_out_the_one_in_use(serve, chain):
    names = [layer.name for layer in chain.graph.layers]
    first, *others = names
    async with serve(chain, measure=no_times) as (_, stub):
        for _ in range(2):
            in_use = await stub.RunTail(cut(chain, [others[0]]))
        tail = chain.tail((others[0],), ())
        flood = itertools.islice(
            (subset for size in range(2, len(others)) for subset in itertools.combinations(others, size)),
            3 * _CACHED_PARTS,
        )
        sent = 0
        for subset in flood:
            assert (await stub.RunTail(cut(chain, [first, *subset]))).outputs
            sent += 1
        assert sent == 3 * _CACHED_PARTS
        assert len(chain._tails) <= 2 * _CACHED_PARTS
        assert chain.tail((others[0],), ()) is tail
        assert (await stub.RunTail(cut(chain, [others[0]]))).outputs == in_use.outputs
