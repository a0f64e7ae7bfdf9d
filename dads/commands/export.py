"""`dads export`: write a model as one file that runs without torch."""

from __future__ import annotations

import filecmp
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads import units
from dads.cache import cache_folder
from dads.errors import CommandError, InvalidUsageError
from dads.loading import load_model
from dads.options import (
    CacheDirOption,
    InputEncodingOption,
    MaxErrorOption,
    ModelArgument,
    NoCacheOption,
    PreprocessOption,
    WeightsOption,
    in_a_folder,
)
from dads.planning.profile_file import ENCODINGS, encodings_json
from dads.progress import shown
from dads.session.settings import encoding_settings

if TYPE_CHECKING:  # both take a while to import
    import split_model
    from edge_service import AgentConfig

_MOST_DEVIATION = 1e-4  # that of verification


def export(
    model: ModelArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="MODEL.dads", callback=in_a_folder, help="The file to write.")
    ],
    weights: WeightsOption = None,
    preprocess: PreprocessOption = None,
    profile_encodings: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Also measure what encodings of the layers' values cost, on this source's frames, and write it into "
            "the file, so that dads edge need not.",
            show_default=False,
        ),
    ] = None,
    max_error: MaxErrorOption = None,
    input_encoding: InputEncodingOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
) -> None:
    """Write a model as one file, which any command runs without torch: --model file:MODEL.dads.

    Its digest is the model's, so an edge with the file and a cloud with the model work together, and the other way
    round.
    """
    _check_name(output)
    if output.exists() and not force:
        raise InvalidUsageError(f"{output} is there already; give --force to replace it")
    if profile_encodings is None and not (max_error is None and input_encoding is None):
        raise InvalidUsageError("--max-error and --input-encoding need --profile-encodings SOURCE")
    config = encoding_settings(profile_encodings, preprocess=None, max_error=max_error, input_encoding=input_encoding)
    loaded = load_model(model, weights=weights, preprocess=preprocess, cache=cache_folder(cache_dir, no_cache=no_cache))
    if loaded.engine.name != "torch":
        raise InvalidUsageError(f"{model} is a model file already: copy it")
    extra = {} if profile_encodings is None else {ENCODINGS: _encodings(loaded, profile_encodings, config)}
    off = write_model(loaded, output, extra)
    told = ", with the costs of encodings" if extra else ""
    rest = "" if loaded.rest is None else f", {loaded.rest} in numpy"
    typer.echo(
        f"{loaded.name}: {len(loaded.graph.layers)} layers{rest}, {units.format_bytes(output.stat().st_size)} in "
        f"{output}{told}; outputs within {max(off, 1e-9):.0e} of torch's; digest {loaded.digest[:12]}"
    )


def _check_name(output: Path) -> None:
    """Refuses a name that says ONNX, and remarks on others than .dads, which commands take as well."""
    if output.suffix.lower() == ".onnx":
        raise InvalidUsageError(
            f"{output} would be no ONNX file, but a model file with a network and what else is needed; expected a name "
            f"such as {output.with_suffix('.dads')}"
        )
    if output.suffix != ".dads":
        typer.echo(f"{output} will be a model file; their names end in .dads elsewhere", err=True)


def write_model(model: split_model.Model, output: Path, extra: dict[str, bytes]) -> float:
    """Write the file, once it gives the model's outputs; return how far they are off, relative to their scale.

    Raises:
        split_model.ModelError: The model has no ONNX form.
        CommandError: The file gives other outputs.
    """
    from split_model import export_model, load  # noqa: PLC0415 # torch takes seconds to import
    from split_model.choosing.agreement import deviation  # noqa: PLC0415 # see above

    with tempfile.TemporaryDirectory(prefix=".dads-export-", dir=output.parent) as folder:
        made = Path(folder) / "model.dads"
        with shown(f"exporting {model.name} to ONNX") as on_progress:
            export_model(model, made, extra=extra, on_progress=on_progress)
        with shown(f"comparing {model.name} with its file"):
            read = load(f"file:{made}")
            feeds = model.definition.inputs.feed(model.example_inputs)
            off = deviation(model.definition, feeds, model.engine.part, read.engine.part)
            read.engine.close()
        if off > _MOST_DEVIATION:
            raise CommandError(
                f"{model.name} gives other outputs in ONNX Runtime than in torch: off by {off:.0e} of their scale, at "
                f"most {_MOST_DEVIATION:g}; no file is written: run this model in torch"
            )
        if not (output.is_file() and filecmp.cmp(made, output, shallow=False)):  # an edge may be running the one there
            made.replace(output)
    return off


def _encodings(model: split_model.Model, source: str, config: AgentConfig) -> bytes:
    from dads.planning import encodings  # noqa: PLC0415 # takes a while to import

    return encodings_json(encodings.stored(encodings.measure_on(model, source, config), config))
