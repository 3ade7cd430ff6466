"""Failures of a running fabric, caused for real and measured: how long traffic is silent, how soon a route is gone.

Each is a data file (`tests/lab/failures/NAME.yaml`): what breaks, what is watched, and the bounds. `failure` reads
it; `causing` breaks and heals; `streams` sends a ping every 10 ms, `routes` takes the kernel's word for when a route
went; `trial` runs a failure as often as it says and judges it; `report` shows the figures beside the seed's own.

Deliberately elsewhere: what others do to hosts' configuration (`trellis.lab.scenarios`), deploys that fail
(`trellis.lab.faults`), guests that attack (`trellis.lab.attacks`).
"""

from trellis.lab.failures.failure import Failure, read
from trellis.lab.failures.report import as_json, as_table
from trellis.lab.failures.trial import Outcome, run

__all__ = ["Failure", "Outcome", "as_json", "as_table", "read", "run"]
