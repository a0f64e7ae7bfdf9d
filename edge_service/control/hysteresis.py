"""Whether to leave the split in use, or its encoding, for a better one.

Both are priced at the conditions of now. A candidate must keep up with the rate *with headroom* (the decision asked
for `rate / headroom`); the split in use is left for that reason only when it has used half of that headroom up. And
where both keep up, the candidate must be faster by a threshold. So whatever wavers by less than these margins, uplink,
load or rate, causes one switch at most: the one that leads away from the break-point.
"""

import math

from partitioner import Partition


def worth_switching(used: Partition, candidate: Partition, rate_hz: float, *, headroom: float, gain: float) -> bool:
    """Whether `candidate` should replace `used`.

    Keeping up comes first, latency second; where nothing keeps up, the bottleneck counts.

    Args:
        used: The split in use, priced now.
        candidate: The best split, priced now; best for `rate_hz / headroom`.
        rate_hz: The rate of frames.
        headroom: Largest share of the time that a stage of a candidate may be busy.
        gain: Smallest relative gain that is worth a switch.
    """
    if (used.edge, used.encoding) == (candidate.edge, candidate.encoding):
        return False
    # Halfway between headroom and 1 on a ratio scale: margins below and above are equal.
    used_keeps_up = used.bottleneck_s * rate_hz < math.sqrt(headroom)
    candidate_keeps_up = candidate.bottleneck_s * rate_hz < headroom
    if candidate_keeps_up and not used_keeps_up:
        return True
    if used_keeps_up:
        # Where the candidate does not keep up, nothing does with headroom, and the split in use still does without.
        return candidate_keeps_up and candidate.latency_s < used.latency_s * (1.0 - gain)
    return candidate.bottleneck_s < used.bottleneck_s * (1.0 - gain)
