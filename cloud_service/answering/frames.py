"""Answers one frame: its packets are decoded, it is queued and computed, and what it took is told to all who count."""

import math
import time
from functools import partial
from typing import TYPE_CHECKING

from cloud_service.access import clients
from cloud_service.config import CloudConfig
from cloud_service.decoding.frames import Decoded, decode_packets
from cloud_service.decoding.session import PacketSession
from cloud_service.errors import InvalidRequestError, RequestError
from cloud_service.load.admission import Admission
from cloud_service.load.factor import ServerLoad
from cloud_service.metrics import CloudMetrics
from cloud_service.registry import Registry, ServedModel
from cloud_service.tails import Answer, answer
from split_wire import Reason
from split_wire.frames import TailRequest, TailResponse

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from cloud_service.tracing import Tracing

__all__ = ["FrameAnswers"]


class FrameAnswers:
    """Answers requests for tails.

    Args:
        config: Limits, and the replica's name.
        registry: The served models.
        admission: The queue in front of what computes.
        load: Receives every computed tail.
        metrics: Receives the stages of every answered frame.
        tracing: Receives every frame; None: no tracing.
    """

    def __init__(
        self,
        config: CloudConfig,
        registry: Registry,
        admission: Admission,
        load: ServerLoad,
        metrics: CloudMetrics,
        tracing: "Tracing | None",
    ) -> None:
        self.most_bytes = config.max_message_bytes
        self._replica = config.replica
        self._registry = registry
        self._admission = admission
        self._load = load
        self._metrics = metrics
        self._tracing = tracing

    def served(self, request: TailRequest) -> ServedModel:
        """Return the model that a request names.

        Raises:
            RequestError: No digest is given, or as `Registry.find`.
        """
        if not request.digest:
            raise InvalidRequestError(
                Reason.BAD_REQUEST, "no digest; expected the digest of the caller's model, as ListModels returns it"
            )
        return self._registry.find(request.model, request.digest)

    async def answer(
        self, request: TailRequest, arrived_s: float, timeout_s: float | None, session: PacketSession | None
    ) -> TailResponse:
        """Decode the packets of one request, queue and compute it; the response has the times of its stages.

        Requests of one session come to `decode_packets` in order of arrival: nothing is awaited before.
        """
        try:
            served = self.served(request)
            decoded = Decoded(request, 0.0) if session is None else await decode_packets(served.model, request, session)
            decoded_s = time.monotonic()
            if decoded.seconds:
                self._metrics.picture_decoded(decoded.seconds)
            until_s = math.inf if timeout_s is None else arrived_s + timeout_s
            answered = await self._admission.run(
                partial(answer, served, decoded.request, self.most_bytes, until_s=until_s),
                size_bytes=decoded.request.size,
                timeout_s=None if timeout_s is None else until_s - decoded_s,
                client=clients.CURRENT.get(),
            )
            return self.complete(request, answered, arrived_s, decoded_s, decoded.seconds)
        except Exception as error:
            self.refused(request, error, arrived_s)
            raise

    def complete(
        self, request: TailRequest, answered: Answer, arrived_s: float, decoded_s: float, packets_s: float
    ) -> TailResponse:
        """Tell the load, the metrics and the trace what a frame took; return its response, now complete.

        Args:
            request: As it arrived.
            answered: The computed tail.
            arrived_s: When the request arrived.
            decoded_s: When its packets were decoded, so that it was queued.
            packets_s: Seconds of decoding them.
        """
        response, timing = answered.response, answered.response.timing
        timing.queue_s = answered.started_s - arrived_s - packets_s
        timing.decode_s += packets_s
        if not timing.prepare_s:  # a session's first run takes up to ten times as long as the next ones
            self._load.observe(
                time.monotonic(),
                predicted_s=answered.predicted_s,
                queue_s=answered.started_s - decoded_s,  # decoders that are waited for are no load of the tails
                compute_s=timing.compute_s,
            )
        self._metrics.staged(timing)
        now_s = time.monotonic()
        timing.total_s = now_s - arrived_s
        if self._tracing is not None:
            began_s = arrived_s + timing.queue_s
            self._tracing.answered(
                request.traceparent, request.model, arrived_s=arrived_s, started_s=began_s, timing=timing
            )
        load_factor = self._load.factor(now_s)
        return TailResponse(response.frame_id, response.outputs, timing, load_factor, replica=self._replica)

    def refused(self, request: TailRequest, error: Exception, arrived_s: float) -> None:
        """Tell the trace that a frame ended in an error."""
        if self._tracing is not None:
            reason = error.reason if isinstance(error, RequestError) else Reason.INTERNAL
            self._tracing.refused(request.traceparent, request.model, reason, arrived_s=arrived_s)
