"""A small model, made by hand: two inputs, a layer of two tensors, and outputs of every kind; and files of it."""

import hashlib
import io
import json
import zipfile
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from partitioner import Layer, LayerGraph
from pictures import Preprocess
from split_model.arguments import ExpectedInputs
from split_model.definition import Definition, Returned
from split_model.model_file.writing import write_model_file
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import flatten, paths_of

IMAGE = TensorSpec("uint8", (1, 4))
SCALE = TensorSpec("float32", (4,))
HALF = TensorSpec("float32", (1, 64))
Point = namedtuple("Point", ("x", "y"))
CONSTANT = np.array([True, False])


def make_network(weight=None):
    """split = image @ weight, in halves; total = their sum."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((4, 128)).astype(np.float32) if weight is None else weight
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "weight"], ["product"]),
        helper.make_node("Split", ["product", "halves"], ["split#0", "split#1"], axis=1),
        helper.make_node("Add", ["split#0", "split#1"], ["total"]),
        helper.make_node("Identity", ["total"], ["output:sum"]),
        helper.make_node("Identity", ["split#0"], ["output:parts.0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 4]),
            helper.make_tensor_value_info("scale", TensorProto.FLOAT, [4]),
        ],
        [
            helper.make_tensor_value_info("output:sum", TensorProto.FLOAT, [1, 64]),
            helper.make_tensor_value_info("output:parts.0", TensorProto.FLOAT, [1, 64]),
        ],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.array([64, 64]), "halves")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def make_definition():
    inputs = (IMAGE, {"scale": SCALE, 2: 0.5, True: "text"}, Point(None, float("nan")), [3, complex(0, float("inf"))])
    names = ("image", "options", "point", "more")
    wanted, nesting = flatten(inputs)
    layers = tuple("image" if leaf is IMAGE else "scale" if leaf is SCALE else None for leaf in wanted)
    returned = OrderedDict(
        {
            "sum": ValueSpec("sum", "total", "float32", (1, 64)),
            "parts": (ValueSpec("parts.0", "split", "float32", (1, 64)), 7, None),
            "mask": ValueSpec("mask", None, "bool", (2,)),
        }
    )
    leaves, returned_nesting = flatten(returned)
    return Definition(
        digest="0123456789abcdef" * 4,
        graph=LayerGraph(
            (
                Layer("image", (), 4),
                Layer("scale", (), 16),
                Layer("split", ("image", "scale"), 512, sendable=False),
                Layer("total", ("split",), 256),
            ),
            ("total", "split"),
            max_message_bytes=4000.0,
        ),
        layer_specs={"image": (IMAGE,), "scale": (SCALE,), "split": (HALF, HALF), "total": (HALF,)},
        inputs=ExpectedInputs(names, nesting, tuple(zip(paths_of(inputs, top=names), wanted, strict=True)), layers),
        outputs=Returned(returned_nesting, tuple(zip(paths_of(returned), leaves, strict=True)), {"mask": CONSTANT}),
        places={name: f"net.{name}" for name in ("image", "scale", "split", "total")},
        labels=("cat", "dög"),
        preprocess=Preprocess(resize=256),
        torch_version="2.13.0",
    )


def make_examples():
    return (
        np.arange(4, dtype=np.uint8).reshape(1, 4),
        {"scale": np.full(4, 0.5, np.float32), 2: 0.5, True: "text"},
        Point(None, float("nan")),
        [3, complex(0, float("inf"))],
    )


@pytest.fixture
def definition():
    return make_definition()


@pytest.fixture
def network():
    return make_network()


@pytest.fixture
def examples():
    return make_examples()


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The model's file, not to be changed."""
    path = tmp_path_factory.mktemp("written") / "net.dads"
    write_model_file(path, make_definition(), make_network(), make_examples(), extra={"encodings.json": b"{}"})
    return path


@pytest.fixture
def rewrite(written, tmp_path):
    """A function that writes the file again: other members with right sums, changed JSON, or a text in its place."""

    def rewritten(change=lambda json: None, *, members=None, text=None):
        with zipfile.ZipFile(written) as archive:
            data = {name: archive.read(name) for name in archive.namelist()}
        data |= members or {}
        data = {name: member for name, member in data.items() if member is not None}
        contents = json.loads(data["dads.json"])
        contents["members"] = {
            name: {"bytes": len(member), "sha256": hashlib.sha256(member).hexdigest()}
            for name, member in data.items()
            if name != "dads.json"
        }
        change(contents)
        data["dads.json"] = json.dumps(contents).encode() if text is None else text
        path = tmp_path / "net.dads"
        path.write_bytes(zipped(data))
        return path

    return rewritten


def zipped(members):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo(name)
                if name == "weights.bin":  # the first one
                    filling = 4096 - 30 - len(name) - 4
                    info.extra = b"\xda\xd5" + filling.to_bytes(2, "little") + bytes(filling)
                archive.writestr(info, data)
        return file.getvalue()
