import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from split_model.errors import NoOnnxFormError, UnsupportedModelError
from split_model.pytorch.module_model import model_of
from split_model.pytorch.trunk_and_rest import TrunkAndRest

IMAGE = torch.linspace(-1, 1, 3 * 100).reshape(1, 3, 10, 10)
BYTES = torch.arange(300).remainder(256).to(torch.uint8).reshape(1, 3, 10, 10)


class Tuples(nn.Module):
    """Layers whose values are several tensors, two of them one reader each, in a nested return value."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(10, 4, batch_first=True)
        self.joined = nn.Linear(4, 6)

    def forward(self, image):
        best, places = image.max(dim=1)
        states, (hidden, cell) = self.recurrent(best)
        left, right = self.joined(states).split([2, 4], dim=2)
        return {"states": (left.relu(), right), "places": places, "last": [hidden, cell]}


class Returns(nn.Module):
    """Every way in which an output may share its tensor with something else."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.first, self.second = nn.Linear(10, 10), nn.Linear(10, 10)
        self.register_buffer("table", torch.arange(3.0))

    def forward(self, image, unused):
        made = self.second(self.first(self.convolution(image))).relu()
        return {
            "view": made.flatten(1),
            "same": made,
            "again": made,
            "copy": made.clone(),
            "image": image,
            "constant": self.table,
            "nothing": None,
            "unused": unused,
        }


class Integers(nn.Module):
    """Bytes in; integers, truth values, and sizes of 0 and 1 inside."""

    def forward(self, image):
        pixels = image.to(torch.float32) / 255
        bright = pixels > 0.5
        chosen = torch.where(bright, pixels, -pixels)
        brightest = chosen.flatten(2).argmax(dim=2)
        counted = bright.sum(dim=(2, 3), keepdim=True)
        return brightest, counted % 7, bright, chosen[:, :0] + 1, image[:, :1], counted == 3


HEIGHTS = torch.tensor([0.0, 0.0, -0.0, 1.0, -1.0, 3.0, 6.0, 0.9, -0.3])
WIDTHS = torch.tensor([-1.0, 0.0, -1.0, 0.0, 0.0, -2.0, 0.0, 0.3, -0.6])


class Both(nn.Module):
    """An export takes a second, so two modules share one."""

    def __init__(self) -> None:
        super().__init__()
        self.tuples, self.integers = Tuples(), Integers()

    def forward(self, image, pixels):
        return self.tuples(image), self.integers(pixels)


class Activations(nn.Module):
    """Operators whose ONNX form is composed of others, or rounds in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, 3)
        self.layer_norm = nn.LayerNorm(10)
        self.attention = nn.MultiheadAttention(10, 2, batch_first=True)
        self.transposed = nn.ConvTranspose2d(3, 2, 3, stride=2, output_padding=1)

    def forward(self, image):
        found = [functional.gelu(image), functional.gelu(image, approximate="tanh"), functional.hardswish(image)]
        found += [functional.silu(image), functional.mish(image), functional.softplus(image), functional.elu(image)]
        found += [self.norm(image), self.layer_norm(image), functional.softmax(image, 3), functional.relu6(image)]
        tokens = image[0]
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        smaller = [functional.adaptive_avg_pool2d(image, (3, 7)), functional.adaptive_max_pool2d(image, (5, 2))]
        smaller += [functional.avg_pool2d(image, 3, 2, 1, count_include_pad=False), functional.max_pool2d(image, 3, 2)]
        larger = [functional.interpolate(image, size=(17, 23), mode="nearest"), self.transposed(image)]
        larger += [functional.interpolate(image, scale_factor=2.0, mode="bilinear")]
        larger += [functional.interpolate(image, size=(17, 23), mode="bilinear")]
        larger += [functional.interpolate(image, size=(17, 23), mode="bilinear", align_corners=True)]
        larger += [functional.interpolate(image, size=(20, 30), mode="bicubic")]
        unchanged = functional.adaptive_avg_pool2d(image.relu(), (10, 10))  # a reader must read this layer all the same
        return found, attended, smaller, larger, torch.cat([unchanged.repeat(1, 1, 1, 1)]).exp()


def is_close(wanted: np.ndarray, found: np.ndarray, tolerance: float = 2e-5) -> bool:
    if (wanted.dtype, wanted.shape) != (found.dtype, found.shape):
        return False
    if wanted.dtype.kind != "f" or not wanted.size:
        return bool((wanted == found).all())
    return float(np.abs(wanted.astype(float) - found).max()) <= tolerance * float(np.abs(wanted).max())


class Exact(nn.Module):
    """Operators that the exporter composes of others, which differ from torch's for some ordinary numbers."""

    def forward(self, height, width):
        whole = [height // 0.1, torch.div(height, width + 0.3, rounding_mode="floor"), height.floor_divide(-0.3)]
        return torch.atan2(height, width), torch.atan2(width, height), *whole


def drawn(module: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module.eval()


def check(exported) -> None:
    """Each layer alone, and the outputs from the inputs, are as in torch."""
    off = [name for name, wanted, found in exported.layers() if not is_close(wanted, found)]
    off += [path for path, wanted, found in exported.outputs() if not is_close(wanted, found)]
    assert off == []


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        pytest.param(Both(), (IMAGE, BYTES), id="tuples and integers"),
        pytest.param(Activations(), (IMAGE,), id="activations"),
        pytest.param(Exact(), (HEIGHTS, WIDTHS), id="exact"),
    ],
)
def test_each_layer_alone_and_the_whole_are_as_in_torch(module, inputs, export):
    check(export(model_of(drawn(module), inputs, name="toy")))


class OfNothing(nn.Module):
    """Reductions of no elements, which ONNX Runtime takes for zero or true."""

    def forward(self, image):
        none = image[:, :0] + 1
        return none.mean(1), none.mean(), none.std((1, 2)), none.var(1, keepdim=True), (none > 0).any(1)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_reductions_of_no_elements_are_as_in_torch(export):
    found = list(export(model_of(OfNothing(), (IMAGE,), name="nothing")).outputs())
    assert len(found) == 5
    for path, wanted, other in found:
        np.testing.assert_array_equal(other, wanted, err_msg=path, strict=True)


def test_outputs_that_share_tensors_the_same_network_again_and_no_place_on_this_machine(export):
    module = drawn(Returns())
    module.second.load_state_dict(module.first.state_dict())
    model = model_of(module, (IMAGE, torch.ones(2)), name="toy")
    told: list[tuple[int, int]] = []
    exported = export(model, lambda done, total: told.append((done, total)))
    check(exported)
    assert told == [(1, 3), (2, 3), (3, 3)]
    first = exported.network
    assert first.SerializeToString(deterministic=True) == export(model).network.SerializeToString(deterministic=True)
    assert b"/" not in b"".join(node.SerializeToString() for node in first.graph.node)
    assert {entry.domain for entry in first.opset_import} == {""}
    weights = [list(tensor.dims) for tensor in first.graph.initializer]
    assert weights.count([10, 10]) == 1  # equal ones are there once, turned already
    assert "Transpose" not in {node.op_type for node in first.graph.node}
    onnx.checker.check_model(first, full_check=True)


def test_a_trunk_ends_in_what_its_rest_takes(export):
    class Trunk(nn.Module):
        def forward(self, image):
            return {"scores": image.mean(dim=1).flatten(1), "image": image}

    class Rest(nn.Module):
        def forward(self, heads):
            return heads["scores"][heads["scores"] > 0]

    exported = export(model_of(TrunkAndRest(Trunk(), Rest()), (IMAGE,), name="toy"))
    assert [value.name for value in exported.network.graph.output] == ["output:rest:0", "output:rest:1"]
    scores, image = exported.run({"image": IMAGE.numpy()}, ["output:rest:0", "output:rest:1"])
    assert is_close(IMAGE.mean(dim=1).flatten(1).numpy(), scores)
    assert (image == IMAGE.numpy()).all()
    assert all(is_close(wanted, found) for _, wanted, found in exported.layers())


class Half(nn.Module):
    def forward(self, image):
        return (image.to(torch.bfloat16) + 1).to(torch.float32)


class Spectrum(nn.Module):
    def forward(self, image):
        return torch.fft.rfft(image).abs()


class Orthogonal(nn.Module):
    def forward(self, image):
        return torch.linalg.qr(image)[0]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        pytest.param(Half(), ["bfloat16", "aten._to_copy"], id="bfloat16"),
        pytest.param(Spectrum(), ["complex64", "aten.fft_rfft"], id="complex"),
        pytest.param(Orthogonal(), ["linalg_qr", "aten.linalg_qr"], id="operator"),
    ],
)
def test_what_has_no_onnx_form_is_refused_in_one_line_that_names_it(module, words, export, capfd):
    model = model_of(module, (IMAGE,), name="toy")
    with pytest.raises(NoOnnxFormError) as caught:
        export(model)
    message = str(caught.value)
    assert isinstance(caught.value, UnsupportedModelError)
    assert "\n" not in message
    assert all(word in message for word in words), message
    assert capfd.readouterr() == ("", "")
