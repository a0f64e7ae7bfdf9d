"""One mapping of each packed weight for all sessions of a process.

A session that maps the files itself has mappings of its own. They share the memory, but the system counts it once for
each in the process's resident size. So the weights are mapped here, once, and lent to the sessions. Those that the
runtime reorders for an operator stay with the sessions: it would reorder what is lent again, into memory of its own.
"""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from split_model.values import Array

if TYPE_CHECKING:
    from onnxruntime import OrtValue, SessionOptions

__all__ = ["SharedWeights"]

_Key = tuple[str, int, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class _Mapped:
    """A weight in memory: the runtime's value does not keep the array's memory alive."""

    array: Array
    value: "OrtValue"


class SharedWeights:
    """The mappings of weights that sessions use now; safe to use from several threads."""

    def __init__(self) -> None:
        self._mapped: WeakValueDictionary[_Key, _Mapped] = WeakValueDictionary()
        self._lock = Lock()

    def lend(self, model: Any, folder: Path, options: "SessionOptions") -> tuple[object, ...]:  # noqa: ANN401  # protobuf
        """Adds a part's weights to the options of its session.

        Args:
            model: The part.
            folder: The folder of the files that it refers to.
            options: The options.

        Returns:
            What must be held as long as the session.
        """
        held = []
        for tensor in model.graph.initializer:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            if entries and not any(key.startswith("prepacked") for key in entries):
                mapped = self._of((entries["location"], tensor.data_type, tuple(tensor.dims)), folder)
                if mapped is not None:
                    options.add_initializer(tensor.name, mapped.value)
                    held.append(mapped)
        return tuple(held)

    def _of(self, key: _Key, folder: Path) -> _Mapped | None:
        """The mapping of a file's beginning; `None` if it holds no such array."""
        from onnx.helper import tensor_dtype_to_np_dtype  # noqa: PLC0415  # a model without this engine needs no onnx
        from onnxruntime import OrtValue  # noqa: PLC0415

        location, kind, shape = key
        with self._lock:
            mapped = self._mapped.get(key)
            if mapped is None:
                dtype = tensor_dtype_to_np_dtype(kind)
                if dtype.kind not in "biuf":  # bfloat16 and the like, which pass through no array
                    return None
                try:
                    array = np.memmap(folder / location, dtype, "r", 0, shape)
                except (OSError, ValueError):
                    return None
                mapped = self._mapped[key] = _Mapped(array, OrtValue.ortvalue_from_numpy(array))
            return mapped
