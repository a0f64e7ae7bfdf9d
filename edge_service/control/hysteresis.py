"""Whether to switch from the split in use, or its encoding, to a better one.

Both are priced at the current conditions. A candidate must keep up with the rate *with headroom* (the decision is for
`rate / headroom`). The split in use counts as keeping up until it has used half of that headroom. If both keep up, the
candidate must be faster by a threshold. So variations of uplink, load or rate below these margins cause at most one
switch, the one away from the break-point.
"""

import math

from partitioner import Partition


def worth_switching(used: Partition, candidate: Partition, rate_hz: float, *, headroom: float, gain: float) -> bool:
    """Whether `candidate` should replace `used`.

    Keeping up comes first, latency second. If neither keeps up, the bottlenecks are compared.

    Args:
        used: The split in use, priced now.
        candidate: The best split, priced now; best for `rate_hz / headroom`.
        rate_hz: The rate of frames.
        headroom: Largest share of the time that a stage of a candidate may be busy.
        gain: Smallest relative gain that is worth a switch.
    """
    if (used.edge, used.encoding) == (candidate.edge, candidate.encoding):
        return False
    # Halfway between headroom and 1 on a ratio scale, so that the margins below and above are equal.
    used_keeps_up = used.bottleneck_s * rate_hz < math.sqrt(headroom)
    candidate_keeps_up = candidate.bottleneck_s * rate_hz < headroom
    if candidate_keeps_up and not used_keeps_up:
        return True
    if used_keeps_up:
        # If the candidate does not keep up, no split does with headroom; the split in use still does without.
        return candidate_keeps_up and candidate.latency_s < used.latency_s * (1.0 - gain)
    return candidate.bottleneck_s < used.bottleneck_s * (1.0 - gain)
