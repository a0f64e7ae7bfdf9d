"""Decoding times of a real model's layers: one for each layer and encoding, raw's where none applies."""

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from cloud_service import codec_profile
from split_wire import PICTURES, Encoding, applies, available, encode_tensor, limits
from split_wire.codec_timing import CodecCost
from split_wire.encodings import of_wire


class Mixed(nn.Module):
    """A picture, floats of several sizes, a tuple of two dtypes."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image):
        top, where = torch.topk(self.convolution(image.float()).flatten(1), 5)
        return torch.relu(top), where + 1


@pytest.fixture(scope="module")
def mixed():
    return split_model.model_of(Mixed().eval(), (torch.zeros(1, 3, 16, 16, dtype=torch.uint8),), name="mixed")


@pytest.fixture
def costs(monkeypatch):
    """Decoding takes a second and a second for each byte, and ten times as much for every encoding but raw."""

    def measured(values, encoding):
        scale = 1 if encoding is Encoding.RAW else 10
        return {
            layer: CodecCost(0, 0.0, scale * sum(1.0 + array.nbytes for array, _ in arrays))
            for layer, arrays in values.items()
        }

    monkeypatch.setattr(codec_profile, "measure", measured)


def test_every_layer_and_encoding_has_the_time_of_its_bytes(mixed, costs):
    found = codec_profile.profile_decoding(mixed)
    assert found.keys() == set(filter(available, Encoding)) - {Encoding.PACKETS}, "what is not available"
    for encoding, decode_s in found.items():
        expected = [
            sum(
                (10 if encoding is not Encoding.RAW and applies(encoding, spec.dtype, spec.shape) else 1)
                * (1.0 + spec.bytes)
                for spec in mixed.layer_specs[layer.name]
            )
            for layer in mixed.graph.layers
        ]
        np.testing.assert_allclose(decode_s, expected, rtol=1e-6, err_msg=encoding)
    slower = np.divide(found[Encoding.JPEG], found[Encoding.RAW])
    np.testing.assert_allclose(slower, [10] + [1] * (len(slower) - 1), err_msg="the picture as JPEG, the rest raw")


@pytest.mark.parametrize("content", ["black", "noise"])
def test_pictures_are_decoded_for_as_long_as_a_camera_s_whatever_the_example_shows(content, monkeypatch):
    """Noise would be sent raw, and black is decoded in no time."""
    example = {"black": torch.zeros, "noise": lambda *size, dtype: torch.randint(0, 256, size, dtype=dtype)}[content]
    model = split_model.model_of(Mixed().eval(), (example(1, 3, 32, 32, dtype=torch.uint8),), name="mixed")
    sent = {}

    def measured(values, encoding):
        sent[encoding] = [
            encode_tensor("x", array, encoding=encoding) for arrays in values.values() for array, _ in arrays
        ]
        return {layer: CodecCost(0, 0.0, 1.0) for layer in values}

    monkeypatch.setattr(codec_profile, "measure", measured)
    codec_profile.profile_decoding(model)
    for encoding in filter(available, PICTURES):
        (tensor,) = sent[encoding]
        assert of_wire(tensor.meta.encoding) is encoding
        assert tensor.size > 3 * 32 * 32 / 6


def test_real_times_are_positive_and_finite(mixed):
    for decode_s in codec_profile.profile_decoding(mixed).values():
        assert len(decode_s) == len(mixed.graph.layers)
        assert all(0 < seconds < 10 for seconds in decode_s)


def test_what_does_not_fit_in_a_message_is_not_measured(mixed, monkeypatch):
    """Neither the convolution's float32, which is the largest, nor the picture; and nothing of int64 is left out."""
    monkeypatch.setattr(limits, "MAX_CUT_BYTES", 700)
    seen = []

    def measured(values, encoding):
        seen.extend(array.nbytes for arrays in values.values() for array, _ in arrays)
        return {layer: CodecCost(0, 0.0, 1.0) for layer in values}

    monkeypatch.setattr(codec_profile, "measure", measured)
    found = codec_profile.profile_decoding(mixed)
    assert 0 < max(seen) <= 700
    sizes = {layer.name: layer.output_bytes for layer in mixed.graph.layers}
    assert max(sizes.values()) > 700
    for decode_s in found.values():
        assert [seconds > 0 for seconds in decode_s] == [size <= 700 for size in sizes.values()]


class Odd(nn.Module):
    """A value without dimensions, one without elements, a complex one, and one of nine dimensions."""

    def forward(self, x):
        return x / x.max(), x[:0] + 1, torch.fft.fft(x), x.reshape((1,) * 8 + (4,)) * 2


def test_values_of_any_shape_and_kind_are_measured():
    model = split_model.model_of(Odd().eval(), (torch.ones(4),), name="odd")
    for decode_s in codec_profile.profile_decoding(model).values():
        assert all(0 < seconds < 10 for seconds in decode_s)
