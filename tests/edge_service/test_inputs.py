"""Whatever a caller hands in is copied and checked, and what does not fit is an InputError."""

import numpy as np
import pytest
import torch
from PIL import Image

import split_model
from edge_service import InputError
from edge_service.frame_image import FrameImage
from edge_service.inputs import arrays_of_inputs, holds_tensors, own_inputs
from edge_service.sources.shots import ShotToDecode
from pictures import Picture, Preprocess
from split_model.structure import map_leaves


@pytest.fixture(scope="module")
def model() -> split_model.Model:
    return split_model.load("zoo:easy_net")


@pytest.fixture
def frame(model) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, model.inputs[0].shape, dtype=np.uint8)


def test_a_callers_buffer_may_be_used_again_at_once(model, frame):
    for given in (frame, torch.from_numpy(frame.copy())):
        (taken,) = own_inputs(model, [given])
        before = taken.copy()
        given[:] = 0
        assert np.array_equal(taken, before)
        assert before.any()


def test_any_strides_and_byte_order_will_do(model, frame):
    (mirrored,) = own_inputs(model, [frame[:, ::-1, :, ::-1]])
    assert np.array_equal(mirrored, frame[:, ::-1, :, ::-1])
    assert mirrored.flags.c_contiguous
    read_only = frame.copy()
    read_only.flags.writeable = False
    assert np.array_equal(own_inputs(model, [read_only])[0], frame)
    with pytest.raises(InputError, match="is uint16"):
        own_inputs(model, [frame.astype(">u2")])


@pytest.mark.parametrize("wrong", ["s", [1, 2], None, 7, np.array(["a"]), np.array([object()])])
def test_what_is_no_tensor_is_an_input_error(model, wrong):
    with pytest.raises(InputError, match=r"expected a tensor or array, uint8 \[1, 3, "):
        own_inputs(model, [wrong])


class Nested(torch.nn.Module):
    """A tensor, a tuple of two states, a dictionary, a number and something unused, as recurrent networks have them."""

    def forward(self, x, state, options, scale, unused=None):
        return x * scale + state[0] + options["bias"], {"state": (state[1] * 2,)}


NESTED = (
    torch.ones(2, 3),
    (torch.full((2, 3), 2.0), torch.full((3,), 4.0)),
    {"bias": torch.tensor(0.5), "steps": 7},
    3,
    None,
)


@pytest.fixture(scope="module")
def nested() -> split_model.Model:
    return split_model.model_of(Nested().eval(), NESTED, name="nested")


def as_arrays(value):
    return map_leaves(lambda leaf: leaf.numpy() if isinstance(leaf, torch.Tensor) else leaf, value)


@pytest.mark.parametrize("given", [NESTED, as_arrays(NESTED)])
def test_nested_inputs_are_taken_as_the_module_takes_them(nested, given):
    owned = own_inputs(nested, given)
    assert type(owned[1]) is tuple
    assert (owned[2]["steps"], owned[3:]) == (7, (3, None))
    assert np.array_equal(nested(*owned)[0], np.full((2, 3), 5.5))
    head, tail = nested.split(frozenset(layer.name for layer in nested.graph.layers if not layer.inputs))
    assert np.array_equal(tail(head(*owned))[1]["state"][0], np.full((3,), 8.0))
    before = owned[1][0].copy()
    (given[1][0] if isinstance(given[1][0], torch.Tensor) else torch.from_numpy(given[1][0])).add_(1)
    assert np.array_equal(owned[1][0], before), "a state is copied too"
    given[1][0][:] -= 1


def test_inputs_may_be_named(nested):
    x, state, options, scale, unused = NESTED
    named = {"scale": scale, "options": options, "unused": unused}
    found = own_inputs(nested, (x, state), named)
    assert np.array_equal(nested(*found)[0], nested(*NESTED)[0].numpy())
    with pytest.raises(InputError, match=r"expected the inputs x, state, .*, unused; got 2 by position, and s"):
        own_inputs(nested, (x, state), {"s": 1})


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (0, 5, r"input x: expected a tensor or array, float32 \[2, 3\], not int"),
        (1, torch.ones(2, 3), "expected the inputs x, state.0, state.1, options.bias"),
        (1, (torch.ones(2, 3), torch.ones(2)), r"input 'state.1' must be float32 \[3\]; got float32 \[2\]"),
        (
            1,
            (torch.ones(2, 3), np.array(["a"])),
            "input state.0, state.1: expected tensors or arrays, not an array",
        ),
        (2, {"bias": 0.5, "steps": 7}, r"input 'options.bias' must be float32 \[\]; got float"),
    ],
)
def test_nested_inputs_that_do_not_fit_say_where(nested, place, value, expected):
    given = list(NESTED)
    given[place] = value
    with pytest.raises(InputError, match=expected):
        own_inputs(nested, given)


class Precise(torch.nn.Module):
    """Takes what numpy or the wire does not know."""

    def forward(self, x, spectrum, mask):
        return x.float() * mask, spectrum[0] * 2


PRECISE = (torch.tensor([1.5, -2.0]).bfloat16(), (torch.tensor([1 + 2j, 3.0]),), torch.tensor([True, False]))


@pytest.fixture(scope="module")
def precise() -> split_model.Model:
    return split_model.model_of(Precise().eval(), PRECISE, name="precise")


@pytest.mark.parametrize(
    "spectrum", [PRECISE[1][0], PRECISE[1][0].conj().conj(), np.array([1 + 2j, 3], ">c8"), np.float32([[1, 2], [3, 0]])]
)
@pytest.mark.parametrize("x", [PRECISE[0], np.uint16([0x3FC0, 0xC000])])
def test_what_numpy_or_the_wire_lacks_is_carried(precise, x, spectrum):
    bits, (pairs,), mask = own_inputs(precise, (x, (spectrum,), np.array([True, False])))
    assert (bits.dtype, bits.tolist()) == (np.dtype("uint16"), [0x3FC0, 0xC000])
    assert (pairs.dtype, pairs.tolist()) == (np.dtype("float32"), [[1, 2], [3, 0]])
    assert mask.tolist() == [True, False]
    product, doubled = precise(bits, (pairs,), mask)
    assert (product.tolist(), doubled.tolist()) == ([1.5, 0], [[2, 4], [6, 0]])


def test_a_tensor_is_no_carrier_of_another(precise):
    """What carries bfloat16 or complex numbers in an array is another tensor."""
    _, spectrum, mask = PRECISE
    with pytest.raises(InputError, match=r"input x is uint16 \[2\], expected bfloat16 \[2\]"):
        own_inputs(precise, (PRECISE[0].view(torch.uint16), spectrum, mask))
    with pytest.raises(InputError, match=r"'spectrum.0' must be complex64 \[2\]; got float32 \[2, 2\]"):
        own_inputs(precise, (PRECISE[0], (torch.view_as_real(spectrum[0]),), mask))


def test_a_sparse_tensor_is_an_input_error(precise):
    sparse = PRECISE[2].to_sparse()
    with pytest.raises(InputError, match="expected tensors or arrays with dense elements"):
        own_inputs(precise, (*PRECISE[:2], sparse))


def test_a_picture_gives_its_own_array(model):
    _, _, height, width = model.inputs[0].shape
    picture = Picture(Image.fromarray(np.full((height, width, 3), 7, np.uint8)))
    image = FrameImage(ShotToDecode(lambda: picture, "a.png"), Preprocess(), height, width)
    taken = own_inputs(model, [image])
    assert taken == (image,)
    (array,) = arrays_of_inputs(taken)
    assert array is image.array()


def test_tensors_are_found_where_they_are(frame):
    assert not holds_tensors([frame, [1, {"a": frame}]], {"named": 2})
    assert holds_tensors([frame, [1, {"a": torch.ones(1)}]])
    assert holds_tensors([frame], {"named": torch.ones(1)})
