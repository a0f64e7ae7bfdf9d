"""Measures what frames cost on their way to a cloud: as packets of their source, and in encodings."""

from __future__ import annotations

import asyncio
import logging

import structlog

from dads.planning import encodings
from dads.session.stopping import until
from edge_service import AgentConfig, WireCosts
from edge_service.control import PacketCosts
from edge_service.sources import LiveOptions
from split_model import Model
from split_model.engines.memory import give_back_freed_memory

__all__ = ["sending_costs"]

log = structlog.wrap_logger(logging.getLogger("dads"))


async def sending_costs(
    model: Model,
    source: str,
    live: LiveOptions | None,
    config: AgentConfig,
    stopping: asyncio.Event,
    known: WireCosts | None,
    *,
    always_decodes: bool,
) -> tuple[WireCosts | None, PacketCosts | None]:
    """Measures on the first frames of a source.

    Args:
        model: the model.
        source: the source.
        live: the choices for a live source.
        config: says which encodings are allowed, whether packets are, and the rate.
        stopping: ends the reading.
        known: costs of the encodings that were measured before, or None.
        always_decodes: whether the edge will decode every frame, however it is sent.

    Returns:
        The costs of the encodings, and those of the packets if the source has any that can be sent. Nothing is
        measured if the reading was ended: there will be no frames.

    Raises:
        SourceError: the source cannot be used, or a live one was given up.
    """
    wants_packets = config.sends_packets
    if known is not None and not wants_packets:
        return known, None
    rate_hz, count = encodings.packet_sampling(config.rate_hz) if wants_packets else (1.0, encodings.FRAMES)
    frames = encodings.first_frames(model, source, rate_hz=rate_hz, frames=count, lazy=wants_packets, live=live)
    pictures = await encodings.pictures_of(until(frames, stopping))
    if stopping.is_set():
        return known, None
    packets: PacketCosts | None = None
    if wants_packets:  # first, because it measures how long the pictures take to decode
        packets = await asyncio.to_thread(encodings.packets_of, model, pictures, config, always_decodes=always_decodes)
    if packets is not None:
        log.info("packets measured", bytes_per_frame=round(packets.bytes_per_frame))
    inputs = await asyncio.to_thread(encodings.inputs_from, model, pictures) if known is None else []
    del pictures  # decoded, they take as much memory as the measuring below
    give_back_freed_memory()
    if known is None:
        known = await asyncio.to_thread(encodings.measure, model, inputs, config)
        give_back_freed_memory()
        log.info("encodings measured", **encodings.allowed(known))
    return known, packets
