"""Replaces a connection by another to the same address: the new one is opened first, and then the old one ends.

    in use ── old ───────────────────► a new one is opened ── it speaks ─► in use; the old one waits for last answers
       └───── broke, drains, silent ─► the same, at once ──── it speaks ─► in use; frames on their way are sent again
                                               └───────────── it does not ─► the old one stays; if it broke, a loss

One connection sticks to one replica, so only another connection reaches a replica that is new or free. Ages are spread,
and so are attempts after a loss, because many edges notice it together. There are a few of them, because a balancer may
lead to the same replica again until it has noticed itself.

Laws:

- a frame is sent again at most once: if it is the frame that ends servers, it ends two of them;
- frames sent as packets are not sent again: the server's decoder knew the packets before them;
- after an attempt at once, the next one needs an answer first, or a while without a loss; until then a loss is a loss.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from edge_service.cloud.connection import Connection, ConnectionListener, OnWay
from edge_service.cloud.seam import Answer, Cloud, FrameToSend, Refusal
from edge_service.errors import (
    CloudError,
    CloudRefusedError,
    CloudSilentError,
    CloudUnreachableError,
    CloudUntrustedError,
)
from edge_service.log import log
from split_wire import Encoding, Reason

__all__ = ["Replacement", "ReplacementListener", "leads_elsewhere"]

_AT_ONCE_S = 0.03  # the first attempts after a loss are spread over it, later ones over more
_TRIES_S = (0.5, 0.75, 1.0)  # limits of the attempts after a loss: a balancer may know of it later than the edge
_UNHURRIED_S = (5.0,)
_SPREAD = 0.2
_NEXT_TRY = 0.1  # of the largest age
_STEADY_S = 2.0
_PATIENCE_S = 0.25


class ReplacementListener(ConnectionListener, Protocol):
    """The link as a replacement sees it."""

    def replaced(self, fresh: Connection, reason: str) -> None:
        """Another connection is in use from now on."""

    async def not_replaced(self, error: CloudError) -> None:
        """The connection in use broke, and another could not be had."""

    async def repeat(self, frame: FrameToSend, timeout_s: float) -> bool:
        """Sends a frame again on the connection in use; returns whether that took it."""

    def given_up(self, frame_id: int, reason: str) -> None:
        """A frame on a connection that broke is not sent again."""


class Replacement:
    """See the module docstring.

    Args:
        link: is told of replacements, and sends frames again.
        max_age_s: a connection is replaced at about this age; infinite for never.
    """

    def __init__(self, link: ReplacementListener, max_age_s: float) -> None:
        self._link = link
        self._max_age_s = max_age_s
        self._renew_at_s = float("inf")
        self._steady_at_s = 0.0
        self._patient_until_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._old: Connection | None = None  # what is to be replaced
        self._candidate: Connection | None = None
        self._leaving: set[Connection] = set()
        self._given_up = 0  # how often all frames were
        self._closing: set[asyncio.Task[None]] = set()

    def opened(self, now_s: float) -> None:
        """A connection is in use since now."""
        self._renew_at_s = now_s + self._max_age_s * _spread()
        self._steady_at_s = now_s

    def renew_if_old(self, connection: Connection, now_s: float) -> None:
        """Replaces the connection in use if it is old."""
        if now_s >= self._renew_at_s and self._task is None and connection.broken is None:
            self._begin(connection, "age", _UNHURRIED_S)

    def begin_at_once(self, connection: Connection, error: CloudError, now_s: float) -> bool:
        """Replaces the connection in use, which broke; returns False if that was just tried."""
        if self._old is connection:
            return True
        if self._task is not None or now_s < self._steady_at_s:
            return False
        self._steady_at_s = float("inf")
        self._patient_until_s = now_s + _PATIENCE_S
        self._begin(connection, _reason(error), _TRIES_S)
        return True

    def took(self, connection: Connection) -> bool:
        """Whether a connection that broke was not the one in use; then its frames are sent again."""
        if connection is self._candidate:
            return True
        if connection not in self._leaving:
            return False
        self._leaving.discard(connection)
        self._in_background(self._repeat(connection))
        return True

    def answered(self, connection: Connection, answer: Answer | Refusal) -> None:
        """A frame was answered; the last one ends an old connection."""
        if connection in self._leaving:
            if not connection.on_way:
                self._leave(connection)
        elif isinstance(answer, Answer):
            self._steady_at_s = 0.0

    async def wait(self) -> None:
        """Waits while a connection is replaced that broke just now."""
        patience_s = self._patient_until_s - time.monotonic()
        if patience_s > 0.0 and self._task is not None and self._old is not None and self._old.broken is not None:
            await asyncio.wait({self._task}, timeout=patience_s)

    def forget_frames(self) -> None:
        """All frames are given up: nothing is awaited on old connections, nor sent again."""
        self._given_up += 1
        for connection in tuple(self._leaving):
            self._leave(connection)

    def end(self) -> None:
        """Ends every connection but the one in use."""
        task, self._task, self._old = self._task, None, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        self.forget_frames()
        self._renew_at_s = float("inf")

    async def close(self) -> None:
        """Ends them, and waits until they are closed."""
        self.end()
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _begin(self, old: Connection, reason: str, limits_s: tuple[float, ...]) -> None:
        self._old = old
        self._task = asyncio.create_task(self._run(old, reason, limits_s), name="cloud-replacement")

    async def _run(self, old: Connection, reason: str, limits_s: tuple[float, ...]) -> None:
        try:
            fresh = await self._another(old, limits_s)
        except CloudError as error:
            await self._failed(old, error)
            return
        except Exception as error:  # noqa: BLE001 # a defect here must not leave frames waiting without a log
            log.exception("replacing a connection failed")
            await self._failed(old, CloudUnreachableError(f"replacing a connection failed: {error}"))
            return
        self._old = None
        self.opened(time.monotonic())
        self._steady_at_s = time.monotonic() + _STEADY_S if old.broken else 0.0
        self._link.replaced(fresh, reason)
        if old.broken is not None:
            await self._repeat(old)
        elif old.on_way:
            old.end_pulse()
            self._leaving.add(old)
        else:
            self._leave(old)
        if self._task is asyncio.current_task():
            self._task = None

    async def _failed(self, old: Connection, error: CloudError) -> None:
        self._task = self._old = None
        if old.broken is not None:
            await self._link.not_replaced(error if _drains(error) else old.broken)
            return
        log.info("the connection stays", reason=str(error))
        self._renew_at_s = time.monotonic() + max(1.0, _NEXT_TRY * self._max_age_s * _spread())

    async def _another(self, old: Connection, limits_s: tuple[float, ...]) -> Connection:
        """Another connection that speaks, at the last attempt at the latest.

        Raises:
            CloudError: none could be had.
        """
        pause_s = _AT_ONCE_S
        for limit_s in limits_s[:-1]:
            await asyncio.sleep(pause_s * random.random())  # noqa: S311 # only spreads edges
            pause_s *= 2.0
            try:
                return await self._tried(old.cloud, limit_s)
            except CloudError as error:
                if not leads_elsewhere(error):
                    raise
        await asyncio.sleep(pause_s * random.random())  # noqa: S311 # as above
        return await self._tried(old.cloud, limits_s[-1])

    async def _tried(self, cloud: Cloud, limit_s: float) -> Connection:
        fresh: Connection | None = None
        try:
            async with asyncio.timeout(limit_s):
                fresh = self._candidate = Connection(await cloud.another(), self._link)
                fresh.open()
                await fresh.speaks.wait()
            fresh.check()
        except BaseException as error:
            if fresh is not None:
                self._leave(fresh)
            if isinstance(error, TimeoutError):
                raise CloudSilentError(f"another connection said nothing within {limit_s:g} s") from error
            raise
        finally:
            self._candidate = None
        return fresh

    async def _repeat(self, old: Connection) -> None:
        on_way, given_up = dict(old.on_way), self._given_up
        self._leave(old)
        for frame_id, sent in on_way.items():
            if self._given_up != given_up:
                return
            left_s = sent.due_s - time.monotonic()
            if not (_may_repeat(sent) and left_s > 0.0 and await self._link.repeat(sent.frame, left_s)):
                self._link.given_up(frame_id, str(old.broken))

    def _leave(self, connection: Connection) -> None:
        self._leaving.discard(connection)
        connection.end()
        connection.on_way.clear()
        self._in_background(connection.cloud.close())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="cloud-leaving")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def leads_elsewhere(error: CloudError) -> bool:
    """Whether another connection may lead to another replica, which does not have this error."""
    if isinstance(error, CloudUnreachableError):
        return not isinstance(error, CloudUntrustedError)
    return _drains(error)


def _drains(error: CloudError) -> bool:
    return isinstance(error, CloudRefusedError) and error.reason == Reason.DRAINING


def _reason(error: CloudError) -> str:
    if _drains(error):
        return "draining"
    return "silent" if isinstance(error, CloudSilentError) else "lost"


def _may_repeat(sent: OnWay) -> bool:
    return not sent.repeated and sent.frame.kind != Encoding.PACKETS.value


def _spread() -> float:
    return 1.0 + _SPREAD * (2.0 * random.random() - 1.0)  # noqa: S311 # only spreads edges
