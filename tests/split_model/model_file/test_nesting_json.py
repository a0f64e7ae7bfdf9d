import math
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass

import pytest

from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file.nesting_json import (
    FixedJson,
    Json,
    NestingJson,
    fixed_json,
    fixed_of,
    nesting_json,
    nesting_of,
)
from split_model.structure import Nesting, flatten, unflatten

Point = namedtuple("Point", ("x", "y"))


class Leaf(Json):
    value: FixedJson


def there_and_back(nesting):
    return nesting_of(NestingJson.model_validate_json(nesting_json(nesting).model_dump_json(exclude_defaults=True)))


@pytest.mark.parametrize(
    "tree",
    [
        (1, [2, (3,)], ()),
        {"b": 1, "a": {}, 1: 2, -0.5: 3, None: 4},
        {True: 1, 2: 3},
        OrderedDict({"b": 1, "a": 2}),
        [Point(1, (2, 3))],
    ],
)
def test_nestings_come_back(tree):
    leaves, nesting = flatten(tree)
    back = there_and_back(nesting)
    assert back == nesting
    assert unflatten(leaves, back) == tree
    assert [(type(key), key) for key in back.keys] == [(type(key), key) for key in nesting.keys]


def test_named_tuples_are_known_by_name_and_fields():
    nesting = there_and_back(flatten(Point(1, 2))[1])
    made = unflatten([1, 2], nesting)
    assert repr(made) == "Point(x=1, y=2)"
    assert flatten(made)[1] == flatten(Point(1, 2))[1], "each takes the other's"
    assert nesting != flatten(namedtuple("Point", ("x", "z"))(1, 2))[1]
    assert nesting != flatten(namedtuple("Place", ("x", "y"))(1, 2))[1]
    assert nesting != flatten((1, 2))[1]
    assert hash(nesting) == hash(flatten(Point(1, 2))[1])


def test_registered_types_become_dictionaries():
    torch = pytest.importorskip("torch")

    @dataclass
    class Result:
        boxes: object
        scores: object

    torch.utils._pytree.register_dataclass(Result)
    assert unflatten([1, 2], there_and_back(flatten(Result(1, 2))[1])) == {"boxes": 1, "scores": 2}
    assert unflatten([1], there_and_back(flatten(defaultdict(list, {"a": 1}))[1])) == {"a": 1}
    most = torch.zeros(1, 2).max(1)
    assert unflatten([1, 2], there_and_back(flatten(most)[1])) == {0: 1, 1: 2}


def test_a_key_that_json_cannot_hold():
    with pytest.raises(UnsupportedModelError, match=r"the key \(1, 2\) is neither a number nor a text"):
        nesting_json(flatten({(1, 2): 3})[1])


def nested(levels, make=lambda tree: (tree,)):
    tree = 1
    for _ in range(levels):
        tree = make(tree)
    return tree


def test_nested_too_deep():
    there_and_back(flatten(nested(64))[1])
    with pytest.raises(UnsupportedModelError, match="nested deeper than 64 levels"):
        nesting_json(flatten(nested(65))[1])
    deep = nested(65, lambda json: NestingJson(kind="list", parts=(json if json != 1 else None,)))
    with pytest.raises(ModelFileError, match="nested deeper than 64 levels"):
        nesting_of(deep)


@pytest.mark.parametrize(
    "json",
    [
        {"kind": "dict", "keys": ["a", "a"], "parts": [None, None]},
        {"kind": "dict", "keys": [1, True], "parts": [None, None]},
        {"kind": "dict", "keys": ["a"], "parts": []},
        {"kind": "list", "keys": ["a"], "parts": [None]},
        {"kind": "list", "name": "A", "parts": [None]},
        {"kind": "named", "keys": ["a"], "parts": [None]},
        {"kind": "named", "name": "A", "keys": [1], "parts": [None]},
        {"kind": "named", "name": "A", "keys": ["a b"], "parts": [None]},
        {"kind": "named", "name": "A", "keys": ["_asdict"], "parts": [None]},
        {"kind": "named", "name": "class", "keys": ["a"], "parts": [None]},
        {"kind": "named", "name": "A(): pass\n#", "keys": ["a"], "parts": [None]},
    ],
)
def test_json_that_is_no_nesting(json):
    json["parts"], json["keys"] = tuple(json["parts"]), tuple(json.get("keys", ()))
    with pytest.raises(ModelFileError):
        nesting_of(NestingJson.model_validate(json))


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -3, 1 << 80, 0.0, -0.0, 1.0, 1e300, math.inf, -math.inf, "tëxt", "", 1 + 2j, complex("inf")],
)
def test_fixed_values_come_back(value):
    back = fixed_of(Leaf.model_validate_json(Leaf(value=fixed_json(value, "it")).model_dump_json()).value)
    assert (type(back), repr(back)) == (type(value), repr(value))


def test_not_a_number_comes_back():
    back = fixed_of(Leaf.model_validate_json(Leaf(value=fixed_json(math.nan, "it")).model_dump_json()).value)
    assert math.isnan(back)


def test_the_leaf_stays_one():
    assert nesting_json(Nesting()) is None
    assert nesting_of(None) == Nesting()
