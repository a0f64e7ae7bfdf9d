"""`LateOriginal`: the module of a model that was captured earlier, which is built when it is first asked for.

Building it takes seconds and needs torch; only `--verify` and lossy encodings ask for it.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock

from split_model.model import Original
from split_model.structure import Tree

__all__ = ["LateOriginal"]


class LateOriginal:
    """Stands behind `Model.original` in place of the module.

    Args:
        build: Builds the module.
    """

    def __init__(self, build: Callable[[], Original]) -> None:
        self._build = build
        self._built: Original | None = None
        self._lock = Lock()

    def __call__(self, inputs: Sequence[Tree]) -> Tree:
        """See `split_model.model.Original`."""
        return self._module()(inputs)

    def nearby(self, inputs: Sequence[Tree], tolerance: float, count: int) -> Iterator[Tree]:
        """See `split_model.model.Original`."""
        return self._module().nearby(inputs, tolerance, count)

    def returned(self, outputs: Tree) -> Tree:
        """Arrays as they are: whatever postprocess such a model has takes them as well as tensors."""
        return outputs

    def _module(self) -> Original:
        with self._lock:
            if self._built is None:
                self._built = self._build()
            return self._built
