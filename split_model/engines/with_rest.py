"""`WithRest`: an engine for a model whose rest runs in numpy, on top of one that runs its trunk.

The engine below knows the trunk only, whose outputs are what the rest takes. So it needs no word for rests.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from partitioner import LayerGraph
from split_model.definition import Definition, Returned
from split_model.engines.clock import compute_clock
from split_model.engines.engine import Engine, Part, PartSpec, Preparation, Recorder, Results
from split_model.engines.profile import Profile
from split_model.engines.walking import walk
from split_model.errors import ExecutionError
from split_model.rests.form import RestForm
from split_model.rests.named import NumpyRest, named_rest
from split_model.structure import flatten
from split_model.values import Array, Value

__all__ = ["WithRest", "trunk_definition"]


def trunk_definition(definition: Definition, form: RestForm) -> Definition:
    """The trunk of a model, whose outputs are what the rest takes, under the paths of `form.takes`."""
    rest = definition.rest
    _, nesting = flatten((None,) * len(form.takes))
    layers = tuple(entry for entry in definition.graph.layers if entry.name != rest)
    ends = tuple(dict.fromkeys(spec.layer for spec in form.takes if spec.layer is not None))
    return replace(
        definition,
        graph=LayerGraph(layers, ends),
        layer_specs={name: specs for name, specs in definition.layer_specs.items() if name != rest},
        outputs=Returned(nesting, tuple((spec.path, spec) for spec in form.takes)),
        places={name: place for name, place in definition.places.items() if name != rest},
        rest=None,
    )


@dataclass(frozen=True, slots=True)
class PartWithRest:
    """A part of the trunk, then the rest, or one of the two.

    Attributes:
        trunk: The trunk's part; `None` if there is none.
        rest: The rest's layer.
        compute: The rest.
        takes: The trunk's outputs that the rest takes; none if the rest's value is given or not needed.
        returns_rest: Whether the rest's value is wanted.
        positions: For each wanted output its position in the rest's value.
    """

    trunk: Part | None
    rest: str
    compute: NumpyRest
    takes: tuple[str, ...]
    returns_rest: bool
    positions: Mapping[str, int]

    def run(self, feeds: Mapping[str, Value], recorder: Recorder | None = None) -> Results:
        """See `split_model.engines.engine.Part`."""
        found = Results({}, {}) if self.trunk is None else self.trunk.run(feeds, recorder)
        layers: dict[str, Value] = dict(found.layers)
        if not (self.returns_rest or self.positions):
            return Results(layers, {})
        value = self._computed(found.outputs, recorder) if self.takes else feeds[self.rest]
        parts = value if isinstance(value, tuple) else (value,)
        if self.returns_rest:
            layers[self.rest] = value
        return Results(layers, {path: parts[position] for path, position in self.positions.items()})

    def _computed(self, outputs: Mapping[str, Array], recorder: Recorder | None) -> Value:
        clock = compute_clock()
        started_s = clock()
        try:
            value = self.compute([outputs[path] for path in self.takes])
        except Exception as error:  # as of any operator
            raise ExecutionError(self.rest, error) from error
        if recorder is not None:
            recorder(self.rest, clock() - started_s)
        return value if len(value) > 1 else value[0]


class WithRest:
    """Runs the trunk's parts in another engine, and the rest in numpy.

    Args:
        definition: The whole model, with a rest.
        form: The rest's form.
        trunk: An engine for `trunk_definition(definition, form)`.

    Raises:
        ModelError: The form is not one of the list.
    """

    def __init__(self, definition: Definition, form: RestForm, trunk: Engine) -> None:
        assert definition.rest is not None  # noqa: S101  # for mypy: callers ask only for models with one
        self.definition = definition
        self.trunk = trunk
        self.rest = definition.rest
        self.compute = named_rest(form)
        self._takes = tuple(spec.path for spec in form.takes)
        self._positions = {spec.path: place for place, spec in enumerate(definition.outputs.specs)}

    @property
    def name(self) -> str:
        """That of the engine below."""
        return self.trunk.name

    def part(self, spec: PartSpec) -> "PartWithRest":
        """See `split_model.engines.engine.Engine`."""
        below = self.below(spec)
        makes_rest = below is not None and bool(below.outputs)
        positions = {path: self._positions[path] for path in spec.outputs}
        takes = self._takes if makes_rest else ()
        part = None if below is None else self.trunk.part(below)
        return PartWithRest(part, self.rest, self.compute, takes, self.rest in spec.layers, positions)

    def below(self, spec: PartSpec) -> PartSpec | None:
        """The trunk's part of a part; `None` if it has none."""
        is_given = self.rest in spec.feeds
        takes = self._takes if not is_given and (self.rest in spec.layers or spec.outputs) else ()
        layers = tuple(name for name in spec.layers if name != self.rest)
        feeds = tuple(name for name in spec.feeds if name != self.rest)
        return PartSpec(feeds, layers, takes) if layers or takes else None

    @property
    def preparation(self) -> Preparation:
        """That of the engine below."""
        return self.trunk.preparation

    def prefer(self, specs: Sequence[PartSpec]) -> None:
        """See `split_model.engines.engine.Engine`."""
        self.trunk.prefer(self._all_below(specs))

    def prepare(self, specs: Sequence[PartSpec]) -> None:
        """See `split_model.engines.engine.Engine`."""
        self.trunk.prepare(self._all_below(specs))

    def prepare_thread(self, threads: int | None) -> None:
        """See `split_model.engines.engine.Engine`."""
        self.trunk.prepare_thread(threads)

    def _all_below(self, specs: Sequence[PartSpec]) -> list[PartSpec]:
        """The trunk's parts, each once."""
        parts = (self.below(spec) for spec in specs)
        return list(dict.fromkeys(part for part in parts if part is not None))

    def is_ready(self, spec: PartSpec) -> bool:
        """See `split_model.engines.engine.Engine`."""
        below = self.below(spec)
        return below is None or self.trunk.is_ready(below)

    def walk(self, feeds: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
        """See `split_model.engines.engine.Engine`."""
        return walk(self.definition, feeds, self.part)

    def measure(
        self, feeds: Mapping[str, Value], *, repeats: int, warmup: int, on_progress: Callable[[int, int], None] | None
    ) -> Profile:
        """See `split_model.engines.engine.Engine`."""
        measured = self.trunk.measure(feeds, repeats=repeats, warmup=warmup, on_progress=on_progress)
        takes = self.trunk.part(PartSpec(tuple(feeds), (), self._takes)).run(feeds).outputs
        arguments = [takes[path] for path in self._takes]
        clock = compute_clock()
        times_s = []
        for _ in range(warmup + repeats):
            started_s = clock()
            self.compute(arguments)
            times_s.append(clock() - started_s)
        rest_s = median(times_s[warmup:])
        layer_s = iter(measured.layer_s)
        names = [entry.name for entry in self.definition.graph.layers]
        return Profile(
            tuple(rest_s if name == self.rest else next(layer_s) for name in names), measured.whole_s + rest_s
        )

    def close(self) -> None:
        """See `split_model.engines.engine.Engine`."""
        self.trunk.close()
