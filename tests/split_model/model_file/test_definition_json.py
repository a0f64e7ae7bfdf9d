import math
from dataclasses import fields, replace
from json import dumps

import numpy as np
import pytest

from partitioner import LayerGraph
from split_model.definition import Returned
from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file.definition_json import DefinitionJson, definition_json, definition_of
from split_model.specs import TensorSpec, ValueSpec
from split_model.structure import LEAF, flatten


def there_and_back(definition):
    text = definition_json(definition).model_dump_json(exclude_defaults=True)
    return definition_of(DefinitionJson.model_validate_json(text), definition.outputs.constants)


def test_everything_comes_back(definition):
    back = there_and_back(definition)
    inputs, outputs = definition.inputs, definition.outputs
    for field in fields(definition):
        if field.name not in {"inputs", "outputs"}:
            assert getattr(back, field.name) == getattr(definition, field.name), field.name
    assert (back.inputs.names, back.inputs.layers) == (inputs.names, inputs.layers)
    assert (back.inputs.nesting, back.outputs.nesting) == (inputs.nesting, outputs.nesting)
    assert repr(back.inputs.leaves) == repr(inputs.leaves), "one is NaN, which equals nothing"
    assert back.outputs.leaves == outputs.leaves
    assert back.outputs.constants.keys() == {"mask"}


def test_what_is_missing_stays_missing(definition):
    graph = LayerGraph(definition.graph.layers, definition.graph.outputs)
    bare = replace(definition, graph=graph, labels=None, preprocess=None, torch_version="")
    back = there_and_back(bare)
    assert (back.labels, back.preprocess, back.rest, back.torch_version) == (None, None, None, "")
    assert back.graph.max_message_bytes == math.inf


def test_sizes_of_a_rest_are_unknown(definition):
    specs = {**definition.layer_specs, "total": (TensorSpec("float32", (None, 4)),)}
    leaves, nesting = flatten({"boxes": ValueSpec("boxes", "total", "float32", (None, 4))})
    outputs = Returned(nesting, (("boxes", leaves[0]),))
    graph = LayerGraph(definition.graph.layers, ("total",))
    back = there_and_back(replace(definition, layer_specs=specs, outputs=outputs, graph=graph, rest="total"))
    assert back.rest == "total"
    assert back.layer_specs["total"] == (TensorSpec("float32", (None, 4)),)
    assert back.outputs.leaves == outputs.leaves


def test_a_bare_output(definition):
    outputs = Returned(LEAF, (("out", ValueSpec("out", "total", "bfloat16", (1, 64))),))
    back = there_and_back(replace(definition, outputs=outputs))
    assert back.outputs == outputs


def test_inputs_are_taken_and_fed_as_before(definition, examples):
    back = there_and_back(definition)
    expected, fed = definition.inputs.feed(examples), back.inputs.feed(examples)
    assert expected.keys() == fed.keys()
    assert all(map(np.array_equal, expected.values(), fed.values()))


def test_outputs_are_nested_as_before(definition):
    arrays = {path: np.zeros(2) for path in ("sum", "parts.0", "mask")}
    before, after = definition.outputs.nested(arrays), there_and_back(definition).outputs.nested(arrays)
    assert type(before) is type(after)
    assert repr(before) == repr(after)


def test_a_fixed_input_that_json_cannot_hold(definition):
    leaves = tuple((path, object() if path == "more.0" else leaf) for path, leaf in definition.inputs.leaves)
    wrong = replace(definition, inputs=replace(definition.inputs, leaves=leaves))
    with pytest.raises(UnsupportedModelError, match=r"input 'more\.0' is <object .*: a model file holds"):
        definition_json(wrong)


def layer(json, name):
    return next(one for one in json["layers"] if one["name"] == name)


def cycle(json):
    layer(json, "split")["inputs"] = ["total"]


def unknown_layer(json):
    layer(json, "total")["inputs"] = ["nothing"]


def no_input(json):
    json["inputs"]["leaves"][0]["layer"] = "scale"


def another_shape(json):
    json["inputs"]["leaves"][0]["tensor"]["shape"] = [1, 5]


def too_few_leaves(json):
    json["outputs"]["leaves"].pop()


def same_path(json):
    json["outputs"]["leaves"][1]["path"] = "sum"


def no_output_layer(json):
    json["outputs"]["leaves"][0]["layer"] = "image"


def huge(json):
    layer(json, "total")["tensors"][0]["shape"] = [1 << 40, 1 << 40]


def no_rest(json):
    json["rest"] = "nothing"


def no_preprocess(json):
    json["preprocess"] = "twirl"


def inputs_in_a_list(json):
    json["inputs"]["nesting"]["kind"] = "list"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (cycle, "its layers are no graph: cycle"),
        (unknown_layer, "its layers are no graph: layer 'total' reads 'nothing'"),
        (no_input, "the input layers are image, scale, and inputs feed scale, scale"),
        (another_shape, "input 'image' is not as the value of its layer 'image'"),
        (too_few_leaves, "the outputs are nested in 5 leaves, and 4 are described"),
        (same_path, "the outputs are nested in 5 leaves, and 4 are described"),
        (no_output_layer, "output 'sum' is of layer 'image', which is not among the output layers"),
        (huge, "which no memory holds"),
        (no_rest, "the rest 'nothing' is not a layer"),
        (no_preprocess, "its preprocessing cannot be read: 'twirl' is not understood"),
        (inputs_in_a_list, "the inputs are a tuple of arguments"),
    ],
)
def test_parts_that_do_not_agree(definition, change, expected):
    json = definition_json(definition).model_dump(mode="json")
    change(json)
    found = DefinitionJson.model_validate_json(dumps(json))
    with pytest.raises(ModelFileError, match=expected):
        definition_of(found, definition.outputs.constants)
