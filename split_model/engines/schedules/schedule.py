"""Schedules: precomputed lists of operator calls that free each value after its last use.

A `Program` has every node of a model as a call that is ready to run. A `Schedule` is the part of it from some given
values to some wanted ones. Building one is a single backward walk over the nodes, so a server can build one for any cut
that a client sends. No code is generated or compiled, because torch.fx never frees the source of a generated module, so
a server that compiled each cut would leak memory.

Laws: a schedule never modifies the values it is given, and several threads may run it at once. The trace is functional;
a schedule overwrites only memory that the same run allocated and that nothing reads later
(`split_model.engines.schedules.in_place`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from split_model.engines.clock import compute_clock
from split_model.engines.engine import Recorder
from split_model.engines.schedules.in_place import Overwrite
from split_model.errors import ExecutionError, MissingTensorError
from split_model.trace.operators import VIEW, packet
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of, substitute

__all__ = ["Program", "Schedule"]

Slots = list[Argument]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One node, ready to run.

    Attributes:
        name: The node's name.
        call: Computes the value from the earlier values, a list by node index; `None` for an input.
        reads: Indices of the nodes read, distinct.
        is_layer: Whether the node computes new data.
        overwrites: The node whose value `call` overwrites; `None` for none.
        overwriting: The in-place variant of this instruction, if there is one.
    """

    name: str
    call: Callable[[Slots], Argument] | None
    reads: tuple[int, ...]
    is_layer: bool
    overwrites: int | None = None
    overwriting: "Instruction | None" = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The calls from given values to wanted ones.

    Attributes:
        size: Number of nodes of the program.
        feeds: The given nodes whose values are needed.
        steps: Node index, instruction, and the nodes whose values are freed after it.
        wanted: Nodes whose values are returned.
        device: The device that computes.
        channels_last: The feeds that are converted to channels last before the first step.
    """

    size: int
    feeds: tuple[int, ...]
    steps: tuple[tuple[int, Instruction, tuple[int, ...]], ...]
    wanted: tuple[int, ...]
    device: torch.device
    channels_last: frozenset[int]

    def run(self, values: Mapping[int, Argument], recorder: Recorder | None = None) -> dict[int, Argument]:
        """Runs the steps.

        Args:
            values: At least the values of `feeds`, on any device, by node index; never modified.
            recorder: Receives the time of each layer; on CUDA this waits for the device after each layer.

        Returns:
            The values of `wanted`, by node index.

        Raises:
            ExecutionError: An operator failed; the message names it.
        """
        slots: Slots = [None] * self.size
        for index in self.feeds:
            slots[index] = _on_device(values[index], self.device)
            if index in self.channels_last:
                slots[index] = slots[index].contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            self._run(slots, recorder)
        return {index: slots[index] for index in self.wanted}

    def _run(self, slots: Slots, recorder: Recorder | None) -> None:
        last = ""
        clock = compute_clock(self.device)
        since_s = 0.0 if recorder is None else self._now_s(clock)
        for index, instruction, frees in self.steps:
            try:
                slots[index] = instruction.call(slots)  # type: ignore[misc]  # only inputs have no call; none is a step
            except Exception as error:  # operators raise exceptions of any type
                raise ExecutionError(instruction.name, error) from error
            for freed in frees:
                slots[freed] = None
            if recorder is not None and instruction.is_layer:
                now_s = self._now_s(clock)
                recorder(instruction.name, now_s - since_s)
                last, since_s = instruction.name, now_s
        if recorder is not None and last:  # relabelling operators after the last layer
            recorder(last, self._now_s(clock) - since_s)

    def _now_s(self, clock: Callable[[], float]) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return clock()


def _on_device(value: Argument, device: torch.device) -> Argument:
    if isinstance(value, tuple | list):
        return tuple(_on_device(part, device) for part in value)
    return value if value.device == device else value.to(device)


class Program:
    """Every node of a model as an instruction.

    Args:
        trace: A trace that is ready to run; its constants are on `device`.
        root: For each node, the node of its layer.
        device: The device that computes.
        overwrites: The in-place variants of nodes.
        channels_last: Nodes whose values are channels last in a run of the whole model.
    """

    def __init__(
        self,
        trace: Trace,
        root: Sequence[int],
        device: torch.device,
        overwrites: Mapping[int, Overwrite],
        channels_last: frozenset[int],
    ) -> None:
        self.device = device
        self.channels_last = channels_last
        self.instructions = tuple(
            _instruction(node, root[index] == index, overwrites.get(index)) for index, node in enumerate(trace.nodes)
        )

    def schedule(self, given: Collection[int], wanted: Collection[int]) -> Schedule:
        """Builds the schedule from given values to wanted ones.

        Args:
            given: Nodes whose values are given; may be more than needed.
            wanted: Nodes whose values are returned.

        Raises:
            MissingTensorError: A model input is needed but not given; names the first in graph order.
        """
        instructions = self.instructions
        needed = bytearray(len(instructions))
        for index in wanted:
            needed[index] = 1
        there = frozenset(given)
        feeds: list[int] = []
        missing: list[int] = []
        steps: list[tuple[int, Instruction, tuple[int, ...]]] = []
        for index in range(max(wanted, default=-1), -1, -1):
            if not needed[index]:
                continue
            if index in there:
                feeds.append(index)
                continue
            instruction = instructions[index]
            if instruction.call is None:
                missing.append(index)
            frees = []
            for read in instruction.reads:
                if not needed[read]:  # in a backward walk, the first reader found is the last to run
                    needed[read] = 1
                    frees.append(read)
            overwriting = instruction.overwriting
            if overwriting is not None and overwriting.overwrites in frees and overwriting.overwrites not in there:
                instruction = overwriting
            steps.append((index, instruction, tuple(frees)))
        if missing:
            raise MissingTensorError(instructions[missing[-1]].name)
        steps.reverse()
        feeds.reverse()
        return Schedule(
            size=len(instructions),
            feeds=tuple(feeds),
            steps=tuple(steps),
            wanted=tuple(wanted),
            device=self.device,
            channels_last=self.channels_last.intersection(feeds) if steps else frozenset(),
        )


def _instruction(node: Node, is_layer: bool, overwrite: Overwrite | None) -> Instruction:
    reads = tuple(dict.fromkeys(refs_of((node.args, node.kwargs))))
    call = _bind(node) if node.target is not None else None
    if overwrite is None:
        return Instruction(node.name, call, reads, is_layer)
    in_place = _bind(replace(node, target=overwrite.target))
    overwriting = Instruction(node.name, in_place, reads, is_layer, overwrites=overwrite.source)
    return Instruction(node.name, call, reads, is_layer, overwriting=overwriting)


def _bind(node: Node) -> Callable[[Slots], Argument]:
    """The node's operator with its constant arguments bound, as a function of the earlier values."""
    target = torch.ops.aten.reshape.default if _is_view(node) else node.target
    assert target is not None  # noqa: S101  # for mypy: inputs are not bound
    call = _call(target, node.args, node.kwargs)
    if node.keep is None:
        return call
    if len(node.keep) == 1:
        (position,) = node.keep
        return lambda slots: call(slots)[position]
    keep = node.keep

    def several(slots: Slots) -> tuple[Argument, ...]:
        values = call(slots)
        return tuple(values[position] for position in keep)

    return several


def _is_view(node: Node) -> bool:
    return packet(node.target) in VIEW and str(node.target).endswith(".default")


def _call(
    target: Callable[..., Argument], args: tuple[Argument, ...], kwargs: Mapping[str, Argument]
) -> Callable[[Slots], Argument]:
    holes = tuple((position, argument.index) for position, argument in enumerate(args) if isinstance(argument, Ref))
    if len(holes) < sum(1 for _ in refs_of((args, kwargs))):  # lists of tensors, as of `cat`
        return lambda slots: target(*_filled(args, slots), **_filled(kwargs, slots))
    template = list(args)

    def call(slots: Slots) -> Argument:
        arguments = template.copy()
        for position, index in holes:
            arguments[position] = slots[index]
        return target(*arguments, **kwargs)

    return call


def _filled(argument: Argument, slots: Slots) -> Argument:
    return substitute(argument, lambda leaf: slots[leaf.index] if isinstance(leaf, Ref) else leaf)
