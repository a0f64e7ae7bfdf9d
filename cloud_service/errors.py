"""The errors of the cloud service, with the gRPC status code and the reason that the caller receives.

    Exception
    └── CloudError
        ├── ConfigurationError        (also ValueError) settings that cannot be used
        ├── BindError                 the address cannot be listened on
        └── RequestError              a request that gets an error status instead of an answer
            ├── InvalidRequestError   INVALID_ARGUMENT     BAD_TENSOR, WRONG_TENSOR, UNKNOWN_LAYER, DUPLICATE_TENSOR,
            │                                              MISSING_TENSOR, UNKNOWN_OUTPUT, PICTURE_LOST, BAD_REQUEST
            ├── AnswerTooLargeError   OUT_OF_RANGE         ANSWER_TOO_LARGE
            ├── UnauthenticatedError  UNAUTHENTICATED      UNAUTHENTICATED, BAD_TOKEN
            ├── DigestMismatchError   FAILED_PRECONDITION  DIGEST_MISMATCH
            ├── PacketsError          FAILED_PRECONDITION  PACKETS_GAP, PICTURE_PENDING, PIXELS_DIFFER
            ├── UnknownModelError     NOT_FOUND            UNKNOWN_MODEL
            ├── OverloadedError       RESOURCE_EXHAUSTED   OVERLOADED, with a time to retry after
            ├── NoDecoderError        RESOURCE_EXHAUSTED   NO_DECODER, with a time to retry after if all are in use
            ├── ExpiredError          DEADLINE_EXCEEDED    EXPIRED
            ├── StartingError         UNAVAILABLE          STARTING, with a time to retry after
            ├── DrainingError         UNAVAILABLE          DRAINING, with a time to retry after
            ├── DecoderLostError      UNAVAILABLE          DECODER_LOST, to retry at once
            └── InternalError         INTERNAL             INTERNAL

A `RequestError`'s text is sent to the caller; it says what was expected and nothing about the server's internals.
"""

import grpc

from split_wire.reasons import Reason


class CloudError(Exception):
    """The root of this package's errors."""


class ConfigurationError(CloudError, ValueError):
    """Settings are invalid; the message says which values are valid."""


class BindError(CloudError):
    """The address cannot be listened on."""


class RequestError(CloudError):
    """A request that is answered with an error status.

    Attributes:
        code: The gRPC status code.
        reason: The reason in its `google.rpc.ErrorInfo`.
        retry_after_s: Seconds after which a retry may succeed; None if a retry is pointless.
    """

    code: grpc.StatusCode
    reason: Reason
    retry_after_s: float | None = None


class InvalidRequestError(RequestError):
    """The request is invalid; `reason` says why."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AnswerTooLargeError(RequestError):
    """The outputs that the caller wants do not fit in a message."""

    code = grpc.StatusCode.OUT_OF_RANGE
    reason = Reason.ANSWER_TOO_LARGE


class UnauthenticatedError(RequestError):
    """The caller sent no token, or one that is not accepted; `reason` says which."""

    code = grpc.StatusCode.UNAUTHENTICATED

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DigestMismatchError(RequestError):
    """The caller's model is not the one served under its name."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = Reason.DIGEST_MISMATCH


class PacketsError(RequestError):
    """Packets do not fit the session of their stream; `reason` says why."""

    code = grpc.StatusCode.FAILED_PRECONDITION

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnknownModelError(RequestError):
    """No model of this name is served."""

    code = grpc.StatusCode.NOT_FOUND
    reason = Reason.UNKNOWN_MODEL


class OverloadedError(RequestError):
    """The queue is full, or the caller has too many requests in it or too many calls open."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = Reason.OVERLOADED
    QUEUE_WAIT_S = 0.25

    def __init__(self, message: str, *, retry_after_s: float = QUEUE_WAIT_S) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NoDecoderError(RequestError):
    """No decoder takes these packets: all are in use, or there is none for this format."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = Reason.NO_DECODER

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ExpiredError(RequestError):
    """The request's deadline passed before it was computed."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = Reason.EXPIRED


class StartingError(RequestError):
    """The models are still being warmed up."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = Reason.STARTING
    retry_after_s = 1.0


class DrainingError(RequestError):
    """The server is shutting down."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = Reason.DRAINING
    retry_after_s = 1.0

    def __init__(self) -> None:
        super().__init__("the server is shutting down; expected callers to use another server, or to retry later")


class DecoderLostError(RequestError):
    """The process that decodes a stream's packets failed; another one takes the next session."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = Reason.DECODER_LOST
    retry_after_s = 0.0

    def __init__(self, failure: str = "the decoder process ended") -> None:
        super().__init__(f"{failure}; expected another session, from a keyframe on")


class InternalError(RequestError):
    """A failure of the server; the details are only in its log."""

    code = grpc.StatusCode.INTERNAL
    reason = Reason.INTERNAL

    def __init__(self) -> None:
        super().__init__("the server failed to answer; its log has the details")
