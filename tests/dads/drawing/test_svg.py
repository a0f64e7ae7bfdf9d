import xml.etree.ElementTree as ET

import pytest

from dads.drawing.folding import Fold, fold
from dads.drawing.svg import Caption, graph_svg
from partitioner import Layer, LayerGraph

SVG = "{http://www.w3.org/2000/svg}"
GRAPH = LayerGraph(
    (
        Layer("image", (), 150_528),
        Layer("conv", ("image",), 64_000),
        Layer("pool", ("image",), 32_000),
        Layer("cat<&>", ("conv", "pool"), 4_000),
    ),
    outputs=("cat<&>",),
)
SIZES = {layer.name: layer.output_bytes for layer in GRAPH.layers}


CAPTION = Caption("a <model>", ("one line",))


def drawn(edge, *, graph=GRAPH, sizes=SIZES, caption=CAPTION):
    return ET.fromstring(graph_svg(fold(graph, edge, Fold.LAYERS), sizes, caption))


def of_class(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


def texts(element):
    return [text.text for text in element.iter(f"{SVG}text")]


def test_boxes_are_coloured_and_shaped_by_their_side():
    root = drawn(frozenset({"image", "conv"}))
    looks = {}
    for side in ("edge", "cloud"):
        boxes = of_class(root, side)
        assert len(boxes) == 2
        shapes = [box.find(f"{SVG}rect") for box in boxes]
        looks[side] = {(shape.get("fill"), shape.get("rx")) for shape in shapes}
        assert len(looks[side]) == 1
    ((edge_fill, edge_rx),), ((cloud_fill, cloud_rx),) = looks["edge"], looks["cloud"]
    assert edge_fill != cloud_fill
    assert edge_rx != cloud_rx


def test_what_is_sent_is_bold_with_its_size_and_the_rest_is_not():
    root = drawn(frozenset({"image", "conv"}))
    assert sorted(text for label in of_class(root, "size") for text in texts(label)) == ["151 kB", "64 kB"]
    sent, stays = of_class(root, "sent"), of_class(root, "stays")
    assert (len(sent), len(stays)) == (2, 2)
    assert min(float(path.get("stroke-width")) for path in sent) > max(
        float(path.get("stroke-width")) for path in stays
    )


def test_a_tensor_with_two_readers_in_the_cloud_has_its_size_once():
    root = drawn(frozenset({"image"}))
    assert [texts(label) for label in of_class(root, "size")] == [["151 kB"]]
    assert len(of_class(root, "sent")) == 2


@pytest.mark.parametrize(
    ("edge", "words"),
    [
        (frozenset({"image"}), {"runs on the edge", "runs in the cloud", "sent to the cloud"}),
        (frozenset(SIZES), {"runs on the edge"}),
        (None, {"not split"}),
    ],
)
def test_the_legend_explains_what_is_there(edge, words):
    (legend,) = of_class(drawn(edge), "legend")
    assert set(texts(legend)) == words


def test_the_background_is_white_and_everything_lies_on_it():
    root = drawn(None, caption=Caption("model", ("a line that is much longer than all of the drawing " * 3,)))
    width = float(root.get("width"))
    background = root.find(f"{SVG}rect")
    assert (background.get("fill"), background.get("width"), background.get("height")) == ("white", "100%", "100%")
    assert width > 900


def test_names_are_escaped_and_full_in_the_tooltip():
    long = "a_very_long_name_of_a_layer_that_no_box_could_hold_in_one_line"
    graph = LayerGraph((Layer("x", (), 1), Layer(long, ("x",), 1)), outputs=(long,))
    root = drawn(None, graph=graph, sizes={"x": 1, long: 1})
    assert [box.find(f"{SVG}title").text for box in of_class(root, "box")] == ["x", long]
    assert long not in texts(root)
    assert "cat<&>" in texts(drawn(None))


def test_many_tensors_between_two_boxes_are_summed_up():
    branches = tuple(Layer(f"b{i}", ("x",), 1000) for i in range(6))
    graph = LayerGraph((Layer("x", (), 1), *branches, Layer("y", tuple(b.name for b in branches), 1)), outputs=("y",))
    sizes = {layer.name: layer.output_bytes for layer in graph.layers}
    svg = graph_svg(fold(graph, frozenset(sizes) - {"y"}, Fold.SIDES), sizes, Caption("m", ()))
    assert "6 kB in 6 tensors" in svg


def test_boxes_are_named_by_their_module_and_layers_by_their_places():
    names = ["x", "c", "b", "r", "d"]
    layers = tuple(Layer(name, tuple(names[i - 1 : i]) if i else (), 1000) for i, name in enumerate(names))
    graph = LayerGraph(layers, ("d",))
    places = {"x": "x", "c": "body.0.conv", "b": "body.0.bn", "r": "body.1.relu", "d": "head.fc"}
    sizes = dict.fromkeys(names, 1000)

    def boxes(edge, detail):
        root = ET.fromstring(graph_svg(fold(graph, edge, detail, places), sizes, None, places))
        return [(texts(box)[0], box.find(f"{SVG}title").text) for box in of_class(root, "box")], root

    assert boxes(None, Fold.CHAINS)[0] == [("x … head.fc", "x, body.0.conv, body.0.bn, body.1.relu, head.fc")]
    split, root = boxes(frozenset("xc"), Fold.CHAINS)
    assert split == [("x … body.0.conv", "x, body.0.conv"), ("body.0.bn … head.fc", "body.0.bn, body.1.relu, head.fc")]
    assert [label.find(f"{SVG}title").text for label in of_class(root, "size")] == ["body.0.conv"]
    thirty = {**places, **{f"y{i}": f"body.2.{i}" for i in range(30)}}
    more = [Layer(f"y{i}", (f"y{i - 1}" if i else "r",), 1) for i in range(30)]
    graph = LayerGraph((*layers[:4], *more, Layer("d", ("y29",), 1)), ("d",))
    places, sizes = thirty, dict.fromkeys(thirty, 1000)
    assert [name for name, _ in boxes(None, Fold.MODULES)[0]] == [
        "x",
        "body.0.conv",
        "body.0.bn",
        "body.1.relu",
        "body.2",
        "head.fc",
    ]
    cut = frozenset({*"xcbr", *(f"y{i}" for i in range(5))})
    assert [name for name, _ in boxes(cut, Fold.MODULES)[0]][4:6] == ["body.2.0 … 4", "body.2.5 … 29"]
