"""The decision logic of the edge agent, without I/O: told events and the time, asked for plans.

    events ──► Controller.observe ──► estimators, breaker ──► Conditions ──► Policy ──► Choice ──► Planner ──► Plan

One idea a file: `estimators/` measure, `probing` and `breaker` say when to call, `policies/` choose a split by
`pricing`, `planner` makes plans of that, and `controller` is the state machine around them. Where a model's splits
cannot be listed, `remembered_splits` answers at once and `searching` says when to search in the background.
"""

from edge_service.control.breaker import Breaker, BreakerConfig, BreakerState
from edge_service.control.controller import Controller
from edge_service.control.estimators.arrival_rate import ArrivalRate
from edge_service.control.estimators.calls_and_loads import LoadEstimator, OverheadEstimator, RoundTripEstimator
from edge_service.control.estimators.encoding_costs import EncodingCosts, SizeRatios
from edge_service.control.estimators.uplink import UplinkEstimator
from edge_service.control.estimators.upload_clock import UploadClock
from edge_service.control.events import (
    AnswerMissed,
    CloudAnswered,
    CloudBusy,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    CutEncoded,
    Event,
    HeadMeasured,
    HeartbeatsResumed,
    OverheadMeasured,
    RateChanged,
    RoundTripMeasured,
    TailMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from edge_service.control.plan import ControllerConfig, ControllerState, Mode, Phase, Plan
from edge_service.control.policies import Choice, Policy
from edge_service.control.probing import ProbeConfig, ProbeScheduler
from edge_service.control.searching import Search

__all__ = [
    "AnswerMissed",
    "ArrivalRate",
    "Breaker",
    "BreakerConfig",
    "BreakerState",
    "Choice",
    "CloudAnswered",
    "CloudBusy",
    "CloudLoadReported",
    "CloudLost",
    "CloudProfiled",
    "Controller",
    "ControllerConfig",
    "ControllerState",
    "CutEncoded",
    "EncodingCosts",
    "Event",
    "HeadMeasured",
    "HeartbeatsResumed",
    "LoadEstimator",
    "Mode",
    "OverheadEstimator",
    "OverheadMeasured",
    "Phase",
    "Plan",
    "Policy",
    "ProbeConfig",
    "ProbeScheduler",
    "RateChanged",
    "RoundTripEstimator",
    "RoundTripMeasured",
    "Search",
    "SizeRatios",
    "TailMeasured",
    "UplinkAtLeast",
    "UplinkEstimator",
    "UplinkMeasured",
    "UploadClock",
    "UploadLate",
    "UploadStalled",
]
