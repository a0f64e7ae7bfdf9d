"""Seconds of each layer on either side, from profile files or measured here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dads.planning.profile_file import read_profile
from dads.planning.profiles import StoredProfile, check_profile_of, measure_profile

if TYPE_CHECKING:  # keeps `dads --help` fast
    import split_model
    from partitioner import CostProfile


@dataclass(frozen=True, slots=True)
class ProfileFiles:
    """The profiles of both sides, read before any model is loaded, so that a broken file is an error at once.

    Attributes:
        edge: Path and content of the edge's file; None to measure here.
        cloud: Path and content of the cloud's file; None to measure here.
    """

    edge: tuple[Path, StoredProfile] | None
    cloud: tuple[Path, StoredProfile] | None

    @classmethod
    def read(cls, edge: Path | None, cloud: Path | None) -> Self:
        """Read the files that were given.

        Raises:
            ProfileError: a file does not hold a profile.
            OSError: a file cannot be read.
        """
        return cls(*(None if path is None else (path, read_profile(path)) for path in (edge, cloud)))

    def engine_for(self, asked: str) -> str | None:
        """The engine that a model must be loaded for: none if both sides' times are known."""
        return asked if self.edge is None or self.cloud is None else None

    def costs_of(self, model: split_model.Model, *, edge_slowdown: float) -> CostProfile:
        """Return the seconds of the model's layers; sides without a file share one measurement here.

        Raises:
            ProfileError: a file belongs to another model.
        """
        from partitioner import CostProfile  # noqa: PLC0415 # keeps `dads --help` fast

        measured: tuple[float, ...] = ()
        times: list[tuple[float, ...]] = []
        for side in (self.edge, self.cloud):
            if side is not None:
                path, stored = side
                check_profile_of(stored, model, path)
                times.append(stored.layer_s)
            else:
                measured = measured or measure_profile(model).layer_s
                times.append(measured)
        edge_s, cloud_s = times
        return CostProfile(tuple(seconds * edge_slowdown for seconds in edge_s), cloud_s)
