"""The server: builds its parts, listens, warms up the models, and shuts down in order."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cloud_service.access.gate import Gate
from cloud_service.access.settings import certificates_of, tokens_of
from cloud_service.codec_profile import profile_decoding
from cloud_service.config import CloudConfig
from cloud_service.decoding.decoders import Decoders
from cloud_service.decoding.process import COMMAND
from cloud_service.errors import BindError
from cloud_service.load.admission import Admission
from cloud_service.load.factor import ServerLoad
from cloud_service.log import log
from cloud_service.metrics import CloudMetrics, MetricsServer
from cloud_service.open_inference.service import SERVICE as OPEN_INFERENCE
from cloud_service.open_inference.service import OpenInference
from cloud_service.registry import Registry
from cloud_service.service import SplitInference
from split_model import Model, Profile, profile
from split_wire import Encoding
from split_wire.transport import SERVICE, add_to_server

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from cloud_service.tracing import Tracing

FLUSH_S = 1.0
"""Seconds to send the last answers after everything is computed."""


class CloudServer:
    """One server on one port. It belongs to the event loop that starts it, and can be started once.

    Args:
        config: Settings.
        models: The models to serve; distinct names.
        measure: Profiles a model; called with `repeats`.
        measure_decoding: Returns the seconds to decode each layer's value, by encoding.
        tracing: Records the cloud's spans in the traces of frames; None: no tracing.
        decoder_command: Starts a decoder process.

    Raises:
        ConfigurationError: no models, two of one name, or a certificate, key or token that cannot be used.
    """

    def __init__(
        self,
        config: CloudConfig,
        models: Sequence[Model],
        *,
        measure: Callable[..., Profile] = profile,
        measure_decoding: Callable[[Model], Mapping[Encoding, Sequence[float]]] = profile_decoding,
        tracing: "Tracing | None" = None,
        decoder_command: Sequence[str] = COMMAND,
    ) -> None:
        self._config = config
        self._certificates = certificates_of(config)
        self._measure = partial(measure, repeats=config.profile_repeats)
        self._measure_decoding = measure_decoding
        self._registry = Registry(models)
        self._admission = Admission(
            max_concurrency=config.max_concurrency,
            max_queue=config.max_queue,
            max_bytes=config.max_queued_bytes,
            max_per_client=config.tails_per_client,
            max_per_address=config.tails_per_address,
            initializer=self._prepare_thread,
        )
        self._decoders = Decoders(config.max_decoders if config.packets else 0, decoder_command)
        self._load = ServerLoad()
        self._metrics = CloudMetrics(
            tails_in_flight=lambda: self._admission.admitted,
            load_factor=lambda: self._load.factor(time.monotonic()),
            decoders=lambda: self._decoders.in_use,
            shared_addresses=lambda: self._gate.shared_addresses,
        )
        self._metrics.started(config, models)
        self._service = SplitInference(
            config, self._registry, self._admission, self._decoders, self._load, self._metrics, tracing
        )
        self._gate = Gate(
            tokens_of(config),
            max_calls=config.max_calls,
            max_calls_per_client=config.calls_per_client,
            max_calls_per_address=config.calls_per_address,
            rejected=self._metrics.rejected,
        )
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined] # grpc-stubs leaves `aio` out
        self._metrics_server: MetricsServer | None = None
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port in use; 0 before `start`."""
        return self._port

    @property
    def metrics_port(self) -> int | None:
        """The port of `/metrics`; None where it is off, before `start` and after `stop`."""
        return self._metrics_server.port if self._metrics_server else None

    async def start(self) -> None:
        """Listen, then warm up and profile the models; returns when health is SERVING.

        Raises:
            BindError: an address cannot be listened on.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop(0)
            raise

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Serve until the event is set, then drain for at most the configured grace."""
        await stop.wait()
        await self.stop(self._config.grace_s)

    async def stop(self, grace_s: float) -> None:
        """Shut down in order: no new work, finish what is in flight, end the streams, close the ports.

        Args:
            grace_s: Seconds after which what is still in flight is abandoned.
        """
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + grace_s
        self._admission.drain()
        await self._health.enter_graceful_shutdown()
        try:
            async with asyncio.timeout_at(ends_s):
                await self._admission.idle()
        except TimeoutError:
            log.warning("abandoned", tails=self._admission.admitted, grace_s=grace_s)
        self._service.end_streams()
        if self._server:
            await self._server.stop(min(FLUSH_S, max(0.0, ends_s - loop.time())))
        self._admission.close()
        await self._decoders.close()
        if self._metrics_server:
            await asyncio.to_thread(self._metrics_server.close)
            self._metrics_server = None
        log.info("stopped")

    async def _start(self) -> None:
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._server = self._build()
        await self._server.start()
        if self._config.metrics_port is not None:
            self._metrics_server = MetricsServer(self._metrics.registry, self._config.host, self._config.metrics_port)
        log.info("listening", port=self._port, metrics_port=self.metrics_port, access=self._config.access)
        if self._config.open_to_all:
            log.warning("anyone who reaches this address may use it", listen=self._config.listen, wanted="a token")
        await self._admission.run(partial(self._registry.warm_up, self._measure, self._measure_decoding))
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        for served in self._registry.all():
            log.info(
                "serving", model=served.model.name, engine=served.model.engine.name, whole_s=served.profile.whole_s
            )

    def _build(self) -> grpc.aio.Server:
        limit = self._config.max_message_bytes
        server = grpc.aio.server(
            interceptors=[self._gate],
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                # Without this, two servers could listen on one port and share its connections.
                ("grpc.so_reuseport", 0),
            ],
        )
        add_to_server(self._service, server)
        OpenInference(
            self._registry, self._service.run_tail, lambda: self._admission.draining, self._metrics, limit
        ).add_to_server(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (SERVICE, OPEN_INFERENCE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        self._port = self._bind(server)
        return server

    def _bind(self, server: grpc.aio.Server) -> int:
        listen = self._config.listen
        try:
            if self._certificates:
                return server.add_secure_port(listen, self._certificates.credentials())
            return server.add_insecure_port(listen)
        except RuntimeError as error:
            raise BindError(f"cannot listen on {listen}; expected a free port of this machine, or 0") from error

    def _prepare_thread(self) -> None:
        for model in self._registry.candidates:
            model.engine.prepare_thread(self._config.threads)

    async def _set_health(self, status: "health_pb2.HealthCheckResponse.ServingStatus") -> None:
        for name in ("", SERVICE, OPEN_INFERENCE):  # health checks may name a service; "" is the whole server
            await self._health.set(name, status)
