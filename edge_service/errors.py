"""The errors of the edge agent.

    EdgeError
    ├── AgentClosedError        a frame was submitted outside the agent's lifetime
    ├── InputError              a frame does not fit the model's inputs
    ├── CloudAddressError       (also ValueError) an address of a cloud is missing or given twice, or there are too many
    ├── EngineError             (also ValueError) the model's engine cannot do what the settings ask for
    ├── PolicyError             (also ValueError) there is no such policy, or the model has no such split
    ├── DrawingError            pictures cannot be drawn as they were asked for
    ├── PostprocessError        the model's `postprocess` failed; the frame's line says so
    ├── SourceError             see `edge_service.sources.errors`
    └── CloudError              a call to the cloud failed; the agent continues on the edge alone
        ├── CloudUnreachableError   the connection cannot be made, or broke
        │   ├── CloudUntrustedError     the two sides' TLS settings do not fit
        │   └── CloudSilentError        no answer in time; the connection may be slow rather than broken
        ├── CloudRefusedError       the cloud answered with an error status
        │   ├── CloudDeniedError        the cloud requires a token, or does not accept the one sent
        │   └── TooLargeError           a request or its answer is larger than a message may be; a retry fails again
        └── WrongTwinError          the cloud serves another model under this name (digests differ)

gRPC's exceptions are translated once, in `edge_service.cloud.client`.
"""

from __future__ import annotations


class EdgeError(Exception):
    """The root of this package's errors."""


class AgentClosedError(EdgeError):
    """A frame was submitted before the agent's context was entered, or after it was left."""


class InputError(EdgeError):
    """A frame's tensors do not have the number, shapes or dtypes of the model's inputs."""


class CloudAddressError(EdgeError, ValueError):
    """The addresses of the clouds cannot be used; the message says which and why."""


class EngineError(EdgeError, ValueError):
    """The engine that runs the model cannot do what the settings ask for."""


class PolicyError(EdgeError, ValueError):
    """There is no policy of this name, or the model has no split as it names."""


class DrawingError(EdgeError):
    """Pictures cannot be drawn as they were asked for; the message says what was expected."""


class PostprocessError(EdgeError):
    """The model's `postprocess` raised an error, or returned what JSON cannot represent."""


class CloudError(EdgeError):
    """A call to the cloud failed."""


class CloudUnreachableError(CloudError):
    """The connection to the cloud cannot be opened, or broke."""


class CloudUntrustedError(CloudUnreachableError):
    """The TLS settings of the two sides do not fit; the message says what to do."""


class CloudSilentError(CloudUnreachableError):
    """The cloud did not answer in time; the connection may be slow rather than broken."""


class CloudRefusedError(CloudError):
    """The cloud answered with an error status.

    Attributes:
        reason: the google.rpc.ErrorInfo reason (see `protos/split.proto`), or gRPC's status name if there is none.
        retry_after_s: seconds after which a retry may succeed, or None.
    """

    def __init__(self, message: str, *, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s


class CloudDeniedError(CloudRefusedError):
    """The cloud requires a token, or does not accept the one sent."""


class TooLargeError(CloudRefusedError):
    """A request, or its answer, is larger than the cloud's messages may be; a retry would fail again."""


class WrongTwinError(CloudError):
    """The model that the cloud serves under this name is not the edge's: their digests differ."""
