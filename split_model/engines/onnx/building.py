"""Builds the session of a part: extract it, fuse it once, open it with packed weights that all sessions share.

Where the weights cannot be packed (no place to write, or the runtime cannot), a session has its own copy of them.
"""

import hashlib
import logging
import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from split_model.engines.engine import PartSpec
from split_model.engines.memory import give_back_freed_memory
from split_model.engines.onnx.extraction import Extracted, extract
from split_model.engines.onnx.fusing import fused
from split_model.engines.onnx.network import Network, NetworkFile, index
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.session import Session, open_session, session_options
from split_model.engines.onnx.shared_weights import SharedWeights
from split_model.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["Builder"]

_log = logging.getLogger(__name__)

_LOOP = b"Loop"
"""The operator in the bytes of a model. A loop that waits for a value may never end on zeros."""


class Builder:
    """Builds sessions of the parts of one model; several threads may use it.

    Args:
        file: The model's file.
        packed: Where packed weights are kept.
        threads: Threads of each operator.

    Attributes:
        threads: As given.
    """

    def __init__(self, file: NetworkFile, packed: PackedWeights, threads: int) -> None:
        self._file = file
        self._packed = packed
        self.threads = threads
        self._network: Network | None = None
        self._lock = Lock()
        self._packs = True
        self._shared = SharedWeights()

    @property
    def folder(self) -> Path:
        """The folder of the model's file, to which extracted parts refer."""
        return self._file.path.resolve().parent

    def extracted(self, spec: PartSpec) -> Extracted:
        """A part as a model of its own, with weights in the model's file.

        Raises:
            ModelError: The part cannot be computed from its feeds, or the file was changed.
        """
        self._file.check_unchanged()
        with self._lock:
            if self._network is None:
                self._network = index(self._file)
        return extract(self._network, self._file.definition, spec)

    def lasting(self, spec: PartSpec) -> Session:
        """A session to be kept, which shares weights with the others, and has run once.

        Raises:
            ModelError: The part cannot be computed from its feeds, or not by ONNX Runtime.
        """
        extracted = self.extracted(spec)
        if extracted.model is None:
            return Session.of_feeds(spec)
        model = extracted.model.SerializeToString(deterministic=True)
        session = self._opened(extracted, model)
        if _LOOP not in model:
            session.run_first(self._file.definition.layer_specs)
        return session

    def _opened(self, extracted: Extracted, model: bytes) -> Session:
        from onnxruntime import GraphOptimizationLevel  # noqa: PLC0415  # only this engine needs onnxruntime

        with self._packed.in_use() as packs:
            part = self._fused(extracted, model) if packs and self._packs else None
            if part is None:
                options = session_options(self.folder, self.threads, prepacks=extracted.prepacks)
                return open_session(extracted, model, options, extracted.weight_bytes)
            options = session_options(self._packed.folder, self.threads, prepacks=extracted.prepacks)
            options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL  # it is optimised
            held = self._shared.lend(part, self._packed.folder, options)
            data = part.SerializeToString()
            return open_session(extracted, data, options, len(data), held)

    def once(self, spec: PartSpec) -> Session:
        """A session for a few runs, which gives back all that it takes.

        Raises:
            ModelError: As `lasting`.
        """
        extracted = self.extracted(spec)
        if extracted.model is None:
            return Session.of_feeds(spec)
        options = session_options(self.folder, self.threads, prepacks=extracted.prepacks, lasting=False)
        return open_session(extracted, extracted.model.SerializeToString(), options, extracted.weight_bytes)

    def _fused(self, extracted: Extracted, model: bytes) -> "onnx.ModelProto | None":
        """The fused part with packed weights; `None` where they cannot be packed."""
        key = hashlib.sha256(model).hexdigest()
        try:
            return self._packed.get(key) or self._newly_fused(key, extracted, model)
        except OSError as error:
            self._packs = False
            if not self._packed.closed:  # else the process ends
                _log.warning("cannot write packed weights, so each session has its own copy of them: %s", error)
        except ModelError as error:
            _log.debug("a part cannot be packed: %s", error)
        return None

    def _newly_fused(self, key: str, extracted: Extracted, model: bytes) -> "onnx.ModelProto":
        give_back_freed_memory()  # for some moments this takes the weights a second and a third time
        try:
            with tempfile.TemporaryDirectory(dir=self._packed.folder, prefix=".fusing-") as work:
                part, weights = fused(extracted, model, self.folder, self.threads, Path(work))
                self._packed.put(key, part, weights)
                return part
        finally:
            give_back_freed_memory()
