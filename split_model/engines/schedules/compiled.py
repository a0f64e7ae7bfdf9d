"""Compiled heads: torch.compile for a split that stays the same.

Only heads are compiled. The edge keeps one split for thousands of frames and chooses itself what to compile. A server
that compiled its clients' cuts would spend a minute of CPU time on each, and leak memory, because torch.fx keeps the
source of every module that it generates. For the same reason the number of a model's compiled heads is limited. A head
with the rest of a `TrunkAndRest` is not compiled.

A thread of its own compiles, competing for CPU time with the plain schedule, which runs until the compiled head is
ready.
"""

import operator
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from split_model.engines.engine import Recorder
from split_model.engines.schedules.engine import TorchEngine, TorchPart
from split_model.engines.schedules.schedule import Schedule
from split_model.errors import ModelError
from split_model.model import Model
from split_model.pytorch.tensors import tensors_of
from split_model.split import Head
from split_model.trace.trace import Argument, Ref, Trace, substitute

__all__ = ["CompiledHeads"]

_Compiled = Callable[..., tuple[Tensor | tuple[Tensor, ...], ...]]


@dataclass(frozen=True, slots=True)
class CompiledSchedule(Schedule):
    """A schedule whose steps are compiled; with a recorder, the plain steps run.

    Attributes:
        function: Computes the values of `wanted` from those of `feeds`.
    """

    function: _Compiled

    def run(self, values: Mapping[int, Argument], recorder: Recorder | None = None) -> dict[int, Argument]:
        """As `Schedule.run`."""
        if recorder is not None:
            return Schedule.run(self, values, recorder)
        given = [_own(values[index]).to(self.device) for index in self.feeds]
        with torch.inference_mode(mode=False), torch.no_grad():
            found = self.function(*given)
        return dict(zip(self.wanted, found, strict=True))


class CompiledHeads:
    """The heads of a model, compiled once their split is stable.

    Args:
        model: The model on the edge.
        after_frames: Consecutive frames at one split before its head is compiled.
        most: Heads compiled in the lifetime of this object.
        compile_function: Compiles a module for example inputs; None: torch.compile.
    """

    def __init__(
        self,
        model: Model,
        *,
        after_frames: int = 300,
        most: int = 4,
        compile_function: Callable[[nn.Module, list[Tensor]], _Compiled] | None = None,
    ) -> None:
        if not isinstance(model.engine, TorchEngine):
            raise ModelError(
                f"heads are compiled by torch, and {model.engine.name} runs {model.name}; use engine torch"
            )
        self._model = model
        self._engine = model.engine
        self._after_frames = after_frames
        self._left = most
        self._compile = compile_function or _compile
        self._lock = threading.Lock()
        self._ready: dict[frozenset[str], Head] = {}
        self._started: set[frozenset[str]] = set()
        self._last: frozenset[str] | None = None
        self._in_a_row = 0
        self._thread: threading.Thread | None = None

    def head(self, edge: frozenset[str]) -> Head:
        """The head for the next frame: the compiled one if it is ready, else the plain one.

        Raises:
            UnknownLayerError, NotClosedError: As `Model.split`.
        """
        with self._lock:
            if edge in self._ready:
                self._last, self._in_a_row = edge, 0
                return self._ready[edge]
            self._in_a_row = self._in_a_row + 1 if edge == self._last else 1
            self._last = edge
            starts = self._in_a_row >= self._after_frames and self._may_start(edge)
            head, _ = self._model.split(edge)
            if starts and len(_schedule(head).steps) > 0:
                self._started.add(edge)
                self._left -= 1
                self._thread = threading.Thread(target=self._make, args=(edge, head), name="compile-head", daemon=True)
                self._thread.start()
        return head

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for a running compilation; returns whether none is running any more."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def _may_start(self, edge: frozenset[str]) -> bool:
        busy = self._thread is not None and self._thread.is_alive()
        has_rest = self._model.rest in edge  # Python code of any kind, which a compiler may refuse or change
        return self._left > 0 and edge not in self._started and not busy and not has_rest

    def _make(self, edge: frozenset[str], head: Head) -> None:
        try:
            plain = _schedule(head)
            parts = {field.name: getattr(plain, field.name) for field in fields(plain)}
            schedule = CompiledSchedule(**parts, function=self._compiled(head))
        except Exception as error:  # noqa: BLE001  # compilers raise anything
            with self._lock:
                self._left = 0  # a missing compiler would fail the next compilation too
            reason = next(iter(str(error).strip().splitlines()), "")
            warnings.warn(
                f"the head cannot be compiled and runs as it is ({type(error).__name__}: {reason}); torch.compile needs"
                " a C++ compiler and Python's headers",
                RuntimeWarning,
                stacklevel=1,
            )
            return
        with self._lock:
            self._ready[edge] = replace(head, part=TorchPart(self._engine, head.spec, schedule))

    def _compiled(self, head: Head) -> _Compiled:
        schedule, nodes = _schedule(head), self._engine.node_of
        module = module_of(self._engine.plain_trace(), schedule)
        specs = self._model.layer_specs
        fed = self._model.definition.inputs.feed(self._model.example_inputs)
        feed = {nodes[layer]: tensors_of(array, specs[layer], self._engine.device) for layer, array in fed.items()}
        examples = [_own(feed[index]) for index in schedule.feeds]
        expected = schedule.run(feed)
        function = self._compile(module, examples)
        with torch.inference_mode(mode=False), torch.no_grad():
            found = function(*examples)
        for index, value in zip(schedule.wanted, found, strict=True):
            _check(value, expected[index])
        return function


def _schedule(head: Head) -> Schedule:
    if not isinstance(head.part, TorchPart):
        raise TypeError(f"the head's part is {type(head.part).__name__}, expected one of torch's engine")
    return head.part.schedule


def module_of(trace: Trace, schedule: Schedule) -> nn.Module:
    """A schedule's steps as a module that computes the wanted values from the feeds.

    Args:
        trace: The nodes of the schedule's program, with unpacked weights.
        schedule: The schedule.
    """
    root, graph = nn.Module(), torch.fx.Graph()
    made: dict[int, torch.fx.Node] = {index: graph.placeholder(f"value_{index}") for index in schedule.feeds}
    constants: list[Tensor] = []

    def leaf(value: Argument) -> Argument:
        if isinstance(value, Ref):
            return made[value.index]
        if not isinstance(value, Tensor):
            return value
        name = f"constant_{len(constants)}"
        constants.append(value)
        root.register_buffer(name, _own(value.detach()))
        return graph.get_attr(name)

    for index, _, _ in schedule.steps:
        node = trace.nodes[index]
        call = graph.call_function(node.target, substitute(node.args, leaf), substitute(dict(node.kwargs), leaf))  # type: ignore[arg-type]  # inputs are no steps
        if node.keep is not None:
            parts = [graph.call_function(operator.getitem, (call, position)) for position in node.keep]
            call = parts[0] if len(parts) == 1 else graph.call_function(tuple, (parts,))
        made[index] = call
    graph.output(tuple(made[index] for index in schedule.wanted))
    return torch.fx.GraphModule(root, graph).eval()


def _compile(module: nn.Module, examples: list[Tensor]) -> _Compiled:
    """Runs torch.compile with frozen constants, so that weights are packed; the first call compiles."""
    from torch._inductor import config as inductor  # noqa: PLC0415  # takes seconds to import, and most runs never compile

    function: _Compiled = torch.compile(module, dynamic=False)
    # Not `options=`: the tracer reads the global setting of freezing.
    with inductor.patch(freezing=True), warnings.catch_warnings(), torch.inference_mode(mode=False), torch.no_grad():
        warnings.simplefilter("ignore")  # about the compiler's own internals
        function(*examples)
    return function


def _own(tensor: Tensor) -> Tensor:
    """A contiguous copy that is no inference tensor: torch.compile compiles again for tensors of another kind."""
    with torch.inference_mode(mode=False), torch.no_grad():
        return tensor.clone(memory_format=torch.contiguous_format)


def _check(found: Argument, expected: Argument) -> None:
    pairs = zip(_tensors(found), _tensors(expected), strict=True)
    for one, other in pairs:
        if one.shape != other.shape or one.dtype != other.dtype:
            raise ValueError(
                f"compiled code gives {one.dtype} {list(one.shape)}, not {other.dtype} {list(other.shape)}"
            )
        scale = float(other.abs().max()) if other.numel() else 0.0
        if not torch.allclose(one, other, rtol=0, atol=1e-4 * scale, equal_nan=True):
            raise ValueError("compiled code gives other values than the layers it was made of")


def _tensors(value: Argument) -> tuple[Tensor, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
