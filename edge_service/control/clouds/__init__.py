"""The clouds that an edge has the choice of: each one as the controller sees it, and which of them is used.

* `side`: one cloud's path, load and breaker, and the plans made for it;
* `choice`: which of several is used.
"""

from edge_service.control.clouds.choice import ChoiceConfig, CloudChoice, Price
from edge_service.control.clouds.side import CloudSide, EdgeSide, rest_s

__all__ = ["ChoiceConfig", "CloudChoice", "CloudSide", "EdgeSide", "Price", "rest_s"]
