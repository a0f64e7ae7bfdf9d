"""What encodings cost: sizes as they are sent, and a guard that really runs the rest of the model."""

import math

import numpy as np
import pytest
import torch

import split_model
from edge_service import AgentConfig, measure_wire_costs
from edge_service.output.verify import difference
from partitioner import CostProfile, Link, tabulate
from partitioner.listed.split_table import SplitTable
from split_model import arrays_of
from split_wire import PICTURES, Encoding, applies, available, encode_tensor, roundtrip


class Sensitive(torch.nn.Module):
    """Its first layer's values differ by less than a quantum of int8, and the second one tells them apart."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        wide = torch.cat([image.to(torch.float32).flatten(1) * 1e-3, torch.full((1, 1), 1e3)], dim=1)
        return torch.tanh(wide[:, :-1] * 5.0)


def images(*seeds: int) -> list[tuple[torch.Tensor, ...]]:
    return [
        (torch.from_numpy(np.random.default_rng(seed).integers(0, 255, (1, 3, 16, 16), dtype=np.uint8)),)
        for seed in seeds
    ]


def smooth() -> list[tuple[torch.Tensor, ...]]:
    """A picture that every encoding of pictures makes smaller."""
    rows, columns = np.mgrid[0:16, 0:16]
    picture = np.stack([9 * rows + columns, 5 * columns, 200 - 4 * rows - 3 * columns])
    return [(torch.from_numpy(picture.astype(np.uint8)[np.newaxis]),)]


@pytest.fixture(scope="module")
def sensitive() -> split_model.Model:
    return split_model.model_of(Sensitive().eval(), images(0)[0], name="sensitive")


@pytest.fixture(scope="module")
def small() -> split_model.Model:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(784, 5)
    )

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.network(image.to(torch.float32) / 255)

    return split_model.model_of(Small().eval(), images(0)[0], name="small")


def by_name(costs):
    return {encoding.name: encoding for encoding in costs.encodings}


def test_without_a_limit_on_the_error_nothing_is_lossy(small):
    lossless = ["raw", "zstd", "differences_zstd", "webp", *(["jpeg_xl"] if available(Encoding.JPEG_XL) else [])]
    assert list(by_name(measure_wire_costs(small, images(1), AgentConfig()))) == lossless
    assert list(by_name(measure_wire_costs(small, images(1), AgentConfig(encodings="raw")))) == ["raw"]


def test_sizes_are_those_of_the_tensors_sent_and_times_are_positive(small):
    (frame,) = smooth()
    measured = measure_wire_costs(small, [frame], AgentConfig(max_error=10.0))
    costs, inputs = by_name(measured), measured.inputs
    for position, (layer, values) in enumerate(small.walk(*frame)):
        (array,), (spec,) = arrays_of(values[layer]), small.layer_specs[layer]
        for name, encoding in costs.items():
            if Encoding(name) in PICTURES and layer not in inputs:
                assert (encoding.output_bytes[position], encoding.encode_s[position]) == (math.inf, 0.0)
                continue
            wanted = Encoding(name) if applies(Encoding(name), spec.dtype, spec.shape) else Encoding.RAW
            assert encoding.output_bytes[position] == encode_tensor(layer, array, encoding=wanted).size
            assert encoding.encode_s[position] > 0.0


def test_pictures_are_for_cuts_of_inputs_alone_and_decisions_choose_them(small):
    """The link is slow, so the fewest bytes win; the edge is far too slow for a single layer."""
    costs = measure_wire_costs(small, smooth(), AgentConfig())
    layers = small.graph.layers
    slow = CostProfile((0.0, *(100.0 for _ in layers[1:])), tuple(0.0 for _ in layers))
    encodings = [each.priced(tuple(0.0 for _ in layers), 1.0) for each in costs.encodings]
    sizes = {each.name: each.output_bytes[0] for each in encodings}
    for splits in (SplitTable(small.graph, slow, encodings=encodings), tabulate(small.graph, slow, encodings)):
        found = splits.dsl(Link(1e4))
        assert (set(found.cut), found.encoding) == (costs.inputs, min(sizes, key=sizes.__getitem__))
    assert Encoding(found.encoding) in PICTURES


@pytest.mark.parametrize("shape", [(1, 3, 16), (1, 4, 16, 16), (2, 3, 16, 16)])
def test_a_model_without_pictures_has_no_encodings_of_them(shape):
    class Mean(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.to(torch.float32).mean()

    frame = (torch.zeros(shape, dtype=torch.uint8),)
    model = split_model.model_of(Mean().eval(), frame, name="mean")
    assert list(by_name(measure_wire_costs(model, [frame], AgentConfig()))) == ["raw", "zstd"]


def test_beside_a_picture_another_input_is_sent_raw():
    class Two(torch.nn.Module):
        def forward(self, image: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            return image.to(torch.float32).mean() * weight.exp()

    frame = (*smooth()[0], torch.zeros(5))
    model = split_model.model_of(Two().eval(), frame, name="two")
    costs = by_name(measure_wire_costs(model, [frame], AgentConfig()))
    webp, raw = costs["webp"].output_bytes, costs["raw"].output_bytes
    by_layer = {layer.name: (webp[i], raw[i]) for i, layer in enumerate(model.graph.layers)}
    image, weight = (by_layer.pop(value.layer) for value in model.inputs)
    assert image[0] < image[1]
    assert weight[0] == weight[1]
    assert {size for size, _ in by_layer.values()} == {math.inf}


def test_the_guard_forbids_what_costs_too_much_and_only_that(sensitive):
    (frame,) = images(4)
    expected = sensitive.flatten(sensitive(*frame))
    limit = 0.02
    costs = by_name(measure_wire_costs(sensitive, [frame], AgentConfig(max_error=limit)))
    allowed, forbidden = 0, 0
    for position, (layer, values) in enumerate(sensitive.walk(*frame)):
        (spec,) = sensitive.layer_specs[layer]
        for name in ("float16", "int8"):
            if not applies(Encoding(name), spec.dtype, spec.shape):
                continue
            (array,) = arrays_of(values[layer])
            arrived = {**values, layer: roundtrip(array, Encoding(name))}
            close = difference(expected, sensitive.tail(tuple(arrived)).run(arrived), limit) is None
            assert math.isfinite(costs[name].output_bytes[position]) == close, (layer, name)
            allowed, forbidden = allowed + close, forbidden + (not close)
    assert allowed, "the limit must let something through"
    assert forbidden, "the limit must forbid something, or this test says nothing"


def test_one_frame_among_several_is_enough_to_forbid(sensitive):
    config = AgentConfig(max_error=0.02)
    dark = (torch.zeros((1, 3, 16, 16), dtype=torch.uint8),)  # all tensors but one number are zero: nothing is lost
    alone = by_name(measure_wire_costs(sensitive, [dark], config))["int8"]
    both = by_name(measure_wire_costs(sensitive, [dark, *images(4)], config))["int8"]
    assert sum(map(math.isinf, both.output_bytes)) > sum(map(math.isinf, alone.output_bytes))


def test_the_inputs_have_an_encoding_of_their_own(small):
    costs = measure_wire_costs(small, images(5), AgentConfig(input_encoding="jpeg"))
    (entry,) = costs.inputs
    other = next(layer.name for layer in small.graph.layers if layer.inputs)
    assert costs.of_cut((entry, other), "zstd") == {entry: Encoding.JPEG, other: Encoding.ZSTD}
    position = [layer.name for layer in small.graph.layers].index(entry)
    array = images(5)[0][0].numpy()
    jpeg = encode_tensor(entry, array, encoding=Encoding.JPEG).size
    assert {encoding.output_bytes[position] for encoding in costs.encodings} == {jpeg}
    assert list(by_name(costs)) == ["raw", "zstd"], "no other picture is to choose from"


def test_frames_that_jpeg_changes_too_much_are_sent_raw(small):
    noise = images(6)  # nothing is harder for JPEG
    assert measure_wire_costs(small, noise, AgentConfig(input_encoding="jpeg")).input_encoding is Encoding.JPEG
    strict = AgentConfig(input_encoding="jpeg", max_error=1e-4)
    assert measure_wire_costs(small, noise, strict).input_encoding is Encoding.RAW


def test_the_clouds_seconds_are_put_together_by_encoding_of_a_cut(small):
    costs = measure_wire_costs(small, images(5), AgentConfig(input_encoding="jpeg"))
    layers = [layer.name for layer in small.graph.layers]
    numbers = {Encoding.RAW: 1.0, Encoding.ZSTD: 2.0, Encoding.JPEG: 3.0}
    measured = {encoding: tuple(number for _ in layers) for encoding, number in numbers.items()}
    decode_s = costs.decode_s(layers, measured)
    for name, number in (("raw", 1.0), ("zstd", 2.0)):
        assert decode_s[name] == tuple(3.0 if layer in costs.inputs else number for layer in layers)
    del measured[Encoding.ZSTD]
    assert list(costs.decode_s(layers, measured)) == ["raw"], "what the cloud did not measure it does not accept"


def test_without_frames_nothing_can_be_measured(small):
    with pytest.raises(ValueError, match="at least one"):
        measure_wire_costs(small, [], AgentConfig())


def test_progress_counts_the_layers_of_every_frame(small):
    told = []
    measure_wire_costs(small, images(1, 2), AgentConfig(), lambda done, total: told.append((done, total)))
    total = 2 * len(small.graph)
    assert told == [(done, total) for done in range(1, total + 1)]
