"""The decision logic of the edge agent, without I/O: told events and the time, asked for plans.

    events ──► Controller.observe ──► estimators, breaker ──► Conditions ──► Planner ──► Plan

One idea per file: `estimators`, `uplink_estimator` and `upload_clock` measure, `slow_start` tells what TCP adds after a
pause, `probing` and `breaker` say when to call, `pricing` and `hysteresis` choose, `planner` makes plans of that, and
`controller` is the state machine around them.
"""

from edge_service.control.breaker import Breaker, BreakerConfig, BreakerState
from edge_service.control.controller import Controller
from edge_service.control.estimators.arrival_rate import ArrivalRate
from edge_service.control.estimators.encoding_costs import EncodingCosts, SizeRatios
from edge_service.control.estimators.load import LoadEstimator
from edge_service.control.estimators.overhead import OverheadEstimator
from edge_service.control.estimators.round_trip import RoundTripEstimator
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
from edge_service.control.plan import ControllerConfig, ControllerState, Mode, Phase, Plan, Strategy
from edge_service.control.probing import ProbeConfig, ProbeScheduler

__all__ = [
    "AnswerMissed",
    "ArrivalRate",
    "Breaker",
    "BreakerConfig",
    "BreakerState",
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
    "ProbeConfig",
    "ProbeScheduler",
    "RateChanged",
    "RoundTripEstimator",
    "RoundTripMeasured",
    "SizeRatios",
    "Strategy",
    "TailMeasured",
    "UplinkAtLeast",
    "UplinkEstimator",
    "UplinkMeasured",
    "UploadClock",
    "UploadLate",
    "UploadStalled",
]
