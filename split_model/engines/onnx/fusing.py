"""Optimises a part once, and has ONNX Runtime write the fused nodes and the reordered weights."""

from pathlib import Path
from typing import TYPE_CHECKING

from split_model.engines.onnx.extraction import Extracted
from split_model.engines.onnx.prepacking import LARGE_BYTES
from split_model.engines.onnx.session import session_options
from split_model.errors import UnsupportedModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["fused"]


def fused(
    extracted: Extracted, model: bytes, weights: Path, threads: int, work: Path
) -> "tuple[onnx.ModelProto, Path]":
    """Optimises a part for this processor.

    Args:
        extracted: The part.
        model: Its model.
        weights: The folder of the file that it refers to.
        threads: Threads of each operator.
        work: An empty folder for what the runtime writes; the caller removes it.

    Returns:
        The fused part, and the file of its larger weights, in `work`.

    Raises:
        UnsupportedModelError: ONNX Runtime refuses the part, or cannot write it.
    """
    import onnx  # noqa: PLC0415  # a model without this engine needs no onnx
    from onnxruntime import InferenceSession  # noqa: PLC0415

    options = session_options(weights, threads, prepacks=extracted.prepacks, lasting=False)
    options.optimized_model_filepath = str(work / "part.onnx")
    for key, value in {
        "session.optimized_model_external_initializers_file_name": "part.bin",
        "session.optimized_model_external_initializers_min_size_in_bytes": str(LARGE_BYTES),
        "session.save_external_prepacked_constant_initializers": str(int(extracted.prepacks)),
    }.items():
        options.add_session_config_entry(key, value)
    try:
        InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class
        reason = str(error).strip().splitlines()[0]
        raise UnsupportedModelError(f"ONNX Runtime cannot prepare this part of the model: {reason}") from error
    written = onnx.load_model(work / "part.onnx", load_external_data=False)
    (work / "part.bin").touch()  # a part without large weights has none
    return written, work / "part.bin"
