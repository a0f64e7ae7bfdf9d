"""`TorchEngine`: runs any part of a traced model at once, as a schedule of torch's operators."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from split_model.definition import Definition
from split_model.engines.engine import PartSpec, Preparation, Recorder, Results
from split_model.engines.profile import Profile
from split_model.engines.schedules.in_place import overwrites
from split_model.engines.schedules.layer_times import measured
from split_model.engines.schedules.layout import channels_last
from split_model.engines.schedules.packing import pack
from split_model.engines.schedules.schedule import Program, Schedule
from split_model.engines.walking import walk
from split_model.pytorch.tensors import array_of, tensors_of
from split_model.rests.form import argument_path
from split_model.trace.layering import Layering
from split_model.trace.rest import rest_of
from split_model.trace.trace import Argument, Ref, Trace
from split_model.values import Value

__all__ = ["TorchEngine", "TorchPart"]


@dataclass(frozen=True, slots=True, eq=False)
class TorchPart:
    """A part of a model as a schedule.

    Attributes:
        engine: What made it.
        spec: The part.
        schedule: The operator calls.
    """

    engine: "TorchEngine"
    spec: PartSpec
    schedule: Schedule

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:
        """See `split_model.engines.engine.Part`."""
        engine = self.engine
        specs, nodes = engine.definition.layer_specs, engine.node_of
        with torch.inference_mode():
            given = {nodes[name]: tensors_of(feeds[name], specs[name]) for name in self.spec.feeds}
            found = self.schedule.run(given, recorder)
            layers = {name: _arrays(found[nodes[name]]) for name in self.spec.layers}
            outputs = {path: array_of(self._output(path, found)) for path in self.spec.outputs}
        return Results(layers, outputs)

    def _output(self, path: str, found: Mapping[int, Argument]) -> torch.Tensor:
        value: torch.Tensor = found[self.engine.output_nodes[path]]
        return value.contiguous() if path in self.engine.contiguous else value


class TorchEngine:
    """Every node of a traced model, ready to run in parts.

    Args:
        definition: The model.
        trace: Its trace, folded, pruned and fused.
        layering: The layers of the trace.
        contiguous: Paths of the outputs that the module returns in row-major order; a schedule may use another.
        device: The device that computes.
        plain_trace: Makes the trace again; keeping it would keep a second copy of the weights.

    Attributes:
        name: `torch`.
        preparation: None: every part is ready.
        definition: As given.
        program: The nodes.
        node_of: The node of each layer, by name.
        output_nodes: The node of each output that is no constant, by path; likewise of each value that the rest takes.
        contiguous: As given.
        plain_trace: As given.
    """

    name = "torch"
    preparation = Preparation.NONE

    def __init__(
        self,
        definition: Definition,
        trace: Trace,
        layering: Layering,
        *,
        contiguous: frozenset[str],
        device: torch.device,
        plain_trace: Callable[[], Trace],
    ) -> None:
        self.definition = definition
        self.node_of: Mapping[str, int] = layering.node_of
        self.contiguous = contiguous
        self.device = device
        self.plain_trace = plain_trace
        pairs = zip(definition.outputs.leaves, trace.outputs, strict=True)
        self.output_nodes = {path: leaf.index for (path, _), leaf in pairs if isinstance(leaf, Ref)} | _taken(trace)
        packed = pack(trace, device)
        self.program = Program(packed, layering.root, device, overwrites(trace), channels_last(packed))

    def part(self, spec: PartSpec) -> TorchPart:
        """See `split_model.engines.engine.Engine`."""
        wanted = [*(self.node_of[name] for name in spec.layers), *(self.output_nodes[path] for path in spec.outputs)]
        given = [self.node_of[name] for name in spec.feeds]
        return TorchPart(self, spec, self.program.schedule(given, list(dict.fromkeys(wanted))))

    def is_ready(self, spec: PartSpec) -> bool:  # noqa: ARG002  # every part is
        """Always: a schedule is ready in no time."""
        return True

    def prefer(self, specs: Sequence[PartSpec]) -> None:
        """Does nothing: every part is ready."""

    def prepare(self, specs: Sequence[PartSpec]) -> None:
        """Does nothing: every part is ready."""

    def prepare_thread(self, threads: int | None) -> None:
        """Sets the number of torch's threads, which each thread has for itself."""
        if threads is not None:
            torch.set_num_threads(threads)

    def walk(self, feeds: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """See `split_model.engines.engine.Engine`."""
        return walk(self.definition, feeds, self.part)

    def measure(
        self, feeds: Mapping[str, Value], *, repeats: int, warmup: int, on_progress: Callable[[int, int], None] | None
    ) -> Profile:
        """See `split_model.engines.engine.Engine`."""
        return measured(self, feeds, repeats=repeats, warmup=warmup, on_progress=on_progress)

    def close(self) -> None:
        """Does nothing: there is no background work."""


def _arrays(value: Argument) -> Value:
    return tuple(map(array_of, value)) if isinstance(value, tuple | list) else array_of(value)


def _taken(trace: Trace) -> dict[str, int]:
    """The nodes of what the rest takes, by the paths that an engine of the trunk alone has for them."""
    rest = rest_of(trace)
    pairs = enumerate(rest.args if rest is not None else ())
    return {argument_path(place): argument.index for place, argument in pairs if isinstance(argument, Ref)}
