from collections import OrderedDict, namedtuple

from split_model.structure import flatten

Point = namedtuple("Point", ("x", "y"))


def nesting_of(tree):
    return flatten(tree)[1]


def test_nestings_are_equal_for_values_that_are_nested_alike():
    assert nesting_of([1, (2, {"a": 3})]) == nesting_of([4, (5, {"a": None})])
    assert nesting_of([1]) != nesting_of((1,))
    assert nesting_of({"a": 1}) != nesting_of({"b": 1})
    assert nesting_of({"a": 1}) != nesting_of(OrderedDict({"a": 1}))
    assert nesting_of([1]) != nesting_of([[1]])
    assert nesting_of([1]) != "a list"


def test_named_tuples_are_alike_by_name_and_fields():
    again = namedtuple("Point", ("x", "y"))
    assert nesting_of([Point(1, 2)]) == nesting_of([again(3, 4)])
    assert hash(nesting_of(Point(1, 2))) == hash(nesting_of(again(3, 4)))
    assert nesting_of(Point(1, 2)) != nesting_of(namedtuple("Point", ("x", "z"))(1, 2))
    assert nesting_of(Point(1, 2)) != nesting_of(namedtuple("Place", ("x", "y"))(1, 2))
    assert nesting_of(Point(1, 2)) != nesting_of((1, 2))
