"""The registry of served models: found by name and digest, warmed up and profiled before the first request.

Laws:
    * A model is found by its exact name, and only if the caller's digest is empty or the model's.
    * Where no model has the name, one of the caller's digest is found: a file has other paths on two machines.
    * Until the registry is ready, look-ups raise `StartingError`, never "not found".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import split_model
from cloud_service.errors import ConfigurationError, DigestMismatchError, StartingError, UnknownModelError
from cloud_service.likely_cuts import prepare_likely
from cloud_service.tail_plans import TailPlans
from split_wire import DTYPES, Encoding


class ServedModel:
    """A model with its measured times.

    Args:
        model: The model.
        profile: Seconds of each layer, in the order of `model.graph.layers`.
        decode_s: Seconds to decode each layer's value, in that order, by encoding.

    Attributes:
        plans: How requests with known headers are answered.
    """

    def __init__(
        self, model: split_model.Model, profile: split_model.Profile, decode_s: Mapping[Encoding, Sequence[float]]
    ) -> None:
        self.model = model
        self.profile = profile
        self.decode_s = decode_s
        self.plans = TailPlans(model, decode_s)
        self._layers = {
            layer.name: (layer.inputs, s) for layer, s in zip(model.graph.layers, profile.layer_s, strict=True)
        }
        self._output_layers = {spec.path: spec.layer for spec in model.outputs}
        # Bounded, because callers choose the cuts.
        self._predicted_s = lru_cache(maxsize=256)(self._walk_back)

    def predicted_s(self, feeds: Iterable[str], outputs: Iterable[str] = ()) -> float:
        """Return the profiled seconds of the tail from these layers to these outputs (paths; empty: all)."""
        return self._predicted_s(frozenset(feeds), frozenset(outputs))

    def _walk_back(self, feeds: frozenset[str], outputs: frozenset[str]) -> float:
        wanted = [layer for path, layer in self._output_layers.items() if not outputs or path in outputs]
        stack = [layer for layer in wanted if layer is not None]
        seen = set(feeds)
        total_s = 0.0
        while stack:
            name = stack.pop()
            if name not in seen:
                seen.add(name)
                inputs, layer_s = self._layers[name]
                total_s += layer_s
                stack.extend(inputs)
        return total_s


class Registry:
    """The served models.

    Args:
        candidates: Models with distinct names.

    Attributes:
        candidates: As given.
        ready: Whether the models are warm, so that they can be found.

    Raises:
        ConfigurationError: no model, two of one name, or outputs that cannot be sent.
    """

    def __init__(self, candidates: Sequence[split_model.Model]) -> None:
        if not candidates:
            raise ConfigurationError("no model to serve; expected at least one")
        names = [model.name for model in candidates]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"two models are named {name!r}; expected distinct names")
        for model in candidates:
            for spec in model.outputs:
                if split_model.TensorSpec(spec.dtype, ()).sent.dtype not in DTYPES:
                    raise ConfigurationError(
                        f"model {model.name!r}: output {spec.path!r} is {spec.dtype}, which cannot be sent; "
                        f"expected one of {', '.join(DTYPES)}"
                    )
        self.candidates = tuple(candidates)
        self._served: dict[str, ServedModel] = {}
        self._by_digest: dict[str, ServedModel] = {}
        self.ready = False

    def warm_up(
        self,
        measure: Callable[[split_model.Model], split_model.Profile],
        measure_decoding: Callable[[split_model.Model], Mapping[Encoding, Sequence[float]]],
    ) -> None:
        """Run, measure and prepare every model, blocking; afterwards the models can be found."""
        for model in self.candidates:
            self._served[model.name] = ServedModel(model, measure(model), measure_decoding(model))
        for model in self.candidates:  # only now: what is prepared in the background would be measured, too
            prepare_likely(model)
        self._by_digest = {served.model.digest: served for served in self._served.values()}
        self.ready = True

    def all(self) -> tuple[ServedModel, ...]:
        """Return every model with its times, in the order of `candidates`.

        Raises:
            StartingError: the models are still being warmed up.
        """
        self._check_ready()
        return tuple(self._served.values())

    def find(self, name: str, digest: str) -> ServedModel:
        """Return the model of this name and digest; or where no model has the name, one of this digest.

        Args:
            name: The exact name.
            digest: SHA-256 in lower-case hexadecimal; empty accepts any.

        Raises:
            StartingError: the models are still being warmed up.
            UnknownModelError: no model of this name or digest is served.
            DigestMismatchError: the model of this name has another digest.
        """
        self._check_ready()
        served = self._served.get(name) or self._by_digest.get(digest)
        if served is None:
            raise UnknownModelError(self._nothing(name, digest))
        if digest and digest != served.model.digest:
            raise DigestMismatchError(
                f"model {name!r} is served with digest {served.model.digest}, not {digest[:64]!r}; "
                f"expected the same graph, weights and preprocessing on both sides{_advice(name)}"
            )
        return served

    def _nothing(self, name: str, digest: str) -> str:
        known = ", ".join(sorted(self._served))
        alike = [other for other in self._served if _file_name(other) == _file_name(name)]
        also = f", and {alike[0]!r} has another digest than {digest[:12]!r}{_advice(name)}" if alike and digest else ""
        return f"model {name[:256]!r} is not served; expected one of: {known}, or one of their digests{also}"

    def _check_ready(self) -> None:
        if not self.ready:
            raise StartingError("the models are being warmed up; expected callers to wait until health is SERVING")


def _file_name(name: str) -> str:
    """What two machines' names of one file have in common: the part after the last folder."""
    return name.removeprefix("file:").rpartition("/")[2]


def _advice(name: str) -> str:
    """What to do about another digest of a model that the user's own code makes."""
    is_factory = not name.startswith(("torchvision:", "zoo:", "file:"))
    return "; a factory must seed its weights or load them" if is_factory else ""
