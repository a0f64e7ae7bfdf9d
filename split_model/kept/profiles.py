"""`KeptProfiles`: a model's measured times, kept for the same model, engine, threads, versions and processor."""

from dataclasses import dataclass

from split_model.engines.profile import Profile
from split_model.kept.folder import KeptFolder
from split_model.kept.versions import key_of, made_by, processor

__all__ = ["KeptProfiles"]


@dataclass(frozen=True, slots=True)
class KeptProfiles:
    """The profile of one model in one engine.

    Attributes:
        folder: Where it is kept.
        digest: The model's.
        engine: Its name.
        threads: How many threads compute.
    """

    folder: KeptFolder
    digest: str
    engine: str
    threads: int

    def read(self, layers: int) -> Profile | None:
        """The kept profile; `None` without one of so many layers."""
        kept = self.folder.read_json(self._name())
        if kept is None or len(kept["layer_s"]) != layers:
            return None
        return Profile(tuple(map(float, kept["layer_s"])), float(kept["whole_s"]))

    def write(self, profile: Profile) -> None:
        """Keeps a profile, in place of an earlier one."""
        self.folder.write_json(self._name(), {"layer_s": profile.layer_s, "whole_s": profile.whole_s})

    def _name(self) -> str:
        return f"profile-{key_of(self.digest, self.engine, self.threads, made_by(), processor())}.json"
