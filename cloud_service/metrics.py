"""The server's Prometheus metrics, in base units; each label has a small, fixed set of values.

Each server has its own registry: two servers in one process do not mix, and nothing is registered on import.
"""

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, start_http_server
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from cloud_service.config import CloudConfig
from cloud_service.errors import BindError
from split_model import Model
from split_wire import Reason, split_pb2

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONFIGURED = ("max_concurrency", "max_queue", "max_streams", "max_frames_per_stream", "max_decoders", "threads")
STAGES = ("queue", "decode", "prepare", "tail", "encode")


class Times(Collector):
    """A histogram of seconds for every frame, told by one thread: the library's own takes five times as long to tell.

    Args:
        name: The metric's.
        about: Its help text.
        labels: The names of its labels.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str]) -> None:
        self._name, self._about, self._labels = name, about, labels
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def exists(self, values: tuple[str, ...]) -> tuple[list[int], list[float]]:
        """Show a series, by its labels' values, from now on; return its counts by bucket and its sum."""
        return self._series.setdefault(values, ([0] * (len(SECONDS) + 1), [0.0]))

    def observe(self, values: tuple[str, ...], seconds: float) -> None:
        """Count one duration."""
        series = self._series.get(values)
        counts, total = self.exists(values) if series is None else series
        counts[bisect_left(SECONDS, seconds)] += 1
        total[0] += seconds

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return what a scrape reads."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        for values, (counts, total) in list(self._series.items()):
            buckets = zip((*map(floatToGoString, SECONDS), "+Inf"), accumulate(counts), strict=True)
            family.add_metric(values, list(buckets), total[0])
        yield family


class CloudMetrics:
    """The server's metrics.

    Args:
        tails_in_flight: Returns the tails that wait or are computed; called at every scrape.
        load_factor: Returns the load factor; called at every scrape.
        decoders: Returns the decoder processes that streams use; called at every scrape.
        shared_addresses: Returns the addresses that several edges share; called at every scrape.
    """

    def __init__(
        self,
        *,
        tails_in_flight: Callable[[], float],
        load_factor: Callable[[], float],
        decoders: Callable[[], float],
        shared_addresses: Callable[[], float],
    ) -> None:
        self.registry = CollectorRegistry()
        self._rpc = Times(
            "dads_rpc_seconds", "Time of a call until its answer; for StreamTails, of each frame.", ("method", "code")
        )
        self._stage = Times("dads_stage_seconds", "Time of a frame's stages.", ("stage",))
        self.registry.register(self._rpc)
        self.registry.register(self._stage)
        self._rejected = Counter(
            "dads_rejected", "Requests refused, by ErrorInfo reason.", ("reason",), registry=self.registry
        )
        in_flight = Gauge("dads_tails_in_flight", "Tails that wait or are computed.", registry=self.registry)
        in_flight.set_function(tails_in_flight)
        used = Gauge("dads_decoders", "Decoder processes that streams with packets use.", registry=self.registry)
        used.set_function(decoders)
        shared = Gauge(
            "dads_shared_addresses",
            "Addresses whose edges share one client's limits, found since the start.",
            registry=self.registry,
        )
        shared.set_function(shared_addresses)
        self._pictures = Histogram(
            "dads_packets_decode_seconds",
            "Time to decode the packets of a frame and to prepare its picture.",
            registry=self.registry,
            buckets=SECONDS,
        )
        load = Gauge("dads_load_factor", "Measured over profiled time.", ("side",), registry=self.registry)
        load.labels(side="cloud").set_function(load_factor)
        self._build = Info("dads_build", "What runs here.", registry=self.registry)
        self._model = Gauge(
            "dads_model_info", "1 for each model that is served.", ("model", "digest", "engine"), registry=self.registry
        )
        self._config_info = Info("dads_config", "The settings it was started with.", registry=self.registry)
        ProcessCollector(registry=self.registry)
        # Every series exists from the start: `rate` misses the first events of a series that appears later.
        for stage in STAGES:
            self._stage.exists((stage,))
        for reason in Reason:
            self._rejected.labels(reason=reason.value)

    def started(self, config: CloudConfig, models: Sequence[Model]) -> None:
        """Set the info metrics: versions, settings, and each model's name, digest and engine."""
        traced_by = ", ".join(sorted({model.torch_version for model in models}))
        self._build.info({"version": running_version(), "python": platform.python_version(), "torch": traced_by})
        self._config_info.info({name: str(getattr(config, name)) for name in CONFIGURED})
        for model in models:
            self._model.labels(model=model.name, digest=model.digest, engine=model.engine.name).set(1)

    def called(self, method: str, code: str, seconds: float) -> None:
        """Count one call, or one frame of a stream, and its seconds; `code` is the name of its gRPC status code."""
        self._rpc.observe((method, code), seconds)

    def staged(self, timing: split_pb2.ServerTiming) -> None:
        """Observe the stages of one answered frame; `prepare` only where something was prepared."""
        observe = self._stage.observe
        observe(("queue",), timing.queue_s)
        observe(("decode",), timing.decode_s)
        if timing.prepare_s:
            observe(("prepare",), timing.prepare_s)
        observe(("tail",), timing.compute_s)
        observe(("encode",), timing.encode_s)

    def picture_decoded(self, seconds: float) -> None:
        """Observe the decoding of one frame that came as packets; it is a part of the stage `decode`."""
        self._pictures.observe(seconds)

    def rejected(self, reason: Reason) -> None:
        """Count one refused request."""
        self._rejected.labels(reason=reason.value).inc()


class MetricsServer:
    """Serves `/metrics` over HTTP in a thread of its own, until `close`.

    Args:
        registry: The metrics to serve.
        host: Address to listen on.
        port: 0 picks a free one.

    Raises:
        BindError: the address cannot be listened on.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._server: WSGIServer
        self._thread: Thread
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise BindError(
                f"cannot serve metrics on {host}:{port}: {error.strerror}; expected a free port, or 0 to pick one"
            ) from error

    @property
    def port(self) -> int:
        """The port in use."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and join the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def running_version() -> str:
    """Return the installed version of the project."""
    try:
        return version("dads")
    except PackageNotFoundError:  # run from the sources, not installed
        return "unknown"
