"""Builds the session of a part: extract it, fuse it once, open it with packed weights that all sessions share.

Where the weights cannot be packed (no place to write, or the runtime cannot), a session has its own copy of them.
"""

import hashlib
import logging
import tempfile
from pathlib import Path

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.extraction import Extracted, extract
from split_model.engines.onnx.fusing import fused
from split_model.engines.onnx.network import Network, NetworkFile, index
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.engines.onnx.session import Session, open_session, session_options
from split_model.errors import ModelError

__all__ = ["Builder"]

_log = logging.getLogger(__name__)


class Builder:
    """Builds sessions of the parts of one model; several threads may use it.

    Args:
        file: The model's file.
        packed: Where packed weights are kept.
        threads: Threads of each operator.
    """

    def __init__(self, file: NetworkFile, packed: PackedWeights, threads: int) -> None:
        self._file = file
        self._packed = packed
        self._threads = threads
        self._network: Network | None = None
        self._packs = True

    def lasting(self, spec: PartSpec) -> Session:
        """A session to be kept, which shares weights with the others.

        Raises:
            ModelError: The part cannot be computed from its feeds, or not by ONNX Runtime.
        """
        from onnxruntime import GraphOptimizationLevel  # noqa: PLC0415  # only this engine needs onnxruntime

        extracted, model = self._extracted(spec)
        if model is None:
            return Session(spec, extracted.feeds, extracted.layers, None, 0)
        data = self._fused(model)
        if data is None:
            return self._plain(spec, extracted, model, lasting=True)
        options = session_options(self._packed.folder, self._threads)
        options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL  # it is optimised
        return open_session(spec, extracted, data, options, len(data))

    def once(self, spec: PartSpec, *, fusing: bool = True) -> Session:
        """A session for a few runs, which gives back all that it takes.

        Args:
            spec: The part.
            fusing: Whether operators are fused.

        Raises:
            ModelError: As `lasting`.
        """
        extracted, model = self._extracted(spec)
        if model is None:
            return Session(spec, extracted.feeds, extracted.layers, None, 0)
        return self._plain(spec, extracted, model, lasting=False)

    def _extracted(self, spec: PartSpec) -> tuple[Extracted, bytes | None]:
        if self._network is None:
            self._network = index(self._file)
        extracted = extract(self._network, self._file.definition, spec)
        return extracted, None if extracted.model is None else extracted.model.SerializeToString(deterministic=True)

    def _plain(self, spec: PartSpec, extracted: Extracted, model: bytes, *, lasting: bool) -> Session:
        self._file.check_unchanged()
        options = session_options(self._file.path.resolve().parent, self._threads, lasting=lasting)
        return open_session(spec, extracted, model, options, extracted.weight_bytes)

    def _fused(self, model: bytes) -> bytes | None:
        """The fused part with packed weights; `None` where they cannot be packed."""
        if not self._packs:
            return None
        key = hashlib.sha256(model).hexdigest()
        kept = self._packed.get(key)
        if kept is not None:
            return kept
        self._file.check_unchanged()
        try:
            with tempfile.TemporaryDirectory(dir=self._packed.folder, prefix=".fusing-") as work:
                part, weights = fused(model, self._file.path.resolve().parent, self._threads, Path(work))
                return self._packed.put(key, part, weights)
        except OSError as error:
            self._packs = False
            _log.warning("cannot write packed weights, so each session has its own copy of them: %s", error)
        except ModelError as error:
            _log.debug("a part cannot be packed: %s", error)
        return None
