"""`Verdict`: whether a model runs in ONNX Runtime here as well as in torch, and why."""

from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any

__all__ = ["MOST_DEVIATION", "MOST_TIME", "Verdict"]

MOST_DEVIATION = 1e-5
"""The most that an output may be off, relative to its largest element."""

MOST_TIME = 1.05
"""The most time that the model may take, over torch's."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comparing two engines gave.

    Attributes:
        refusal: Why there is no ONNX form; `None` if there is one.
        deviation: How far its outputs are from torch's; infinite for other integers or shapes.
        time: Its time over torch's.
    """

    refusal: str | None = None
    deviation: float = 0.0
    time: float = 0.0

    @property
    def takes_onnx(self) -> bool:
        """Whether `auto` takes `onnx`."""
        return self.refusal is None and self.deviation <= MOST_DEVIATION and self.time <= MOST_TIME

    @property
    def reason(self) -> str:
        """Why it does, or does not."""
        if self.refusal is not None:
            return self.refusal
        if not isfinite(self.deviation):
            return "ONNX Runtime gives other outputs than torch"
        if self.deviation > MOST_DEVIATION:
            return f"ONNX Runtime's outputs are off by {self.deviation:.0e} of their scale; at most {MOST_DEVIATION:g}"
        if self.time > MOST_TIME:
            return f"ONNX Runtime takes {self.time:.2f} of torch's time; at most {MOST_TIME:g}"
        return f"{self.time:.2f} of torch's time, outputs within {max(self.deviation, 1e-9):.0e} of torch's"

    def to_json(self) -> dict[str, Any]:
        """As JSON; infinity as `null`."""
        return asdict(self) | {"deviation": self.deviation if isfinite(self.deviation) else None}

    @classmethod
    def of_json(cls, json: Any) -> "Verdict | None":  # noqa: ANN401  # whatever was kept
        """The verdict in JSON; `None` if it is none."""
        if not isinstance(json, dict) or json.keys() != {"refusal", "deviation", "time"}:
            return None
        return cls(json["refusal"], inf if json["deviation"] is None else float(json["deviation"]), json["time"])
