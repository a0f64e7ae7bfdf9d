"""`dads request`: print a RunTail request as JSON, for grpcurl."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dads.cache import cache_folder
from dads.loading import load_model
from dads.options import (
    CacheDirOption,
    ModelArgument,
    NoCacheOption,
    OutputOption,
    WeightsOption,
)

if TYPE_CHECKING:  # torch and protobuf are loaded when the command runs
    import split_model
    from split_wire import split_pb2


def request(
    model: ModelArgument,
    output: OutputOption = Path("-"),
    weights: WeightsOption = None,
    cache_dir: CacheDirOption = None,
    no_cache: NoCacheOption = False,
    frame_id: Annotated[int, typer.Option(min=0, help="The frame's id; the answer repeats it.")] = 1,
) -> None:
    """Print a RunTail request as protobuf JSON: the model's example inputs, cut at the inputs.

    dads request zoo:easy_net | grpcurl -plaintext -d @ 127.0.0.1:50051 dads.v1.SplitInference/RunTail
    """
    loaded = load_model(model, weights=weights, cache=cache_folder(cache_dir, no_cache=no_cache))
    from google.protobuf import json_format  # noqa: PLC0415 # keeps `dads --help` fast

    message = json_format.MessageToJson(tail_request(loaded, frame_id=frame_id))
    if str(output) == "-":
        typer.echo(message)
    else:
        output.write_text(message + "\n", encoding="utf-8")


def tail_request(model: split_model.Model, *, frame_id: int) -> split_pb2.RunTailRequest:
    """Build the request to run the whole model in the cloud, on its example inputs."""
    from split_model import arrays_of  # noqa: PLC0415 # see the top
    from split_wire import encode_tensor, split_pb2  # noqa: PLC0415 # see the top

    tensors = []
    for layer, given in model.definition.inputs.feed(model.example_inputs).items():
        (array,), (spec,) = arrays_of(given), model.layer_specs[layer]
        tensors.append(encode_tensor(layer, array, dtype=spec.sent.dtype).message())
    return split_pb2.RunTailRequest(model=model.name, digest=model.digest, frame_id=frame_id, tensors=tensors)
