"""Measures encodings for a command, on frames of its source; stores them in profiles and prices them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Mapping

import torch

from cloud_service.codec_profile import profile_decoding
from dads.errors import CommandError
from dads.planning.profiles import StoredEncodings
from dads.progress import shown
from edge_service import AgentConfig, WireCosts, measure_wire_costs
from edge_service.control import EncodingCosts
from edge_service.sources import Frame, LiveOptions, SourceFailedError, masked, open_source
from edge_service.sources.errors import SourceLostError
from edge_service.sources.live import is_live
from partitioner import Encoding
from pictures import PictureError
from split_model import Model
from split_wire import Encoding as WireEncoding

FRAMES = 2
"""Frames to measure on, a second apart: encodings differ less from frame to frame than from layer to layer."""
_LONGEST_WAIT_S = 30.0


def frame_size(model: Model) -> tuple[int, int]:
    """Return height and width of the frames that a model takes.

    Raises:
        CommandError: the model takes no frames.
    """
    inputs = model.inputs
    if len(inputs) != 1 or inputs[0].dtype != "uint8" or len(inputs[0].shape) != 4 or inputs[0].shape[:2] != (1, 3):
        found = ", ".join(f"{value.dtype} {list(value.shape)}" for value in inputs)
        raise CommandError(
            f"{model.name} takes {found}; frames from a source are uint8 [1, 3, height, width]. "
            "Wrap the model in one that casts and normalises, or feed it through edge_service.Agent"
        )
    return inputs[0].sizes[2], inputs[0].sizes[3]


def first_frames(model: Model, source: str, live: LiveOptions | None = None) -> AsyncGenerator[Frame, None]:
    """Open a source for the frames to measure on.

    Raises:
        CommandError: the model takes no frames.
        SourceError: the source cannot be used.
    """
    height, width = frame_size(model)
    return open_source(source, height=height, width=width, rate_hz=1.0, frames=FRAMES, paced=False, live=live)


async def inputs_of(model: Model, frames: AsyncGenerator[Frame, None]) -> list[tuple[torch.Tensor]]:
    """Read a source to its end, as the model's inputs; the example inputs if there was no frame.

    What cannot be decoded is left out, and so is what cannot be read any more: the run itself reports it.
    """
    read = []
    with contextlib.suppress(SourceFailedError):
        async with contextlib.aclosing(frames):
            async for frame in frames:
                with contextlib.suppress(PictureError):
                    read.append((torch.from_numpy(frame.image).to(model.device),))
    return read or [model.example_inputs]


def measure(model: Model, inputs: list[tuple[torch.Tensor]], config: AgentConfig) -> WireCosts:
    """Measure the encodings that the settings allow."""
    with shown(f"measuring encodings on {len(inputs)} frames") as on_progress:
        return measure_wire_costs(model, inputs, config, on_progress)


def measure_on(model: Model, source: str, config: AgentConfig) -> WireCosts:
    """Measure the encodings on a source's first frames.

    Raises:
        CommandError: the model takes no frames.
        SourceError: the source cannot be used, or a live one gives no picture for half a minute.
    """
    live = LiveOptions(give_up_after_s=_LONGEST_WAIT_S)  # who asks for a profile waits for it
    inputs = asyncio.run(inputs_of(model, first_frames(model, source, live=live)))
    if is_live(source) and inputs[0] is model.example_inputs:
        raise SourceLostError(f"{masked(source)} gave no picture within {_LONGEST_WAIT_S:g} s; see the log")
    return measure(model, inputs, config)


def allowed(costs: WireCosts) -> dict[str, int | str]:
    """Return, by encoding, on how many layers it may be used; and the encoding of frames, if it is not raw."""
    layers: dict[str, int | str] = {
        encoding.name: sum(math.isfinite(size) for size in encoding.output_bytes) for encoding in costs.encodings
    }
    return layers if costs.input_encoding == "raw" else {**layers, "frames": costs.input_encoding.value}


def decoding(model: Model) -> dict[str, tuple[float, ...]]:
    """Measure the seconds to decode each layer's value, by encoding, as a cloud on this machine would."""
    return {encoding.value: seconds for encoding, seconds in profile_decoding(model).items()}


def priced(
    model: Model, costs: WireCosts, decode_s: Mapping[str, tuple[float, ...]], *, edge_slowdown: float
) -> tuple[Encoding, ...]:
    """Return the encodings that both sides support, with the costs of both.

    Args:
        model: The model.
        costs: The edge's costs.
        decode_s: The cloud's costs, as `decoding` measures them.
        edge_slowdown: How many times slower the edge is than the machine that was measured.
    """
    layers = [layer.name for layer in model.graph.layers]
    known = {encoding: decode_s[encoding.value] for encoding in WireEncoding if encoding.value in decode_s}
    theirs = costs.decode_s(layers, known)
    return tuple(
        encoding.slowed(edge_slowdown).priced(theirs[encoding.name], 1.0)
        for encoding in costs.encodings
        if encoding.name in theirs
    )


def stored(costs: WireCosts, config: AgentConfig) -> StoredEncodings:
    """Return measured encodings as a profile stores them."""
    return StoredEncodings(
        max_error=config.max_error,
        wanted_input=config.input_encoding,
        input_encoding=costs.input_encoding.value,
        output_bytes={encoding.name: encoding.output_bytes for encoding in costs.encodings},
        encode_s={encoding.name: encoding.encode_s for encoding in costs.encodings},
    )


def restored(model: Model, kept: StoredEncodings) -> WireCosts:
    """Return the encodings from a profile of this model; unknown ones, of another version, are left out."""
    known = {encoding.value for encoding in WireEncoding}
    return WireCosts(
        encodings=tuple(
            EncodingCosts(name, output_bytes, kept.encode_s[name])
            for name, output_bytes in kept.output_bytes.items()
            if name in known
        ),
        inputs=frozenset(layer.name for layer in model.graph.layers if not layer.inputs),
        input_encoding=WireEncoding(kept.input_encoding),
    )


def fits(kept: StoredEncodings, config: AgentConfig) -> bool:
    """Return whether stored encodings were measured with these settings."""
    wanted = ("auto", kept.max_error, kept.wanted_input)
    return (config.encodings, config.max_error, config.input_encoding) == wanted
