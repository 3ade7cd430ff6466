"""Site -> Plan: every number and policy resolved, per host, guest and edge; no text yet."""

from trellis.plan.build import plan
from trellis.plan.model import HostPlan, Plan

__all__ = ["HostPlan", "Plan", "plan"]
