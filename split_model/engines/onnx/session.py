"""A part as a session of ONNX Runtime: arrays in, arrays out, errors in this package's words.

Sessions are for the CPU. Their threads do not spin: a spinning thread takes processor time that other work needs, and
by which a slowed edge is priced. All sessions of a process share one arena for what they compute; an arena of its own
would keep a session's largest need for ever.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from split_model.engines.engine import PartSpec, Recorder, Results
from split_model.engines.onnx.extraction import Extracted
from split_model.engines.onnx.names import output_name
from split_model.errors import ExecutionError, MissingTensorError, UnsupportedModelError
from split_model.specs import TensorSpec
from split_model.values import Array, Value

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

__all__ = ["Session", "open_session", "session_options"]

_FATAL = 4
_EXTEND_AS_REQUESTED = 1
_NODE = re.compile(r"while running \S+ node\. Name:'([^']+)'")


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A part that is ready to run; several threads may run it at once.

    Attributes:
        spec: The part.
        inputs: For each input of the network the name, the layer, and the position of the tensor in the layer's value.
        names: For each wanted layer that is no feed, the names of its tensors.
        runtime: ONNX Runtime's session; `None` where every wanted value is a feed.
        own_bytes: Bytes of the weights that it holds for itself, apart from those mapped from a file.
        held: What the runtime's session uses and does not keep alive.
    """

    spec: PartSpec
    inputs: tuple[tuple[str, str, int], ...]
    names: Mapping[str, tuple[str, ...]]
    runtime: "InferenceSession | None"
    own_bytes: int
    held: tuple[object, ...] = ()

    @classmethod
    def of_feeds(cls, spec: PartSpec) -> "Session":
        """The session of a part that returns feeds only."""
        return cls(spec, (), {}, None, 0)

    def prepare(self) -> float:
        """It is ready."""
        return 0.0

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:  # noqa: ARG002  # no layers
        """See `split_model.engines.engine.Part`; a session cannot tell the time of its layers."""
        found = self._computed(feeds)
        layers: dict[str, Value] = {}
        for layer in self.spec.layers:
            names = self.names.get(layer)
            if names is None:
                layers[layer] = _given(feeds, layer)
            else:
                layers[layer] = found[names[0]] if len(names) == 1 else tuple(found[name] for name in names)
        return Results(layers, {path: found[output_name(path)] for path in self.spec.outputs})

    def run_first(self, specs: Mapping[str, Sequence[TensorSpec]]) -> None:
        """Runs once on zeros: the first run of a session takes longer than all others, and no frame is to pay for it.

        Whatever comes of it is dropped, an error too: zeros may be no input that the part is made for. A part with an
        input of a size that depends on values is left as it is.

        Args:
            specs: The tensors of each layer's value.
        """
        found = {name: specs[layer][place] for name, layer, place in self.inputs}
        if self.runtime is None or any(None in spec.shape for spec in found.values()):
            return
        with suppress(Exception):
            self.runtime.run(None, {name: np.zeros(spec.sizes, spec.carried.dtype) for name, spec in found.items()})

    def _computed(self, feeds: Mapping[str, Value]) -> dict[str, Array]:
        if self.runtime is None:
            return {}
        wanted = [*(name for names in self.names.values() for name in names), *map(output_name, self.spec.outputs)]
        arrays = {name: _plain(_given(feeds, layer), place) for name, layer, place in self.inputs}
        try:
            found = self.runtime.run(wanted, arrays)
        except Exception as error:  # the runtime's errors have no common class
            node = _NODE.search(str(error))
            place = node.group(1) if node else (*self.spec.layers, *self.spec.outputs)[-1]
            raise ExecutionError(place, error) from error
        return dict(zip(wanted, found, strict=True))


def open_session(
    extracted: Extracted, model: bytes, options: "SessionOptions", own_bytes: int, held: tuple[object, ...] = ()
) -> Session:
    """Makes a session.

    Args:
        extracted: The part as a model.
        model: That model, or what it became by fusing.
        options: See `session_options`.
        own_bytes: See `Session`.
        held: See `Session`.

    Raises:
        UnsupportedModelError: ONNX Runtime refuses the model.
    """
    from onnxruntime import InferenceSession  # noqa: PLC0415  # a model without this engine needs no onnxruntime

    try:
        runtime = InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class
        reason = str(error).strip().splitlines()[0]
        raise UnsupportedModelError(f"ONNX Runtime cannot run this part of the model: {reason}") from error
    return Session(extracted.spec, extracted.feeds, extracted.layers, runtime, own_bytes, held)


def session_options(folder: Path, threads: int, *, prepacks: bool, lasting: bool = True) -> "SessionOptions":
    """Options of a session whose weights are in files of a folder.

    Args:
        folder: The folder.
        threads: Threads of each operator.
        prepacks: Whether the runtime reorders weights for operators.
        lasting: Whether the session is kept, and so draws on the arena that the sessions share; else what it takes is
            given back when it ends.
    """
    from onnxruntime import SessionOptions  # noqa: PLC0415

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL  # errors are raised; nothing is printed
    options.enable_cpu_mem_arena = False
    entries = {
        "session.intra_op.allow_spinning": "0",
        "session.inter_op.allow_spinning": "0",
        "session.disable_prepacking": str(int(not prepacks)),
        "session.model_external_initializers_file_folder_path": str(folder),
        "session.use_device_allocator_for_initializers": "1",  # an arena would keep the weights' memory
    }
    if lasting and _shares_arena():
        entries["session.use_env_allocators"] = "1"
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    return options


@cache
def _shares_arena() -> bool:
    """Registers the arena of the process's sessions, once; whether it is there."""
    import onnxruntime as ort  # noqa: PLC0415

    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    try:
        ort.create_and_register_allocator(place, ort.OrtArenaCfg(0, _EXTEND_AS_REQUESTED, -1, -1))
    except Exception as error:  # noqa: BLE001  # the runtime's errors have no common class
        return "already" in str(error)  # the program registered one of its own
    return True


def _given(feeds: Mapping[str, Value], layer: str) -> Value:
    if layer not in feeds:
        raise MissingTensorError(layer)
    return feeds[layer]


def _plain(value: Value, place: int) -> Array:
    """A tensor as ONNX Runtime reads it: it ignores byte order, and needs aligned rows."""
    array = value[place] if isinstance(value, tuple) else value
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return native if native.flags.aligned else np.array(native)
