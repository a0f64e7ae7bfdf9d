"""The decision logic of the edge agent, without I/O: events and times go in, plans and orders come out.

    what happened ──► Flow ──► events ──► Controller.observe ──► estimators, breaker ──► Conditions ──► Policy ──► Plan
                       └──► orders to the shells

Read in this order:

* `events`, `orders`, `plan`: the values that go in and come out; `stage_times`: where a frame's time went;
* `flow`: the state machine of frames and connection;
* `controller`: the state machine of the decision;
* `clouds/`: each cloud as the controller sees it, and which of several is used;
* `estimators/`: uplink, round trip, load and other quantities, estimated from events;
* `breaker`, `probing`: when to try the cloud, and when to measure the link;
* `conditions`, `pricing`, `policies/`: what a decision depends on, what a split costs, and who chooses one;
* `hysteresis`: when another split is worth a switch;
* `readiness/`: which splits to prepare where that takes time, and what runs until they are ready;
* `planner`: makes plans of a policy's choices; `deadlines`: how many frames are under way, and for how long;
* `packets/`: frames that are sent as packets of their source;
* `tables/`: how models with many splits are decided: by tables, which are made in the background.
"""

from edge_service.control.breaker import Breaker, BreakerConfig, BreakerState
from edge_service.control.clouds import ChoiceConfig, CloudChoice, Price
from edge_service.control.controller import Controller, OneCloud
from edge_service.control.estimators.arrival_rate import ArrivalRate
from edge_service.control.estimators.download_clock import DownloadClock
from edge_service.control.estimators.encoding_costs import EncodingCosts, SizeRatios
from edge_service.control.estimators.load import LoadEstimator
from edge_service.control.estimators.overhead import OverheadEstimator
from edge_service.control.estimators.packet_costs import PacketCosts
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
    DownlinkAtLeast,
    DownlinkMeasured,
    DownloadStalled,
    Event,
    HeadMeasured,
    HeartbeatsResumed,
    OverheadMeasured,
    PacketsRefusal,
    PacketsRefused,
    PacketsSeen,
    PacketsSent,
    PictureDecoded,
    PicturesDecodedThere,
    RateChanged,
    RoundTripMeasured,
    SplitImpossible,
    TailMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadLate,
    UploadStalled,
)
from edge_service.control.flow import Flow
from edge_service.control.orders import Answered, Duty, FinishHere, Probe, answer_timeout_s
from edge_service.control.plan import CloudState, ControllerConfig, ControllerState, Mode, Phase, Plan
from edge_service.control.policies import Choice, Policy
from edge_service.control.probing import ProbeConfig, ProbeScheduler
from edge_service.control.readiness import Choosable, Job, Ready
from edge_service.control.stage_times import LinkTimes, ServerTimes, StageTimes

__all__ = [
    "AnswerMissed",
    "Answered",
    "ArrivalRate",
    "Breaker",
    "BreakerConfig",
    "BreakerState",
    "Choice",
    "ChoiceConfig",
    "Choosable",
    "CloudAnswered",
    "CloudBusy",
    "CloudChoice",
    "CloudLoadReported",
    "CloudLost",
    "CloudProfiled",
    "CloudState",
    "Controller",
    "ControllerConfig",
    "ControllerState",
    "CutEncoded",
    "DownlinkAtLeast",
    "DownlinkMeasured",
    "DownloadClock",
    "DownloadStalled",
    "Duty",
    "EncodingCosts",
    "Event",
    "FinishHere",
    "Flow",
    "HeadMeasured",
    "HeartbeatsResumed",
    "Job",
    "LinkTimes",
    "LoadEstimator",
    "Mode",
    "OneCloud",
    "OverheadEstimator",
    "OverheadMeasured",
    "PacketCosts",
    "PacketsRefusal",
    "PacketsRefused",
    "PacketsSeen",
    "PacketsSent",
    "Phase",
    "PictureDecoded",
    "PicturesDecodedThere",
    "Plan",
    "Policy",
    "Price",
    "Probe",
    "ProbeConfig",
    "ProbeScheduler",
    "RateChanged",
    "Ready",
    "RoundTripEstimator",
    "RoundTripMeasured",
    "ServerTimes",
    "SizeRatios",
    "SplitImpossible",
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
