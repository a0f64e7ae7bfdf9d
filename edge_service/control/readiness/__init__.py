"""Which splits to have ready before they are chosen, for an engine that takes time to prepare a part.

* `choosable`: the few splits that can ever be the best, most often first;
* `preparing`: in which order parts are to be prepared, and when that order is due;
* `substitution`: what runs while the parts of the chosen split are not ready.

Which splits are ready is asked of the caller.
"""

from edge_service.control.readiness.choosable import Choosable, Rank
from edge_service.control.readiness.preparing import Job, Preparing, Ready
from edge_service.control.readiness.substitution import Substitution

__all__ = ["Choosable", "Job", "Preparing", "Rank", "Ready", "Substitution"]
