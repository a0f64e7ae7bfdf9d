"""The decision logic of the edge agent, without I/O: told events and the time, asked for plans.

    what happened ──► Flow ──► events ──► Controller.observe ──► estimators, breaker ──► Conditions ──► Policy ──► Plan
                       └──► orders to the shells

`flow` is the state machine of frames and connection, and `controller` that of the decision. `estimators/` measure;
`probing` and `breaker` say when to call; `policies/` choose a split by `pricing`; `planner` makes plans of that.
Where the splits cannot be listed, `remembered_splits` answers at once and `searching` says when to search.
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
from edge_service.control.flow import Flow
from edge_service.control.orders import Answered, Duty, FinishHere, Probe, answer_timeout_s
from edge_service.control.plan import ControllerConfig, ControllerState, Mode, Phase, Plan
from edge_service.control.policies import Choice, Policy
from edge_service.control.probing import ProbeConfig, ProbeScheduler
from edge_service.control.searching import Search
from edge_service.control.stage_times import LinkTimes, ServerTimes, StageTimes

__all__ = [
    "AnswerMissed",
    "Answered",
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
    "Duty",
    "EncodingCosts",
    "Event",
    "FinishHere",
    "Flow",
    "HeadMeasured",
    "HeartbeatsResumed",
    "LinkTimes",
    "LoadEstimator",
    "Mode",
    "OverheadEstimator",
    "OverheadMeasured",
    "Phase",
    "Plan",
    "Policy",
    "Probe",
    "ProbeConfig",
    "ProbeScheduler",
    "RateChanged",
    "RoundTripEstimator",
    "RoundTripMeasured",
    "Search",
    "ServerTimes",
    "SizeRatios",
    "StageTimes",
    "TailMeasured",
    "UplinkAtLeast",
    "UplinkEstimator",
    "UplinkMeasured",
    "UploadClock",
    "UploadLate",
    "UploadStalled",
    "answer_timeout_s",
]
