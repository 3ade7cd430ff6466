"""What others do to a running fabric, caused for real, and how long until every host runs what is intended again.

`catalogue` is the list: what breaks, how, and the bounds. `breaking` causes it through Proxmox's own doors and the
hosts' power; `watching` looks at every host meanwhile, from before it breaks; `trial` runs one and judges it. The
program is not run again in any of them.
"""

from trellis.lab.scenarios.catalogue import SCENARIOS, Scenario
from trellis.lab.scenarios.report import as_json, as_table
from trellis.lab.scenarios.trial import Outcome, run

__all__ = ["SCENARIOS", "Outcome", "Scenario", "as_json", "as_table", "run"]
