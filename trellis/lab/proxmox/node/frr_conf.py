"""The whole text of /etc/frr/frr.conf, and of /etc/frr/daemons, as Proxmox writes them."""

from __future__ import annotations

import re

from . import stripped, verbatim
from .generated import Generated
from .versions import Behaviour

SDN_DAEMONS = ("ospfd", "fabricd")
"""The daemons that SDN fabrics use; Proxmox owns their lines in /etc/frr/daemons."""

_DAEMON_LINE = re.compile(r"([a-z_]+)=")


def frr_conf(generated: Generated, local: str, hostname: str, behaviour: Behaviour) -> str:
    """The text that Proxmox writes to /etc/frr/frr.conf.

    Args:
        generated: What it generates for this node.
        local: The text of frr.conf.local; empty where there is none.
        hostname: The node's name.
        behaviour: What this node's release does.

    Raises:
        MergeError: The generator would fail; nothing is to be written.
    """
    if behaviour.merge == "verbatim":
        body = verbatim.merge(generated, local)
    else:
        body = ["!", *stripped.merge(generated, local)]
    lines = [
        f"frr version {behaviour.frr_header}",
        "frr defaults datacenter",
        f"hostname {hostname}",
        "log syslog informational",
        "service integrated-vtysh-config",
        *body,
        "!",
        "line vty",
        "!",
    ]
    return "\n".join(lines) + ("\n" if behaviour.final_newline else "")


def force_daemons(text: str) -> str:
    """Switch off the daemons that no fabric uses, as Proxmox does: only in lines that begin with the name.

    Args:
        text: What /etc/frr/daemons holds.

    Returns:
        What it holds afterwards; if that differs, Proxmox restarts FRR instead of reloading it.
    """
    out = []
    for line in text.splitlines():
        match = _DAEMON_LINE.match(line)
        out.append(f"{match[1]}=no" if match and match[1] in SDN_DAEMONS else line)
    return "".join(f"{line}\n" for line in out)
