"""A tiny network with what makes networks hard to cut, in a file like those of `split_model.model_file`."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from partitioner import Layer, LayerGraph
from split_model.arguments import ExpectedInputs
from split_model.definition import Definition, Returned
from split_model.errors import ModelError
from split_model.parts import crossing, remote_outputs, tail_spec
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import LEAF, Nesting

_START = 4096
_FLOAT = TensorProto.FLOAT


@dataclass
class TinyFile:
    """A model file with the attributes that the engine reads."""

    definition: Definition
    network: onnx.ModelProto
    path: Path
    weights_start: int
    weights_bytes: int
    feeds: dict[str, np.ndarray]
    replaced: bool = field(default=False)

    def check_unchanged(self) -> None:
        if self.replaced:
            raise ModelError("the file was replaced")

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.feeds)

    @property
    def whole(self):
        return tail_spec(self.definition, self.inputs, (), [spec.path for spec in self.definition.outputs.specs])

    def sides(self, edge: frozenset[str]):
        """The parts of a split."""
        sends = crossing(self.definition, edge)
        head = tail_spec(self.definition, self.inputs, sends, ())
        return head, tail_spec(self.definition, sends, (), remote_outputs(self.definition, edge))


def _nodes():
    """Layers by name, each with its nodes; `scale` is made of weights alone, and `branch` reads `relu` inside an If."""
    then = helper.make_graph(
        [helper.make_node("Add", ["relu", "scale"], ["then"])],
        "then",
        [],
        [helper.make_tensor_value_info("then", _FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["relu"], ["other"])],
        "other",
        [],
        [helper.make_tensor_value_info("other", _FLOAT, None)],
    )
    return [
        helper.make_node("Mul", ["one", "two"], ["scale"]),
        helper.make_node("Cast", ["picture"], ["real"], to=_FLOAT),
        helper.make_node("Conv", ["real", "kernel", "bias"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("ReduceSum", ["relu"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["branch"], then_branch=then, else_branch=other),
        helper.make_node("Conv", ["branch", "kernel2"], ["wide"], pads=[1, 1, 1, 1]),
        helper.make_node("Split", ["wide"], ["halves#0", "halves#1"], axis=1, num_outputs=2),
        helper.make_node("Mul", ["halves#0", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "halves#1"], ["sum"]),
        helper.make_node("GlobalAveragePool", ["sum"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "row"], ["flat"]),
        helper.make_node("Gemm", ["flat", "matrix"], ["fc"]),
        helper.make_node("Identity", ["fc"], ["output:scores"]),
        helper.make_node("Reshape", ["fc", "column"], ["output:column"]),
        helper.make_node("Identity", ["positive"], ["output:positive"]),
    ]


def _weights():
    rng = np.random.default_rng(7)
    return {
        "one": np.full((1,), 0.5, np.float32),
        "two": np.full((1,), 3.0, np.float32),
        "zero": np.zeros((), np.float32),
        "row": np.array([1, 32], np.int64),
        "column": np.array([16, 1], np.int64),
        "kernel": rng.normal(size=(16, 3, 3, 3)).astype(np.float32),
        "bias": rng.normal(size=16).astype(np.float32),
        "kernel2": rng.normal(size=(64, 16, 3, 3)).astype(np.float32),
        "matrix": rng.normal(size=(32, 64)).astype(np.float32)[:, :16].copy(),
    }


def _definition() -> Definition:
    def floats(*shape: int) -> tuple[TensorSpec, ...]:
        return (TensorSpec("float32", shape),)

    specs = {
        "picture": (TensorSpec("uint8", (1, 3, 8, 8)),),
        "real": floats(1, 3, 8, 8),
        "conv": floats(1, 16, 8, 8),
        "relu": floats(1, 16, 8, 8),
        "positive": (TensorSpec("bool", ()),),
        "branch": floats(1, 16, 8, 8),
        "wide": floats(1, 64, 8, 8),
        "halves": floats(1, 32, 8, 8) * 2,
        "scaled": floats(1, 32, 8, 8),
        "sum": floats(1, 32, 8, 8),
        "pooled": floats(1, 32, 1, 1),
        "fc": floats(1, 16),
    }
    reads = {
        "picture": (), "real": ("picture",), "conv": ("real",), "relu": ("conv",), "positive": ("relu",),
        "branch": ("relu", "positive"), "wide": ("branch",), "halves": ("wide",), "scaled": ("halves",),
        "sum": ("halves", "scaled"), "pooled": ("sum",), "fc": ("pooled",),
    }  # fmt: skip
    layers = tuple(Layer(name, reads[name], sum(spec.bytes for spec in found)) for name, found in specs.items())
    outputs = (
        ("scores", ValueSpec("scores", "fc", "float32", (1, 16))),
        ("column", ValueSpec("column", "fc", "float32", (16, 1))),
        ("positive", ValueSpec("positive", "positive", "bool", ())),
    )
    return Definition(
        digest="0" * 64,
        graph=LayerGraph(layers, ("positive", "fc")),
        layer_specs=specs,
        inputs=ExpectedInputs(
            ("picture",), Nesting(tuple, (0,), (LEAF,)), (("picture", specs["picture"][0]),), ("picture",)
        ),
        outputs=Returned(Nesting(tuple, (0, 1, 2), (LEAF,) * 3), outputs),
        places={name: name for name in specs},
    )


def _external(weights: dict[str, np.ndarray], path: Path) -> tuple[list[TensorProto], int]:
    """The weights as tensors, the larger ones in a file."""
    tensors, data = [], bytearray()
    for name, array in weights.items():
        tensor = numpy_helper.from_array(array, name)
        if array.nbytes >= 1024:
            data += bytes(-len(data) % 64)
            place = {"location": "weights.bin", "offset": len(data), "length": array.nbytes}
            data += tensor.raw_data
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    path.write_bytes(bytes(_START) + data + b"what follows")
    return tensors, len(data)


@pytest.fixture
def tiny(tmp_path) -> TinyFile:
    path = tmp_path / "model" / "tiny.dads"
    path.parent.mkdir()
    tensors, size = _external(_weights(), path)
    graph = helper.make_graph(
        _nodes(),
        "tiny",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, 3, 8, 8])],
        [
            helper.make_tensor_value_info("output:scores", _FLOAT, [1, 16]),
            helper.make_tensor_value_info("output:column", _FLOAT, [16, 1]),
            helper.make_tensor_value_info("output:positive", TensorProto.BOOL, []),
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    picture = np.random.default_rng(3).integers(0, 256, (1, 3, 8, 8), np.uint8)
    return TinyFile(_definition(), model, path, _START, size, {"picture": picture})


@pytest.fixture
def one_operator(tmp_path):
    """A file whose network is one operator."""

    def make(operator: str, inputs: dict[str, TensorSpec], output: TensorSpec, weights=None, **attributes):
        tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
        node = helper.make_node(operator, [*inputs, *(weights or {})], ["y"], **attributes)
        model = helper.make_model(
            helper.make_graph([node], "one", [], [], tensors),
            opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
        )  # fmt: skip
        layers = (
            *(Layer(name, (), spec.bytes) for name, spec in inputs.items()),
            Layer("y", tuple(inputs), output.bytes),
        )
        specs = {**{name: (spec,) for name, spec in inputs.items()}, "y": (output,)}
        path = tmp_path / "one.dads"
        path.touch()
        definition = SimpleNamespace(
            digest="1", graph=LayerGraph(layers, ("y",)), layer_specs=specs, outputs=SimpleNamespace(specs=())
        )
        return TinyFile(definition, model, path, 0, 0, dict.fromkeys(inputs))

    return make
