from collections.abc import Iterator

import pytest
import torch

import split_model
from partitioner import LayerGraph
from split_model.model import Model


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" not in config.option.markexpr:
        skip = pytest.mark.skip(reason="takes minutes; run with -m slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def alexnet() -> Model:
    return split_model.load("torchvision:alexnet")


@pytest.fixture
def closed_sets():
    def every(graph: LayerGraph) -> list[frozenset[str]]:
        """All closed sets that hold the inputs, by brute force."""
        found = [frozenset(entry.name for entry in graph.layers if not entry.inputs)]
        for entry in graph.layers:
            if entry.inputs:
                found += [edge | {entry.name} for edge in found if edge.issuperset(entry.inputs)]
        return found

    return every
