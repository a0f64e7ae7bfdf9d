"""The errors of loading, splitting and running models.

::

    ModelError (Exception)
    ├── UnknownModelError        no such model, file or factory
    │   └── ModelFileError       a model file that is damaged, cut short, of another kind or version, or was replaced
    ├── BadSpecError             the spec cannot be parsed: unknown prefix, empty name
    ├── WeightsError             weights that are missing or do not fit the model
    ├── ShadowedNetworksError    Python finds another package `models` before this project's
    ├── MissingExtraError        the model needs a package of an optional extra
    ├── EngineUnavailableError   the requested engine cannot run the model here
    ├── FactoryError             the user's code, which makes the model, raised an exception
    ├── UnsupportedModelError    the model cannot be exported or split: random, stateful, dynamic shapes
    │   └── NoOnnxFormError      it can be split, but a layer of it has no ONNX form
    ├── InputError               inputs or values of the wrong number, shape or dtype
    ├── UnknownLayerError        a layer's name that the model does not have
    ├── UnknownOutputError       an output path that the model does not have
    ├── NotClosedError           a set of edge layers without a model input, or without a predecessor of a layer
    ├── MissingTensorError       a schedule needs a layer's value that was not given
    └── ExecutionError           an operator failed while a schedule ran
"""


class ModelError(Exception):
    """The root of this package's errors."""


class UnknownModelError(ModelError):
    """No such model, file or factory."""


class ModelFileError(UnknownModelError):
    """A model file cannot be read or written: damaged, cut short, of another kind or version, or replaced in use."""


class BadSpecError(ModelError):
    """The spec is not one of the forms that `split_model.load` takes."""


class WeightsError(ModelError):
    """Weights that cannot be read, or do not fit the model."""


class ShadowedNetworksError(ModelError):
    """A network is requested by name, but Python finds another package `models` before this project's."""


class MissingExtraError(ModelError):
    """The model needs a package that an optional extra installs."""


class EngineUnavailableError(ModelError):
    """The requested engine cannot run the model here: another device, or a model that only the other one runs."""


class FactoryError(ModelError):
    """The user's code raised an exception while it made the model; the cause is chained."""


class UnsupportedModelError(ModelError):
    """The model cannot be exported, or has no fixed dataflow graph that could be split."""


class NoOnnxFormError(UnsupportedModelError):
    """The model can be split and run in torch, but a layer of it has no ONNX form."""


class InputError(ModelError):
    """Inputs or layer values of the wrong number, shape or dtype."""


class UnknownLayerError(ModelError):
    """A layer's name that the model does not have.

    Attributes:
        layer: The unknown name.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        super().__init__(f"the model has no layer named {layer!r}")


class UnknownOutputError(ModelError):
    """An output path that the model does not have.

    Attributes:
        path: The unknown path.
    """

    def __init__(self, path: str, known: tuple[str, ...]) -> None:
        self.path = path
        super().__init__(f"the model has no output {path!r}; its outputs are {', '.join(known)}")


class NotClosedError(ModelError):
    """A set of edge layers is missing a model input or a predecessor of one of its layers."""


class MissingTensorError(ModelError):
    """A schedule needs the value of a layer that was not given.

    Attributes:
        layer: The layer whose value is missing.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        super().__init__(f"the value of layer {layer!r} is needed and was not given")


class ExecutionError(ModelError):
    """An operator failed while a schedule ran; the cause is chained.

    Attributes:
        layer: The trace node that failed.
    """

    def __init__(self, layer: str, error: Exception) -> None:
        self.layer = layer
        super().__init__(f"layer {layer!r} failed: {error}")
