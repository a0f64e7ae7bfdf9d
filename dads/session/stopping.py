"""Frames of a source until somebody stops the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from edge_service.sources import Frame

__all__ = ["until"]


async def until(source: AsyncGenerator[Frame, None], stopping: asyncio.Event) -> AsyncGenerator[Frame, None]:
    """Yields the source's frames until it ends or `stopping` is set."""
    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            following = asyncio.ensure_future(anext(source))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                return
            try:
                frame = following.result()
            except StopAsyncIteration:
                return
            yield frame
    finally:
        stop.cancel()
        await source.aclose()
