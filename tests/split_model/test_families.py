"""Real models, split at random closed sets."""

import random

import numpy as np
import pytest

import split_model
from models import torchvision_models
from models.detectors import DETECTORS
from partitioner import CostProfile, SplitTable
from split_model.model import Model

MOST_CLOSED_SETS = 40_000

FAST = (
    "alexnet",
    "densenet121",
    "googlenet",
    "mnasnet0_5",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vit_b_32",
)

ZOO = ("efficientnet_lite0", "nin", "tiny_yolov2", "easy_net", "inception", "inception_v2", "alex_net")


def random_closed_set(model: Model, generator: random.Random) -> frozenset[str]:
    edge: set[str] = set()
    keep = generator.choice([0.5, 0.9, 0.97, 0.99, 1.0])
    for entry in model.graph.layers:
        if edge.issuperset(entry.inputs) and (not entry.inputs or generator.random() < keep):
            edge.add(entry.name)
    return frozenset(edge)


def check_table(model: Model) -> None:
    """The table of closed sets exists and is small."""
    ones = (1.0,) * len(model.graph)
    table = SplitTable(model.graph, CostProfile(ones, ones), max_sets=MOST_CLOSED_SETS)
    # With one input, the prefixes of the order alone are as many as there are layers.
    assert len(model.graph) <= len(table) <= MOST_CLOSED_SETS


def check(model: Model, splits: int) -> None:
    check_table(model)
    expected = model.flatten(model(*model.example_inputs))
    names = [entry.name for entry in model.graph.layers]
    inputs = frozenset(entry.name for entry in model.graph.layers if not entry.inputs)
    generator = random.Random(model.name)
    edges = [inputs, frozenset(names), *(random_closed_set(model, generator) for _ in range(splits))]
    for edge in edges:
        head, tail = model.split(edge)
        values = {
            name: split_model.value_of(split_model.arrays_of(value), model.layer_specs[name])
            for name, value in head(*model.example_inputs).items()
        }
        for path, output in model.flatten(tail(values)).items():
            scale = float(np.abs(expected[path]).max())
            assert np.isfinite(output).all()
            assert float(np.abs(output - expected[path]).max()) <= 1e-4 * scale, (model.name, path)
            assert output.argmax() == expected[path].argmax()


@pytest.mark.parametrize("name", FAST)
def test_a_spread_of_families(name):
    check(split_model.load(f"torchvision:{name}"), splits=5)


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo(name):
    model = split_model.load(f"zoo:{name}")
    assert model.inputs[0].dtype == "uint8"
    assert [entry.name for entry in model.graph.layers][:2] == ["image", "_to_copy"]
    check(model, splits=5)


def test_all_classifiers_and_the_segmentation_models_are_covered():
    """The fast and the slow tests take every name between them; a torchvision of other models wants a look.

    `tests/models/test_detectors.py` takes the detectors.
    """
    known = torchvision_models.names()
    assert {"fcn_resnet50", "deeplabv3_resnet50", "lraspp_mobilenet_v3_large"} <= set(known)
    assert set(FAST) <= set(known)
    assert len(known) >= 80 + 3


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name in torchvision_models.names() if name not in (*FAST, *DETECTORS)])
def test_every_other_torchvision_model(name):
    check(split_model.load(f"torchvision:{name}"), splits=3)


def test_closed_sets_are_few():
    """Folding and relabelling keep the count of closed sets near that of a chain."""

    def count(spec: str) -> int:
        graph = split_model.load(spec).graph
        ones = (1.0,) * len(graph.layers)
        return len(SplitTable(graph, CostProfile(ones, ones)))

    assert count("torchvision:squeezenet1_1") < 200
    assert count("torchvision:swin_t") < 3000
    assert count("zoo:easy_net") == 9


@pytest.mark.parametrize(("name", "labelled"), [("zoo:nin", True), ("zoo:tiny_yolov2", False), ("zoo:alex_net", True)])
def test_labels(name, labelled):
    labels = split_model.load(name).labels
    assert (labels is not None) == labelled
    assert labels is None or len(labels) == 1000


def test_the_sizes_of_the_models():
    sizes = {name: split_model.load(name).inputs[0].shape[2:] for name in ("zoo:tiny_yolov2", "zoo:efficientnet_lite0")}
    assert sizes == {"zoo:tiny_yolov2": (416, 416), "zoo:efficientnet_lite0": (224, 224)}
