"""Measures encodings for a command, on frames of its source; stores them in profiles and prices them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Mapping, Sequence

from dads.errors import CommandError
from dads.planning.profiles import StoredEncodings
from dads.progress import shown
from edge_service import AgentConfig, WireCosts, measure_wire_costs
from edge_service.control import EncodingCosts, PacketCosts
from edge_service.frame_image import FrameImage
from edge_service.packet_costs import measure_packet_costs
from edge_service.sources import Frame, LiveOptions, SourceFailedError, open_source
from edge_service.sources.errors import SourceLostError
from edge_service.wire_costs import encodings_of
from partitioner import Encoding
from pictures import PictureError
from split_model import Model
from split_model.structure import Tree
from split_wire import Encoding as WireEncoding
from split_wire import available

FRAMES = 2
"""Frames to measure on at most, a second apart: encodings differ less from frame to frame than from layer to layer."""
_LEAST_HZ, _LEAST_FRAMES, _MOST_FRAMES = 2.0, 4, 16  # of those whose packets are measured
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


def first_frames(
    model: Model,
    source: str,
    *,
    rate_hz: float = 1.0,
    frames: int = FRAMES,
    lazy: bool = False,
    live: LiveOptions | None = None,
) -> AsyncGenerator[Frame, None]:
    """Open a source for the frames to measure on.

    Args:
        model: The model.
        source: The source.
        rate_hz: Of the frames.
        frames: How many.
        lazy: Whether pictures of a compressed source stay compressed until somebody needs them.
        live: The choices for a live source.

    Raises:
        CommandError: the model takes no frames.
        SourceError: the source cannot be used.
    """
    height, width = frame_size(model)
    return open_source(
        source,
        height=height,
        width=width,
        rate_hz=rate_hz,
        frames=frames,
        paced=False,
        preprocess=model.preprocess,
        lazy=lazy,
        live=live,
    )


async def inputs_of(model: Model, frames: AsyncGenerator[Frame, None]) -> list[tuple[Tree, ...]]:
    """Read a source to its end, as the model's inputs; the example inputs if there was no frame."""
    return inputs_from(model, await pictures_of(frames))


async def pictures_of(frames: AsyncGenerator[Frame, None]) -> list[FrameImage]:
    """Read a source to its end, or as far as it can be read: the run itself reports why.

    Raises:
        SourceLostError: A live source was given up; the run would wait for it once more.
    """
    read = []
    try:
        async with contextlib.aclosing(frames):
            async for frame in frames:
                read.append(frame.content)  # noqa: PERF401 # what was read stays when the source fails
    except SourceLostError:
        raise
    except SourceFailedError:
        pass
    return read


def inputs_from(model: Model, pictures: Sequence[FrameImage]) -> list[tuple[Tree, ...]]:
    """Pictures as the model's inputs, as many as encodings are measured on; the example inputs if there are none."""
    made: list[tuple[Tree, ...]] = []
    for picture in pictures if len(pictures) <= FRAMES else (pictures[0], pictures[-1]):
        with contextlib.suppress(PictureError):  # its frame will fail and say why
            made.append((picture.array(),))
    return made or [model.example_inputs]


def packets_of(
    model: Model, pictures: Sequence[FrameImage], config: AgentConfig, *, always_decodes: bool
) -> PacketCosts | None:
    """Measure the packets of pictures that were read at `packet_sampling`; None if the source gives no packets.

    Args:
        model: The model.
        pictures: They must not be decoded yet.
        config: Has the rate of the run.
        always_decodes: Whether the edge will decode every frame, however it is sent.
    """
    layer = model.inputs[0].layer
    if layer is None:
        return None
    rate_hz, _ = packet_sampling(config.rate_hz)
    return measure_packet_costs(
        pictures, layer, rate_hz=rate_hz, wanted_hz=config.rate_hz, always_decodes=always_decodes
    )


def packet_sampling(rate_hz: float) -> tuple[float, int]:
    """The rate and the number of the frames whose packets are measured, for a run at some rate: about two seconds."""
    measured_hz = max(rate_hz, _LEAST_HZ)
    return measured_hz, max(_LEAST_FRAMES, min(math.ceil(2.0 * measured_hz), _MOST_FRAMES))


def measure(model: Model, inputs: list[tuple[Tree, ...]], config: AgentConfig) -> WireCosts:
    """Measure the encodings that the settings allow.

    Where no result may change, the last of the inputs is enough: a video may begin with a black picture. An encoding
    that changes values is checked on all.
    """
    used = inputs if config.max_error > 0 else inputs[-1:]
    with shown(f"measuring encodings on {len(used)} frame{'s' * (len(used) > 1)}") as on_progress:
        return measure_wire_costs(model, used, config, on_progress)


def measure_on(model: Model, source: str, config: AgentConfig) -> WireCosts:
    """Measure the encodings on a source's first frames.

    Raises:
        CommandError: the model takes no frames.
        SourceError: the source cannot be used, or a live one gives no picture for half a minute.
    """
    live = LiveOptions(give_up_after_s=_LONGEST_WAIT_S)  # who asks for a profile waits for it
    inputs = asyncio.run(inputs_of(model, first_frames(model, source, live=live)))
    return measure(model, inputs, config)


def allowed(costs: WireCosts) -> dict[str, int | str]:
    """Return, by encoding, on how many layers it may be used; and the encoding of frames, if it is not raw."""
    layers: dict[str, int | str] = {
        encoding.name: sum(math.isfinite(size) for size in encoding.output_bytes) for encoding in costs.encodings
    }
    return layers if costs.input_encoding == "raw" else {**layers, "frames": costs.input_encoding.value}


def decoding(model: Model) -> dict[str, tuple[float, ...]]:
    """Measure the seconds to decode each layer's value, by encoding, as a cloud on this machine would."""
    from cloud_service.codec_profile import profile_decoding  # noqa: PLC0415 # an edge needs nothing of the cloud

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


def fits(model: Model, kept: StoredEncodings, config: AgentConfig) -> bool:
    """Return whether stored encodings of this model were measured with these settings, and all can be used here."""
    if (config.encodings, config.max_error, config.input_encoding) != ("auto", kept.max_error, kept.wanted_input):
        return False
    wanted = {encoding.value for encoding in encodings_of(model, config, WireEncoding(kept.input_encoding))}
    unusable = {encoding.value for encoding in WireEncoding if not available(encoding)}
    return wanted <= kept.output_bytes.keys() and not unusable & kept.output_bytes.keys()
