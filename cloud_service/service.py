"""The gRPC methods: each reads its request, calls the modules that do the work, and turns errors into statuses."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio

from cloud_service import describe
from cloud_service.access import clients
from cloud_service.answering.cheap import CheapAnswers
from cloud_service.answering.frames import FrameAnswers
from cloud_service.calls import Calls
from cloud_service.config import CloudConfig
from cloud_service.decoding.decoders import Decoders
from cloud_service.decoding.frames import takes_pictures
from cloud_service.decoding.session import PacketSession
from cloud_service.errors import DrainingError, InvalidRequestError, OverloadedError, RequestError
from cloud_service.load.admission import Admission
from cloud_service.load.factor import ServerLoad
from cloud_service.load.pace import Paces
from cloud_service.load.streams import FrameStream
from cloud_service.log import log
from cloud_service.metrics import CloudMetrics
from cloud_service.registry import Registry
from cloud_service.statuses import Context, abort, status_of, told
from cloud_service.tails import announcement
from pictures import versions
from split_model import Model
from split_wire import Reason, split_pb2, split_pb2_grpc
from split_wire.frames import Malformed, StreamEvent, StreamRequest, TailRequest, TailResponse
from split_wire.limits import MAX_PROBE_BYTES, MAX_PROBE_S
from split_wire.probe_timer import ProbeTimer, chunk_bytes
from split_wire.transport import LONGEST_BEAT_KEY

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from cloud_service.tracing import Tracing

Readable = TypeVar(
    "Readable",
    TailRequest,
    StreamRequest,
    split_pb2.ListModelsRequest,
    split_pb2.GetProfileRequest,
    split_pb2.ProbeRequest,
    split_pb2.ProbeDownRequest,
)


class SplitInference(split_pb2_grpc.SplitInferenceServicer):
    """The service of `split.proto`.

    Args:
        config: Limits.
        registry: The served models.
        admission: The queue in front of the threads that compute.
        decoders: Decode the packets of streams.
        load: Receives every computed tail.
        metrics: Receives every call.
        tracing: Receives every frame; None: no tracing.
    """

    def __init__(
        self,
        config: CloudConfig,
        registry: Registry,
        admission: Admission,
        decoders: Decoders,
        load: ServerLoad,
        metrics: CloudMetrics,
        tracing: "Tracing | None" = None,
    ) -> None:
        self._config = config
        self._registry = registry
        self._admission = admission
        self._decoders = decoders
        self._load = load
        self._metrics = metrics
        self._calls = Calls(metrics)
        self._frames = FrameAnswers(config, registry, admission, load, metrics, tracing)
        self._cheap = CheapAnswers(self._frames, admission, self._calls, self._refusal, self._prepare_thread)
        self._streams: set[FrameStream[StreamRequest | Malformed, StreamEvent]] = set()
        self._paces = Paces(config.longest_beat_s)
        self._ended = False

    async def ListModels(  # noqa: N802 # gRPC's name
        self, request: split_pb2.ListModelsRequest | Malformed, context: Context
    ) -> split_pb2.ListModelsResponse:
        """Return every served model."""
        try:
            with self._calls.counted("ListModels"):
                _readable(request)
                return split_pb2.ListModelsResponse(models=map(describe.model_info, self._registry.all()))
        except RequestError as error:
            await abort(context, error)

    async def GetProfile(  # noqa: N802 # as ListModels
        self, request: split_pb2.GetProfileRequest | Malformed, context: Context
    ) -> split_pb2.GetProfileResponse:
        """Return a model's measured times."""
        try:
            with self._calls.counted("GetProfile"):
                wanted = _readable(request)
                served = self._registry.find(wanted.model, wanted.digest)
                load_factor = self._load.factor(time.monotonic())
                pictures = self._pictures(served.model)
                return describe.profile_response(served, load_factor, pictures=pictures, replica=self._config.replica)
        except RequestError as error:
            await abort(context, error)

    async def Probe(  # noqa: N802 # as ListModels
        self, request_iterator: AsyncIterator[split_pb2.ProbeRequest | Malformed], context: Context
    ) -> split_pb2.ProbeResponse:
        """Time the arrival of filler, until the caller ends the stream or a limit of bytes or seconds is reached."""
        try:
            with self._calls.counted("Probe"):
                self._check_not_draining()
                timer = ProbeTimer()
                try:
                    async with asyncio.timeout(MAX_PROBE_S):
                        async for chunk in request_iterator:
                            timer.arrived(time.perf_counter(), len(_readable(chunk).filler))
                            if timer.full:
                                break
                except TimeoutError:
                    pass  # the answer covers what has arrived by now
                whole, second = timer.whole(), timer.second_half()
                return split_pb2.ProbeResponse(
                    received_bytes=whole.received_bytes,
                    received_s=whole.received_s,
                    second_half_bytes=second.received_bytes,
                    second_half_s=second.received_s,
                )
        except RequestError as error:
            await abort(context, error)

    async def ProbeDown(  # type: ignore[override] # noqa: N802 # as ListModels; it writes instead of yielding
        self, request: split_pb2.ProbeDownRequest | Malformed, context: Context
    ) -> None:
        """Send filler for the caller to time, until it has what it asked for or a limit is reached."""
        try:
            with self._calls.counted("ProbeDown"):
                self._check_not_draining()
                left = min(_readable(request).bytes, MAX_PROBE_BYTES)
                filler = bytes(chunk_bytes(left))
                try:
                    async with asyncio.timeout(MAX_PROBE_S):
                        while left > 0:
                            await context.write(split_pb2.ProbeDownResponse(filler=filler[:left]))
                            left -= len(filler)
                except TimeoutError:
                    pass  # the caller times what has arrived by now
        except RequestError as error:
            await abort(context, error)

    async def RunTail(  # type: ignore[override] # noqa: N802 # gRPC's name; with the values of split_wire.frames
        self, request: TailRequest | Malformed, context: Context
    ) -> TailResponse:
        """Run the rest of a model for one frame."""
        arrived_s = time.monotonic()
        try:
            with self._calls.counted("RunTail"):
                return await self._frames.answer(_readable(request), arrived_s, context.time_remaining(), None)
        except RequestError as error:
            await abort(context, error)

    async def StreamTails(  # type: ignore[override] # noqa: N802 # as RunTail; it writes instead of yielding
        self, request_iterator: AsyncIterator[StreamRequest | Malformed], context: Context
    ) -> None:
        """Run the rest of a model for every frame of a stream."""
        try:
            with self._calls.guarded("StreamTails"):
                await self._serve_stream(request_iterator, context)
        except RequestError as error:
            await abort(context, error)

    async def run_tail(self, request: TailRequest, arrived_s: float, timeout_s: float | None) -> TailResponse:
        """Queue and compute one request as RunTail does, for another protocol on the same port."""
        return await self._frames.answer(request, arrived_s, timeout_s, None)

    def end_streams(self) -> None:
        """Read no more frames; each stream ends with DRAINING once the frames already read are answered."""
        self._ended = True
        for stream in self._streams:
            stream.finish()

    async def _serve_stream(self, requests: AsyncIterator[StreamRequest | Malformed], context: Context) -> None:
        self._check_not_draining()
        if len(self._streams) >= self._config.max_streams:
            raise OverloadedError(
                f"{len(self._streams)} streams are open; expected at most {self._config.max_streams}",
                retry_after_s=clients.CALLS_WAIT_S,
            )
        pace = self._paces.of(clients.CURRENT.get(), told(context, LONGEST_BEAT_KEY))
        session = PacketSession(self._decoders)
        stream = FrameStream(
            answer=partial(self._answer_frame, session),
            answer_here=self._cheap.take,
            heartbeat=self._heartbeat,
            announce=announcement,
            write=context.write,
            max_frames=self._config.max_frames_per_stream,
            pace=pace,
        )
        self._streams.add(stream)
        try:
            await stream.serve(requests)
        except* grpc.aio.BaseError:
            # gRPC could not write because the caller is gone; the call's cancellation may come after this error.
            log.info("stream broke off", peer=context.peer())
        finally:
            session.end()
            self._streams.discard(stream)
        if self._ended:
            raise DrainingError

    async def _answer_frame(self, session: PacketSession, received: StreamRequest | Malformed) -> StreamEvent:
        arrived_s = time.monotonic()
        try:
            with self._calls.counted("StreamTails"):
                frame = _readable(received)
                timeout_s = frame.timeout_s
                if not 0 <= timeout_s < math.inf:
                    raise InvalidRequestError(
                        Reason.BAD_REQUEST, f"timeout_s is {timeout_s}; expected seconds, or 0 for no limit"
                    )
                return await self._frames.answer(frame.request, arrived_s, timeout_s or None, session)
        except RequestError as error:
            frame_id = received.frame_id if isinstance(received, Malformed) else received.request.frame_id
            return self._refusal(frame_id or 0, error)

    def _refusal(self, frame_id: int, error: RequestError) -> StreamEvent:
        status = status_of(error).SerializeToString()
        return split_pb2.FrameError(frame_id=frame_id, status=status, replica=self._config.replica)

    def _prepare_thread(self) -> None:
        for model in self._registry.candidates:
            model.engine.prepare_thread(self._config.threads)

    def _heartbeat(self, next_s: float) -> StreamEvent:
        load_factor = self._load.factor(time.monotonic())
        return split_pb2.Heartbeat(load_factor=load_factor, replica=self._config.replica, next_s=next_s)

    def _pictures(self, model: Model) -> str:
        """What decodes packets for a model; empty if none are taken. A caller who asks may send some soon."""
        if not self._config.packets or not takes_pictures(model):
            return ""
        self._decoders.prepare()
        return versions()

    def _check_not_draining(self) -> None:
        if self._admission.draining:
            raise DrainingError


def _readable(received: Readable | Malformed) -> Readable:
    if isinstance(received, Malformed):
        raise InvalidRequestError(Reason.BAD_REQUEST, received.reason)
    return received
