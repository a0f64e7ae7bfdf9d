"""How many frames of a plan are under way at once, and how long an answer is awaited."""

import math

from edge_service.control.conditions import Conditions
from edge_service.control.plan import ControllerConfig, Mode
from partitioner import Partition


def frames_in_flight(split: Partition, rate_hz: float, most: int, *, offloads: bool) -> int:
    """How many frames should be between head and answer so that the slowest stage never waits."""
    if not offloads:
        # Edge-only frames never wait for the link, and heads run one at a time anyway.
        return most
    remote_s = split.transfer_s + split.fixed_s + split.cloud_s
    period_s = max(split.bottleneck_s, 1.0 / rate_hz)
    return min(math.ceil(remote_s / period_s) + 1, most)


def answer_deadline_s(
    split: Partition,
    mode: Mode,
    in_flight: int,
    conditions: Conditions,
    config: ControllerConfig,
    here_s: float | None,
) -> float:
    """How long to wait for an answer.

    The wait past the expected answer is as long as finishing locally takes. So a frame takes at most twice the
    better of the two (the ski-rental argument). A multiple of the prediction would give up sooner on short uploads,
    and waste most of an upload that a fade of the link interrupted. A lost link is noticed by missing heartbeats.
    The wait is such a multiple only for a policy that keeps to its split (cloud_only, given).

    Args:
        split: What is sent.
        mode: Light or heavy load.
        in_flight: Frames under way at once.
        conditions: Link and loads.
        config: Settings.
        here_s: Seconds that everything takes on the edge; None for a policy that keeps to its split.
    """
    busy_s = split.transfer_s + split.cloud_s
    if mode is Mode.HEAVY:
        # Frames in flight wait for each other at the slower of the two stages.
        busy_s = max(busy_s, in_flight * max(split.transfer_s, split.cloud_s))
    expected_s = split.fixed_s + busy_s + config.deadline_margin_s
    if conditions.uplink_bps is None:
        return max(expected_s, config.longest_deadline_s)
    patience_s = (config.deadline_factor - 1.0) * busy_s if here_s is None else here_s - split.edge_s
    return expected_s + min(patience_s, config.longest_deadline_s)
