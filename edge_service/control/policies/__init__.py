"""Policies choose the split of a frame: one policy a file, each pure, behind one protocol.

* `policy`: the protocol `Policy`, and its `Choice`;
* `adaptive`: the system's own policy; `edge_only`, `cloud_only`, `given`: one split; `chain`: Neurosurgeon's cut;
* `named`: policies by the names that options, settings and reports use.
"""

from edge_service.control.policies.adaptive import Adaptive
from edge_service.control.policies.chain import Chain
from edge_service.control.policies.cloud_only import CloudOnly
from edge_service.control.policies.edge_only import EdgeOnly
from edge_service.control.policies.given import Given, edge_before
from edge_service.control.policies.named import POLICY_NAMES, policy_named, policy_names, policy_type
from edge_service.control.policies.policy import Choice, Policy, keep_to

__all__ = [
    "POLICY_NAMES",
    "Adaptive",
    "Chain",
    "Choice",
    "CloudOnly",
    "EdgeOnly",
    "Given",
    "Policy",
    "edge_before",
    "keep_to",
    "policy_named",
    "policy_names",
    "policy_type",
]
