"""A frame's line is JSON of the strict kind, whatever the frame and the outputs."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import split_model
from edge_service import FrameResult, Outcome, StageTimes, frame_record
from edge_service.output.results import _softmax, describe_outputs, seen
from partitioner import Partition
from pictures import Preprocess, placed
from split_model import TensorSpec, ValueSpec
from split_model.pytorch.tensors import tensor_of
from split_model.values import carried

SPLIT = Partition(
    edge=frozenset({"x", "a", "b", "c"}),
    cut=("a", "b", "c"),
    edge_s=0.1,
    transfer_s=0.2,
    cloud_s=0.3,
    fixed_s=0.4,
    lower_bound_s=1.0,
)


def flat(example, labels=None, postprocess=None) -> SimpleNamespace:
    """A model whose outputs are like these, and already flat; its module would return tensors."""
    specs = {path: TensorSpec.of(tensor) for path, tensor in example.items()}
    return SimpleNamespace(
        labels=labels or None,
        postprocess=postprocess,
        outputs=[ValueSpec(path, path, spec.dtype, spec.shape) for path, spec in specs.items()],
        flatten=lambda outputs: {path: carried(leaf) for path, leaf in outputs.items()},
        definition=SimpleNamespace(outputs=SimpleNamespace(nested=dict)),
        returned=lambda outputs: {path: tensor_of(array, specs[path]) for path, array in outputs.items()},
        places={},
    )


def described(outputs, *labels: str) -> dict:
    return describe_outputs(flat(outputs, labels), outputs)


def record(result: FrameResult, labels=None, postprocess=None) -> dict:
    model = flat(result.outputs or {}, labels, postprocess)
    line = json.dumps(frame_record(model, result, source_s=1 / 3, run="adaptive"), allow_nan=False)
    assert "\n" not in line
    return json.loads(line)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_the_same_first_names(outcome):
    fields = {} if outcome is Outcome.DROPPED else {"partition": SPLIT, "mode": "heavy", "uplink_bps": 2e6}
    if outcome.has_result:
        fields["outputs"] = {"out": torch.tensor([1.0, 3.0])}
    else:
        fields["error"] = "why"
    made = record(FrameResult(4, outcome, latency_s=0.25, switched=True, times=StageTimes(tail_s=0.5), **fields))
    assert made["frame"] == 4
    assert made["source_s"] == 0.333333
    assert (made["run"], made["outcome"], made["switched"]) == ("adaptive", outcome.value, True)
    assert made["times_s"]["tail_s"] == 0.5
    assert made["latency_s"] == (0.25 if outcome.has_result else None), "only a result has a latency"
    assert ("outputs" in made) == outcome.has_result
    assert made.get("error") == (None if outcome.has_result else "why")
    if outcome is Outcome.DROPPED:
        assert (made["mode"], made["cut"], made["cut_label"], made["uplink_bps"]) == (None, None, None, None)
        assert (made["predicted_s"], made["measured_s"]) == ({}, {})
    else:
        assert (made["mode"], made["cut"], made["cut_label"]) == ("heavy", ["a", "b", "c"], "a+b+1 more")
        assert made["predicted_s"] == {"head": 0.1, "transfer": 0.2, "fixed": 0.4, "tail": 0.3}
        assert made["measured_s"]["tail"] == 0.5


def test_a_classification_is_told_by_its_top_classes():
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
    assert described({"out": logits}, "a", "b", "c", "d") == {
        "top": [
            {"index": 3, "label": "d", "score": 0.4},
            {"index": 2, "label": "c", "score": 0.3},
            {"index": 1, "label": "b", "score": 0.2},
        ]
    }


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_scores_are_those_of_torch(spread, dtype):
    logits = torch.from_numpy((spread * np.random.default_rng(3).standard_normal(1000)).astype(dtype))
    assert np.abs(_softmax(logits.numpy()) - logits.float().softmax(-1).numpy()).max() < 1e-6


def test_of_equal_scores_the_first_class_comes_first():
    made = described({"out": torch.tensor([[1.0, 2.0, 0.0, 2.0, 2.0]])}, "a", "b", "c", "d", "e")
    assert [entry["label"] for entry in made["top"]] == ["b", "d", "e"]


def test_two_classes_have_a_top_two():
    made = described({"out": torch.tensor([[0.0, 9.0]])}, "no", "yes")
    assert [entry["label"] for entry in made["top"]] == ["yes", "no"]


@pytest.mark.parametrize("shape", [(4,), (2, 4), (1, 3), (1, 4, 1)])
def test_outputs_that_are_no_scores_of_the_classes_are_summed_up(shape):
    made = described({"out": torch.zeros(shape)}, "a", "b", "c", "d")
    assert made == {"outputs": {"out": {"shape": list(shape), "dtype": "float32", "min": 0.0, "max": 0.0}}}


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.tensor([[2, -1]]), {"shape": [1, 2], "dtype": "int64", "min": -1, "max": 2}),
        (torch.tensor([True, False]), {"shape": [2], "dtype": "bool", "min": False, "max": True}),
        (torch.tensor(1.5, dtype=torch.bfloat16), {"shape": [], "dtype": "bfloat16", "min": 1.5, "max": 1.5}),
        (torch.zeros(0, 3), {"shape": [0, 3], "dtype": "float32"}),
        (torch.tensor([1j]), {"shape": [1], "dtype": "complex64"}),
        (torch.tensor([1.0, float("inf")]), {"shape": [2], "dtype": "float32", "min": 1.0, "max": None}),
        (torch.tensor([1.0, float("nan")]), {"shape": [2], "dtype": "float32", "min": None, "max": None}),
    ],
)
def test_any_tensor_has_a_summary_that_json_can_hold(tensor, said):
    made = record(FrameResult(0, Outcome.EDGE_ONLY, partition=SPLIT, outputs={"deep.0": tensor}))
    assert made["outputs"] == {"deep.0": said}


def test_scores_that_are_not_numbers_are_still_json():
    made = record(
        FrameResult(0, Outcome.EDGE_ONLY, partition=SPLIT, outputs={"out": torch.full((1, 4), float("nan"))}),
        ("a", "b", "c", "d"),
    )
    assert [entry["score"] for entry in made["top"]] == [None] * 3


def test_a_module_without_outputs_has_none():
    assert described({}, "a") == {"outputs": {}}


def test_a_real_models_nested_outputs_are_named_by_path(two_by_two):
    outputs = two_by_two(*two_by_two.example_inputs)
    made = describe_outputs(two_by_two, outputs)["outputs"]
    assert made.keys() == {"total", "parts.0"}
    assert made["total"]["min"] == outputs["total"].min().item()


def boxed(outputs):
    return {"boxes": outputs["out"][:, :4], "labels": ["dog"] * len(outputs["out"]), "scores": outputs["out"][:, 4]}


class Turned(torch.nn.Module):
    def forward(self, x):
        return torch.complex(x, -x).squeeze(0), [x.bfloat16()]


def test_postprocess_gets_what_its_module_returns_and_the_outputs_may_be_arrays():
    """Tensors nested as the module nests them, complex and bfloat16, without gradients."""
    given = []

    def made(outputs):
        given.append(outputs)
        return {"half": outputs[1][0], "angles": outputs[0].angle()}

    model = split_model.model_of(
        Turned().eval(), (torch.tensor([[1.0, -2.0]]),), name="made_here:turned", postprocess=made
    )
    found = describe_outputs(model, model(np.array([[1.0, -2.0]], np.float32)))["result"]
    assert found == {"half": [[1.0, -2.0]], "angles": pytest.approx([-np.pi / 4, 3 * np.pi / 4])}
    ((turned, (half,)),) = given
    assert (turned.dtype, turned.shape, half.dtype) == (torch.complex64, (2,), torch.bfloat16)
    model.postprocess = None
    found = describe_outputs(model, model(np.array([[1.0, -2.0]], np.float32)))["outputs"]
    assert found == {
        "0": {"shape": [2], "dtype": "complex64"},
        "1.0": {"shape": [1, 2], "dtype": "bfloat16", "min": -2.0, "max": 1.0},
    }


def test_a_model_from_a_file_has_a_postprocess_of_arrays(two_by_two):
    def best(outputs):
        outputs["total"] += 1  # a copy, which may be written to
        return outputs["total"].argmax(-1)

    alone = split_model.Model(
        two_by_two.definition, two_by_two.engine, name="alone", example_inputs=(), postprocess=best
    )
    outputs = two_by_two(np.ones((1, 4), np.float32), np.ones((1, 5), np.float32))
    before = outputs["total"].copy()
    assert describe_outputs(alone, outputs) == {"result": [before.argmax()]}
    assert np.array_equal(outputs["total"], before)


BOXES = {"out": torch.tensor([[10.0, 20.0, 30.0, 40.0, 0.5]])}


def test_boxes_are_told_in_pixels_of_the_picture_and_its_size_beside_them():
    picture = placed((200, 100), Preprocess(), 50, 50)
    result = FrameResult(0, Outcome.OFFLOADED, partition=SPLIT, outputs=BOXES)
    made = frame_record(flat(BOXES, ("a",), boxed), result, source_s=0.0, run="adaptive", picture=picture)
    assert json.loads(json.dumps(made, allow_nan=False))["picture"] == {"width": 200, "height": 100}
    assert made["result"] == {"boxes": [[70.0, 40.0, 110.0, 80.0]], "labels": ["dog"], "scores": [0.5]}
    assert made.keys().isdisjoint({"top", "outputs", "result_error"})
    assert seen(made) == "1 dog"


def test_without_a_picture_boxes_are_in_pixels_of_the_models_input():
    made = record(FrameResult(0, Outcome.EDGE_ONLY, partition=SPLIT, outputs=BOXES), postprocess=boxed)
    assert made["result"]["boxes"] == [[10.0, 20.0, 30.0, 40.0]]
    assert "picture" not in made


def test_a_postprocess_that_fails_costs_its_result_and_says_where():
    def fails(outputs):
        return outputs["missing"]

    made = record(FrameResult(0, Outcome.EDGE_ONLY, partition=SPLIT, outputs=BOXES), postprocess=fails)
    line = fails.__code__.co_firstlineno + 1
    assert made["result_error"] == f"postprocess failed in {__file__}:{line}: KeyError: 'missing'"
    assert made["outputs"]["out"]["shape"] == [1, 5], "what can be said is said"
    assert "result" not in made


def ends(_):
    raise SystemExit("no\nmore")


def holds_itself(_):
    made = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("postprocess", "said"),
    [
        (ends, r"postprocess failed in .*test_results.py:\d+: SystemExit: no more"),
        (holds_itself, "what postprocess returned holds itself"),
        (lambda _: {"boxes": {1, 2}}, r"what postprocess returned\['boxes'\] is a set; expected numbers"),
        (lambda _: torch.zeros(2) + torch.zeros(3), r"postprocess failed in .*test_results.py:\d+: RuntimeError: The"),
        (lambda: 3, "postprocess failed.*TypeError: .*takes 0 positional arguments"),
    ],
)
def test_whatever_a_postprocess_does_is_one_line(postprocess, said):
    made = record(FrameResult(0, Outcome.EDGE_ONLY, partition=SPLIT, outputs=BOXES), postprocess=postprocess)
    assert re.match(said, made["result_error"])
    assert "\n" not in made["result_error"]


def test_a_postprocess_that_changes_its_input_changes_no_outputs():
    outputs = {"out": torch.ones(2)}
    model = flat(outputs, postprocess=lambda given: given["out"].mul_(float("inf")))
    made = describe_outputs(model, outputs)
    assert made == {"result": [None, None]}
    assert outputs["out"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"outputs": {}}, "done"),
        ({"top": [{"label": "tabby"}]}, "tabby"),
        ({"result": {"boxes": [], "labels": [], "scores": []}}, "nothing found"),
        ({"result_error": "KeyError: 'boxes'", "outputs": {}}, "postprocess failed"),
        ({"result": "a text"}, "a text"),
        ({"result": {"angle": 0.5}}, '{"angle": 0.5}'),
        ({"result": ["x" * 100]}, '["' + "x" * 55 + "..."),
    ],
)
def test_what_is_seen_is_told_in_a_few_words(line, words):
    assert seen(line) == words
