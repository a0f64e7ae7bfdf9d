"""The numpy form of a trace's rest, where it has one: what a network ends in, followed by a function of a list.

A rest offers its form by a method `plain_form`, as `models.detector_parts` does for torchvision's detectors of one
stage. Other rests are Python code, which a file cannot hold.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from split_model.errors import NoOnnxFormError
from split_model.rests.form import RestForm, argument_path
from split_model.rests.named import RESTS, named_rest
from split_model.specs import ValueSpec
from split_model.trace.layering import Layering
from split_model.trace.rest import Rest, rest_of
from split_model.trace.trace import Ref, Trace

__all__ = ["rest_form"]


def rest_form(trace: Trace, layering: Layering) -> RestForm | None:
    """What stands for a trace's rest; `None` if it has no rest.

    Raises:
        NoOnnxFormError: The rest is none of those that have a form.
    """
    node = rest_of(trace)
    if node is None:
        return None
    rest = cast("Rest", node.target)
    make: Callable[[], RestForm | None] = getattr(rest.module, "plain_form", lambda: None)
    form = make()
    if form is None or not all(isinstance(argument, Ref) for argument in node.args):
        raise NoOnnxFormError(
            f"layer {node.name} ({type(rest.module).__name__}) has no form without torch; there are "
            f"{', '.join(sorted(RESTS))}: run this model in torch"
        )
    takes = []
    for position, argument in enumerate(node.args):
        (spec,) = trace.nodes[argument.index].specs
        assert spec is not None  # noqa: S101  # for mypy: a rest takes tensors
        layer = trace.nodes[layering.root[argument.index]].name
        takes.append(ValueSpec(argument_path(position), layer, spec.dtype, spec.shape))
    heads = [str(key) for key in rest.taken.keys]
    made = replace(form, numbers={**form.numbers, "heads": heads}, takes=tuple(takes))
    named_rest(made)  # it is refused here rather than where the file is read
    return made
