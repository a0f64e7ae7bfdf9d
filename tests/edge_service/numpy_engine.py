"""A small model of pictures whose layers are numpy functions: what code above the engines runs on without torch."""

from collections.abc import Callable, Mapping

import numpy as np

from partitioner import Layer, LayerGraph
from split_model import Definition, Model, PartSpec, Preparation, Profile, TensorSpec, ValueSpec
from split_model.arguments import ExpectedInputs
from split_model.definition import Returned
from split_model.engines.engine import Results
from split_model.engines.walking import walk
from split_model.structure import flatten
from split_model.values import Array, Value

SHAPE = (1, 3, 8, 8)
CLASSES = ("cat", "dog", "eel", "fox", "gnu")


def scaled(image: Array) -> Array:
    """Channels last in memory, as fast kernels leave it."""
    last = np.ascontiguousarray(image.transpose(0, 2, 3, 1)).astype(np.float32) / 255
    return last.transpose(0, 3, 1, 2)


def halves(value: Array) -> tuple[Array, ...]:
    return value[:, :, :4], value[:, :, 4:]


def mixed(parts: tuple[Array, ...]) -> Array:
    return np.tanh(parts[0] - 2 * parts[1])


def level(value: Array) -> Array:
    return np.asarray(value.mean(), np.float32)


def scores(value: Array) -> Array:
    weight = np.random.default_rng(0).standard_normal((96, len(CLASSES)), np.float32)
    return value.reshape(1, 96) @ weight


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "scaled": scaled,
    "halves": halves,
    "mixed": mixed,
    "level": level,
    "scores": scores,
}


def definition(digest: str = "0" * 64) -> Definition:
    """Returns `{"scores": [1, 5], "parts": [a number, a constant]}`."""
    readers = {"image": (), "scaled": ("image",), "halves": ("scaled",), "mixed": ("halves",)}
    readers |= {"level": ("mixed",), "scores": ("mixed",)}
    half = TensorSpec("float32", (1, 3, 4, 8))
    specs = {
        "image": (TensorSpec("uint8", SHAPE),),
        "scaled": (TensorSpec("float32", SHAPE),),
        "halves": (half, half),
        "mixed": (half,),
        "level": (TensorSpec("float32", ()),),
        "scores": (TensorSpec("float32", (1, len(CLASSES))),),
    }
    layers = tuple(Layer(name, inputs, sum(spec.bytes for spec in specs[name])) for name, inputs in readers.items())
    constant = np.arange(2, dtype=np.int64)
    leaves = (
        ("scores", ValueSpec("scores", "scores", "float32", (1, len(CLASSES)))),
        ("parts.0", ValueSpec("parts.0", "level", "float32", ())),
        ("parts.1", ValueSpec("parts.1", None, "int64", (2,))),
    )
    return Definition(
        digest=digest,
        graph=LayerGraph(layers, ("level", "scores")),
        layer_specs=specs,
        inputs=ExpectedInputs(("image",), flatten((constant,))[1], (("image", specs["image"][0]),), ("image",)),
        outputs=Returned(flatten({"scores": 0, "parts": [0, 0]})[1], leaves, {"parts.1": constant}),
        places={name: name for name in readers},
        labels=CLASSES,
    )


class NumpyPart:
    """One part: every layer's function is called at most once, from what is wanted back to what is given."""

    def __init__(self, engine: "NumpyEngine", spec: PartSpec) -> None:
        self._engine = engine
        self._spec = spec

    def run(self, feeds: Mapping[str, Value], recorder: Callable[[str, float], None] | None = None) -> Results:
        values = {name: feeds[name] for name in self._spec.feeds}

        def value(name: str) -> Value:
            if name not in values:
                values[name] = FUNCTIONS[name](*map(value, self._engine.readers[name]))
                if recorder is not None:
                    recorder(name, 1e-6)
            return values[name]

        layers = {name: value(name) for name in self._spec.layers}
        return Results(layers, {path: value(self._engine.layer_of[path]) for path in self._spec.outputs})


class NumpyEngine:
    """Runs `FUNCTIONS`; never modifies what it is given."""

    name = "numpy"
    preparation = Preparation.NONE

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.readers = {layer.name: layer.inputs for layer in definition.graph.layers}
        self.layer_of = {spec.path: spec.layer for spec in definition.outputs.specs}

    def part(self, spec: PartSpec) -> NumpyPart:
        return NumpyPart(self, spec)

    def is_ready(self, spec: PartSpec) -> bool:
        return True

    def prefer(self, specs) -> None:
        pass

    def prepare(self, specs) -> None:
        pass

    def walk(self, feeds: Mapping[str, Value]):
        return walk(self.definition, feeds, self.part)

    def measure(self, feeds: Mapping[str, Value], *, repeats: int, warmup: int, on_progress=None) -> Profile:
        seconds = tuple(1e-3 if inputs else 0.0 for inputs in self.readers.values())
        return Profile(seconds, sum(seconds))

    def close(self) -> None:
        pass


def picture(seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 255, SHAPE, dtype=np.uint8)


def numpy_model(name: str = "numpy:pictures", **settings: object) -> Model:
    """The model; `settings` as for `Model`."""
    made = definition()
    return Model(made, NumpyEngine(made), name=name, example_inputs=(picture(),), **settings)


__all__ = ["NumpyEngine", "definition", "numpy_model", "picture"]
