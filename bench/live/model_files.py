"""Models as files, which both ends of a live benchmark run in ONNX Runtime: exported once, and kept under out/bench."""

from typing import Literal

import split_model
from bench.publishing.journal import FOLDER
from split_model.kept.versions import key_of, made_by

KEPT = FOLDER / "kept"
"""What is captured and exported for benchmarks, so that they need not do it again."""

EngineName = Literal["torch", "onnx"]


def spec_for(engine: EngineName, spec: str) -> str:
    """What both ends load: the model itself for torch; for ONNX Runtime its file, so that neither has another way."""
    if engine == "torch":
        return spec
    model = split_model.load(spec, engine="torch", cache=KEPT)
    name = "".join(letter if letter.isalnum() else "_" for letter in spec)
    path = FOLDER / "models" / f"{name}-{key_of(model.digest, made_by())[:12]}.dads"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        split_model.export_model(model, path)
    return f"file:{path.absolute()}"
