"""`Profile`: the measured times of a model's layers on this machine."""

from dataclasses import dataclass

__all__ = ["Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Measured times of a model on one device, in one engine.

    Attributes:
        layer_s: Seconds of each layer, in graph order; 0 for inputs. Their sum is `whole_s`.
        whole_s: Seconds of the whole model in one run.
    """

    layer_s: tuple[float, ...]
    whole_s: float
