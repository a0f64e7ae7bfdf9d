from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from split_model.engines.onnx.names import output_name, tensor_names
from split_model.exporting.network import Progress, export_network
from split_model.model import Model
from split_model.trace.layering import layer


@dataclass
class Exported:
    """A model beside its network."""

    model: Model
    network: onnx.ModelProto

    def __post_init__(self) -> None:
        graph = self.network.graph
        self.maker = {name: position for position, node in enumerate(graph.node) for name in node.output}
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        self.types = {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}

    def run(self, given: Mapping[str, np.ndarray], wanted: Sequence[str]) -> list[np.ndarray]:
        """Runs the part between values in ONNX Runtime; fails if it needs another value than those given."""
        nodes: set[int] = set()
        read: set[str] = set()
        waiting = list(wanted)
        while waiting:
            name = waiting.pop()
            if name and name not in read:
                read.add(name)
                if name not in given and name not in self.weights:
                    nodes.add(self.maker[name])
                    waiting += self.network.graph.node[self.maker[name]].input
        inputs = [self.types[name] for name in given if name in read]
        part = helper.make_graph(
            [self.network.graph.node[position] for position in sorted(nodes)],
            "part",
            inputs,
            [self.types[name] for name in wanted if name not in given],
            [tensor for name, tensor in self.weights.items() if name in read],
        )
        made = helper.make_model(part, opset_imports=self.network.opset_import, ir_version=self.network.ir_version)
        onnx.checker.check_model(made, full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(list(wanted), {value.name: given[value.name] for value in inputs})

    def layers(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """For each tensor of a layer its name, torch's value, and ONNX's from torch's values of the layers it reads."""
        model = self.model
        values = dict(model.definition.inputs.feed(model.example_inputs))
        tensors = dict(values)
        for name, value in model.engine.walk(values):
            if name == model.rest:
                continue
            parts = value if isinstance(value, tuple) else (value,)
            names = tensor_names(name, len(parts))
            entry = next(entry for entry in model.graph.layers if entry.name == name)
            given = [each for source in entry.inputs for each in tensor_names(source, len(model.layer_specs[source]))]
            found = self.run({each: tensors[each] for each in given}, names)
            yield from zip(names, parts, found, strict=True)
            tensors.update(zip(names, parts, strict=True))

    def outputs(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """For each output that is no constant its path, torch's value, and ONNX's from the inputs."""
        model = self.model
        given = dict(model.definition.inputs.feed(model.example_inputs))
        paths = [spec.path for spec in model.outputs if spec.layer is not None]
        wanted = model.tail(given.keys(), paths).run(given)
        for path, found in zip(paths, self.run(given, [output_name(path) for path in paths]), strict=True):
            yield path, wanted[path], found


@pytest.fixture(scope="session")
def export() -> Callable[..., Exported]:
    def exported(model: Model, on_progress: Progress | None = None) -> Exported:
        trace = model.engine.plain_trace()
        paths = [path for path, _ in model.definition.outputs.leaves]
        return Exported(model, export_network(trace, layer(trace), paths, on_progress=on_progress))

    return exported
