"""The runs of `dads edge` over a source's frames, with table, results, report, metrics and verification."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from dads.live import LiveServer, LiveView
from dads.planning import encodings
from dads.progress import shown
from dads.session.finished_frames import FinishedFrames
from dads.session.frame_table import FrameTable
from dads.session.run_record import RunRecord
from dads.session.sending_costs import sending_costs
from dads.session.stopping import until
from edge_service import (
    TOLERANCE,
    Agent,
    AgentConfig,
    ClipRun,
    FrameResult,
    RunReport,
    Verification,
    Verifier,
    WireCosts,
)
from edge_service.control import PacketCosts, Policy
from edge_service.output.drawn_pictures import DrawnPictures
from edge_service.output.saved_outputs import SavedOutputs
from edge_service.output.verify import against
from edge_service.run import Shown
from edge_service.sources import (
    LiveOptions,
    SourceError,
    SourceFailedError,
    SourceFormatError,
    SourceNotFoundError,
    SourceReport,
    open_source,
)
from split_model import Model, Profile

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from opentelemetry.trace import Tracer

    from edge_service.output.tracing import Tracing

log = structlog.wrap_logger(logging.getLogger("dads"))

_WARN_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The source of frames, their rate, how many in all, whether it is repeated for ever; choices if it is live."""

    source: str
    rate_hz: float
    frames: int | None
    loop: bool
    live: LiveOptions | None = None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Where the first run's outputs are saved, in which folder, and where its pictures are drawn; None: nowhere."""

    save_outputs: Path | None = None
    draw: Path | None = None


_NO_FILES = FileOptions()


class EdgeSession:
    """One or more runs over the same frames with one model: the first policy, and those it is compared with.

    Args:
        model: the model.
        cloud: the cloud's address, or several with commas between, or None.
        config: the agent's settings; each run sets its own policy.
        stream: the frames.
        edge_profile: the model's times on this machine.
        wire_costs: its encodings on this machine; None to measure them if there is a cloud.
        verify: whether to compare results with the whole model, after each run.
        files: what else the first run writes.
        metrics_port: port of the first run's metrics and live page, or None.
        metrics_host: address of that port.
        shows_frames: whether the live page shows frames of the source.
        shows_table: whether a table of the frames is printed on stdout.
        tracer: makes the spans of frames' traces, or None.

    Attributes:
        problems: why files were not all written; empty if they were.
    """

    def __init__(
        self,
        model: Model,
        cloud: str | None,
        config: AgentConfig,
        stream: StreamOptions,
        *,
        edge_profile: Profile,
        wire_costs: WireCosts | None = None,
        verify: bool,
        metrics_port: int | None,
        metrics_host: str = "127.0.0.1",
        shows_frames: bool = True,
        shows_table: bool = True,
        tracer: Tracer | None = None,
        files: FileOptions = _NO_FILES,
    ) -> None:
        self.problems: list[str] = []
        self._is_comparing = False
        self._model = model
        self._cloud = cloud
        self._config = config
        self._stream = stream
        self._edge_profile = edge_profile
        self._verify = verify
        self._files = files
        self._metrics_port = metrics_port
        self._metrics_host = metrics_host
        self._shows_frames = shows_frames
        self._shows_table = shows_table
        self._tracing: Tracing | None = None
        if tracer is not None:
            from edge_service.output.tracing import Tracing  # noqa: PLC0415 # OpenTelemetry is an extra

            self._tracing = Tracing(tracer, model.places)
        self._stopping = asyncio.Event()
        self._wire_costs = wire_costs
        self._packet_costs: PacketCosts | None = None
        self._records: dict[str, RunRecord] = {}

    @property
    def report(self) -> dict[str, Any] | None:
        """The report of the first policy, with those of the others as its `baselines`, as far as they came.

        None if nothing was begun.
        """
        if not self._records:
            return None
        first, *others = [record.as_json() for record in self._records.values()]
        if not self._is_comparing:
            return first
        return {**first, "baselines": dict(zip(list(self._records)[1:], others, strict=True))}

    async def run(self, policies: Sequence[Policy], results: TextIO | None) -> dict[str, Any]:
        """Runs the policies one after another.

        Returns:
            See `report`, which has it too when this raises an error.

        Raises:
            CommandError: the model takes no frames.
            SourceError: the source cannot be used, or not to its end.
            Exception: whatever else ended a run.
        """
        encodings.frame_size(self._model)  # a model that takes no frames is an error before anything is written
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        self._is_comparing = len(policies) > 1
        record = self._begun(policies[0])
        try:
            if self._cloud is not None and any(policy.uses_cloud for policy in policies):
                await self._measure_sending(record.source)
            for policy in policies:
                if self._stopping.is_set() and policy is not policies[0]:
                    break
                record = self._begun(policy)
                await self._run_one(policy, record, results)
        except Exception as error:
            record.failed(error)
            raise
        return self.report or {}

    def _begun(self, policy: Policy) -> RunRecord:
        record = self._records[policy.name] = RunRecord(
            RunReport(self._model.name, self._model.digest, policy.name),
            SourceReport(self._stream.source),
            self._model.places,
            self._model.engine.name,
            verify=Verification(0, 0, None, against(self._model)).as_json() if self._verify else None,
        )
        return record

    def _stop(self, number: int) -> None:
        """First signal: no more frames, finish those under way. Second signal: end at once."""
        if self._stopping.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._stopping.set()

    async def _run_one(self, policy: Policy, record: RunRecord, results: TextIO | None) -> None:
        verifier = Verifier(self._model, max(TOLERANCE, self._config.max_error)) if self._verify else None
        watch = _RateWatch(self._config.rate_hz)
        view = LiveView(
            self._model.name,
            self._model.graph,
            policy.name,
            self._model.places,
            shows_frames=self._shows_frames,
            clouds=() if self._cloud is None or not policy.uses_cloud else self._cloud.split(","),
        )
        finished = self._finished(policy, view, results)

        def on_result(result: FrameResult, shows: Shown) -> None:
            watch.saw(result)
            finished.took(result, shows, agent.state)

        clip = ClipRun(
            record.frames,
            on_result=on_result,
            verifier=verifier,
            keeps_pixels=finished.wants_pixels,
            room=finished.room,
        )
        config = self._config.with_policy(policy.name)
        log.info(
            "run started",
            run=policy.name,
            model=self._model.name,
            engine=self._model.engine.name,
            rate_hz=config.rate_hz,
            slowdown=config.slowdown,
        )
        agent = Agent(
            self._model,
            self._cloud,
            config,
            edge_profile=self._edge_profile,
            wire_costs=self._wire_costs,
            packet_costs=self._packet_costs,  # also where nothing is sent: every policy decodes in the head alike
            on_result=clip.took,
            policy=policy,
            tracing=self._tracing,
        )
        try:
            with self._pages(agent, view):
                async with agent:
                    failure = await self._feed(clip, agent, record.source, lazy=self._packet_costs is not None)
                    problem = agent.cloud_error
        finally:
            record.files = await asyncio.to_thread(finished.close)  # on this thread it would block signals
            self.problems += finished.problems
        if problem is not None and not clip.report.as_json()["frames"]["offloaded"]:
            log.warning("the cloud computed no frame; the results are of this machine alone", why=str(problem))
        log.info("run finished", run=policy.name, done=clip.report.done)
        if verifier is not None:
            record.verify = (await _verified(verifier, self._model)).as_json()
        if failure is not None:
            raise failure

    def _finished(self, policy: Policy, view: LiveView, results: TextIO | None) -> FinishedFrames:
        files, self._files = self._files, _NO_FILES
        return FinishedFrames(
            self._model,
            policy.name,
            view,
            results=results,
            table=FrameTable() if self._shows_table else None,
            saved=None if files.save_outputs is None else SavedOutputs(files.save_outputs),
            drawn=None if files.draw is None else DrawnPictures(files.draw, self._config.rate_hz),
        )

    async def _measure_sending(self, report: SourceReport) -> None:
        always = self._verify or self._files.draw is not None
        try:
            self._wire_costs, self._packet_costs = await sending_costs(
                self._model,
                self._stream.source,
                self._stream.live,
                self._config,
                self._stopping,
                self._wire_costs,
                always_decodes=always,
            )
        except SourceError as error:
            report.ended_by(error)
            raise

    async def _feed(self, clip: ClipRun, agent: Agent, report: SourceReport, *, lazy: bool) -> SourceError | None:
        """Submits the source's frames; returns the error that ended it, if one did."""
        stream = self._stream
        height, width = encodings.frame_size(self._model)
        agent.metrics.follow_source(report.as_json)
        source = open_source(
            stream.source,
            height=height,
            width=width,
            rate_hz=stream.rate_hz,
            frames=stream.frames,
            loop=stream.loop,
            preprocess=self._model.preprocess,
            report=report,
            lazy=lazy,
            live=stream.live,
        )
        try:
            async with contextlib.aclosing(until(source, self._stopping)) as frames:
                await clip.stream(agent, frames)
        except SourceError as error:
            report.ended_by(error)
            is_late = report.as_json()["read"] and isinstance(error, SourceNotFoundError | SourceFormatError)
            return SourceFailedError(str(error)) if is_late else error
        return None

    @contextlib.contextmanager
    def _pages(self, agent: Agent, view: LiveView) -> Iterator[None]:
        """Serves the first run's metrics and live page during that run."""
        port, self._metrics_port = self._metrics_port, None
        if port is None:
            yield
            return
        with LiveServer(view, agent.metrics.registry, self._metrics_host, port) as server:
            log.info("serving", page=server.url, metrics=f"{server.url}metrics")
            yield


async def _verified(verifier: Verifier, model: Model) -> Verification:
    total = verifier.pending()
    with shown(f"comparing {total} results with the whole model's {against(model)}") as on_progress:
        while verifier.pending():
            await asyncio.to_thread(verifier.check_next)  # on this thread it would block signals
            on_progress(total - verifier.pending(), total)
    outcome = verifier.outcome()
    if outcome.first is not None:
        log.error("a result differs from the whole model's", first=outcome.first)
    log.info("results verified", **outcome.as_json())
    return outcome


class _RateWatch:
    """Warns when frames arrive faster than they can be processed, with the rate that can be sustained."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._warned_s = -_WARN_EVERY_S

    def saw(self, result: FrameResult) -> None:
        """Takes a result; logs at most every `_WARN_EVERY_S` seconds."""
        if result.keeps_up is not False or result.max_rate_hz is None:
            return
        now_s = asyncio.get_running_loop().time()
        if now_s - self._warned_s >= _WARN_EVERY_S:
            self._warned_s = now_s
            log.warning(
                "frames come faster than they can be processed; lower the rate",
                rate_hz=self._rate_hz,
                sustainable_hz=round(result.max_rate_hz, 2),
            )
