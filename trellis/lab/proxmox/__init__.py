"""A simulated Proxmox VE cluster: an HTTPS API, and a program on each node that does what Proxmox does there.

The lab writes a `SimulatorConfig`, puts `installation(...)` on each host's disk before its first boot,
and starts the API in a namespace that reaches the hosts. From then on everything goes through Proxmox's
own doors: the API, the boot, `pve-node reload` on a host.

Written apart from `trellis.pve` and `trellis.render`, which it judges: it imports neither.
"""

from trellis.lab.proxmox.config import NodeConfig, SimulatorConfig, SshConfig
from trellis.lab.proxmox.install import Installation, installation
from trellis.lab.proxmox.process import is_running, start, stop

__all__ = [
    "Installation",
    "NodeConfig",
    "SimulatorConfig",
    "SshConfig",
    "installation",
    "is_running",
    "start",
    "stop",
]
