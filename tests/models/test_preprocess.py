"""Pictures are prepared as the weights were trained with: as torchvision's own pipeline, for each of its transforms."""

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from torch import nn

from edge_service.sources.sample import sample_path
from models import build
from models.detectors import DETECTORS, source_of
from models.torchvision_models import SEGMENTATION, preprocess_of
from pictures import Picture, Preprocess, picture_of, prepared
from split_model.pytorch.torchvision_import import torchvision_models

tv = torchvision_models()


def distinct_transforms() -> dict[str, Any]:
    """torchvision's own, of all weights that it has for classification and segmentation; nothing is downloaded."""
    names = [*tv.list_models(module=tv), *tv.list_models(module=tv.segmentation)]
    presets = [preset for name in names for preset in tv.get_model_weights(name)]
    made = [preset.transforms() for preset in presets]
    return {f"{each.resize_size}-{getattr(each, 'crop_size', '')}-{each.interpolation.value}": each for each in made}


TRANSFORMS = distinct_transforms()


def frames() -> Iterator[Image.Image]:
    for clip in ("bikes", "carphone_pristine"):
        with av.open(str(sample_path(clip))) as container:
            yield picture_of(next(container.decode(video=0))).image


FRAMES = tuple(frames())
PICTURES = {
    "bikes": FRAMES[0],
    "carphone": FRAMES[1],
    "odd": FRAMES[0].crop((3, 5, 282, 148)),
    "pixel": FRAMES[0].crop((300, 100, 301, 101)),
    "wide": FRAMES[0].crop((0, 100, 60, 109)),
    "tall": FRAMES[0].crop((300, 0, 305, 30)),
}


def test_there_are_as_many_as_is_said() -> None:
    assert len(TRANSFORMS) >= 28
    assert all(each.antialias for each in TRANSFORMS.values())


@pytest.mark.parametrize("name", TRANSFORMS)
def test_an_input_is_what_torchvision_makes_of_the_picture(name: str) -> None:
    from torchvision.transforms import functional

    transforms = TRANSFORMS[name]
    (size,) = set(getattr(transforms, "crop_size", None) or transforms.resize_size)
    preprocess = preprocess_of(transforms, size)
    for picture in PICTURES.values():
        ours = prepared(Picture(picture), preprocess, size, size)[0].transpose(1, 2, 0)
        resized = functional.resize(picture, transforms.resize_size, transforms.interpolation, antialias=True)
        theirs = functional.center_crop(resized, [size])
        assert np.array_equal(ours, np.asarray(theirs))


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name.endswith("bilinear")][:3])
def test_torchvisions_way_for_tensors_is_within_a_level(name: str) -> None:
    from torchvision.transforms import functional

    transforms = TRANSFORMS[name]
    (size,) = set(getattr(transforms, "crop_size", None) or transforms.resize_size)
    for picture in FRAMES:
        ours = prepared(Picture(picture), preprocess_of(transforms, size), size, size)[0]
        pixels = functional.pil_to_tensor(picture)
        resized = functional.resize(pixels, transforms.resize_size, transforms.interpolation, antialias=True)
        assert np.abs(ours.astype(int) - functional.center_crop(resized, [size]).numpy()).max() <= 1


def test_a_long_thin_picture_is_as_torchvisions() -> None:
    from torchvision.transforms import functional

    thin = FRAMES[0].resize((4000, 30))
    ours = prepared(Picture(thin), Preprocess(resize=256), 224, 224)[0].transpose(1, 2, 0)
    assert np.array_equal(ours, np.asarray(functional.center_crop(functional.resize(thin, [256]), [224])))


def test_a_line_of_pixels_needs_no_memory_for_its_whole_scaled_picture() -> None:
    line = Image.new("RGB", (1_000_000, 1), (10, 20, 30))
    assert prepared(Picture(line), Preprocess(resize=256), 224, 224).reshape(3, -1).mean(1).tolist() == [10, 20, 30]


def test_segmentation_takes_the_centre_of_the_scaled_picture() -> None:
    for name in SEGMENTATION:
        assert str(preprocess_of(tv.get_model_weights(name).DEFAULT.transforms(), 520)) == "crop,resize=520,bilinear"


@pytest.mark.parametrize(
    ("family", "name", "expected"),
    [
        ("zoo", "efficientnet_lite0", "crop,resize=256,bicubic"),
        ("zoo", "tiny_yolov2", "pad,bilinear,fill=127"),
        ("zoo", "nin", "crop,resize=256,bilinear"),
        ("torchvision", "squeezenet1_1", "crop,resize=256,bilinear"),
    ],
)
def test_each_network_says_how_its_pictures_are_prepared(family: str, name: str, expected: str) -> None:
    assert str(build(family, name, None).preprocess) == expected


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_see_the_whole_picture(name: str, monkeypatch) -> None:
    monkeypatch.setattr("models.detectors.divide", lambda detector, _: detector)  # it takes a real one, and seconds
    preprocess = source_of(name, nn.Identity(), {"categories": ()}).preprocess
    assert str(preprocess) == ("stretch,bilinear" if name.startswith("ssd") else "pad,bilinear")
