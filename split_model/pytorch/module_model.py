"""`model_of`: a model of a PyTorch module, which torch's operators run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from pictures import Preprocess
from split_model.arguments import Arguments
from split_model.engines.schedules.engine import TorchEngine
from split_model.engines.schedules.schedule import Program
from split_model.faithful.answers import answers_of, plain_answer, program_answer, tolerance_of
from split_model.faithful.fresh_inputs import apart
from split_model.faithful.reference import Reference
from split_model.faithful.witness import Answer, Witness, witnessed
from split_model.model import Model
from split_model.pytorch.call_arguments import arguments_of
from split_model.pytorch.defining import definition_of
from split_model.pytorch.original import OriginalModule
from split_model.pytorch.tensors import to_device
from split_model.pytorch.trunk_and_rest import TrunkAndRest
from split_model.structure import Tree
from split_model.trace.capture import Capture, capture
from split_model.trace.digest import digest_of
from split_model.trace.folding import fold
from split_model.trace.fusion import fuse
from split_model.trace.layering import layer
from split_model.trace.parts import refuse_untraceable_parts, uncompiled
from split_model.trace.places import places_of, root_of
from split_model.trace.pruning import prune
from split_model.trace.rest import rest_of, with_rest
from split_model.trace.trace import Trace

__all__ = ["model_of"]


def model_of(
    module: nn.Module,
    example_inputs: Tree | Sequence[Tree] | Mapping[str, Tree],
    *,
    name: str,
    device: torch.device | str = "cpu",
    labels: tuple[str, ...] | None = None,
    postprocess: Callable[[Tree], Any] | None = None,
    keywords: tuple[str, ...] = (),
    evaluate: bool = False,
    preprocess: Preprocess | None = None,
) -> Model:
    """Traces a module in evaluation mode.

    Args:
        module: The module; it is left as it is. Of one that `torch.compile` returned, the module that it was made of.
        example_inputs: Positional arguments of a call, or a mapping of keyword arguments; they fix the shapes, and the
            values of what is no tensor.
        name: Its name on the wire.
        device: The device that heads and tails run on.
        labels: Class names, if the output is a classification.
        postprocess: Makes a value that JSON can represent from the module's return value.
        keywords: Names of the last example inputs, if the module takes these by keyword.
        evaluate: Whether the module runs in evaluation mode, whatever its own mode is.
        preprocess: How a picture becomes its input; None: the picture's centre, at the smallest scale that covers it.

    Raises:
        UnsupportedModelError: The module cannot be exported, has no fixed dataflow graph, keeps state between calls, or
            answers other inputs otherwise than its trace.
    """
    target = torch.device(device)
    module = uncompiled(module)
    refuse_untraceable_parts(module)
    arguments, examples = arguments_of(example_inputs, keywords)
    reference = Reference(module, arguments, target, evaluate)
    traced = module.trunk if isinstance(module, TrunkAndRest) else module  # a rest has no graph, and no one answer
    with reference.mode(), witnessed(replace(reference, module=traced), examples) as witness:
        trunk = _capture(traced, arguments, witness)
        captured = with_rest(trunk, module.rest, witness.outputs) if isinstance(module, TrunkAndRest) else trunk
        examples = tuple(to_device(value, target) for value in witness.examples)
        trace = _plain_trace(captured, target)
        layering = layer(trace)
        definition = definition_of(
            captured,
            trace,
            layering,
            examples,
            digest=digest_of(captured, module.state_dict()),
            places=places_of(trace, layering, root_of(module)),
            labels=labels,
            preprocess=preprocess,
            torch_version=torch.__version__,
        )
        engine = TorchEngine(
            definition,
            trace,
            layering,
            contiguous=captured.contiguous_outputs,
            device=target,
            plain_trace=lambda: _plain_trace(captured, target),
        )
        model = Model(
            definition,
            engine,
            name=name,
            example_inputs=examples,
            original=OriginalModule(reference, definition),
            postprocess=postprocess,
            device=str(target),
        )
        answers = _answers(model, engine.program, trace, trunk)
        witness.compare(answers, plain_answer(trunk, target), tolerance_of(definition.layer_specs, target))
    return model


def _plain_trace(captured: Capture, device: torch.device) -> Trace:
    """The nodes that heads and tails run, with the same indices but unpacked weights."""
    return fuse(prune(fold(captured.trace, device)))


def _answers(model: Model, program: Program, trace: Trace, traced: Capture) -> Sequence[Answer]:
    """Ways to ask for what was traced: the model, or of a `TrunkAndRest` the trunk, which the rest reads."""
    rest = rest_of(trace)
    if rest is None:
        return answers_of(model.split, model.graph)
    return [program_answer(program, trace.inputs, rest.args, traced.output_nesting)] * 2


def _capture(module: nn.Module, arguments: Arguments, witness: Witness) -> Capture:
    try:
        return capture(module, apart(witness.examples), arguments=arguments, outputs=witness.outputs)
    finally:
        witness.exported()
