"""Plan -> cloud-init user-data for a machine that is not Talos: its network, its speaker, and the speaker's start.

For Debian 12 and later and Ubuntu 24.04 and later (BIRD 2.0.12 and 2.14), as their cloud images are.  Both have
systemd-networkd, and netplan writes for it into /run; so the network is written for systemd-networkd itself, in /etc,
with names that come first: Debian 12's netplan knows no dummy links, and the route that Proxmox's own network
configuration would make for IPv4 has metric 0, which no speaker's default could ever beat.

What is kept elsewhere: accounts, keys and all else of the machine.  Where the site's owner has user-data of their own,
this is given as vendor-data, which has the same keys (Proxmox: ``qm set VMID --cicustom vendor=...``).  A file that
belongs to a package's user is written with ``defer``: the user is there once the package is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.plan.model import GuestPlan, Plan
from trellis.render.speakers import DISCARD_METRIC, speaker_text
from trellis.render.stanzas import Stanzas
from trellis.render.yaml_text import one_document

LOOPBACKS = "loopbacks"
"""The dummy link that has a machine's loopback addresses."""

_NETWORKD = "/etc/systemd/network"

Entry = dict[str, Any]


def user_data(plan: Plan, guest: str) -> str:
    """Return the cloud-init user-data of a guest: with it, a fresh cloud image comes up and speaks BGP.

    A key of its session is not in it: its placeholder is (``trellis.agent.vault``).

    Args:
        plan: The plan.
        guest: The guest's name; not a Talos node.

    Returns:
        The user-data's text, ``#cloud-config`` first.

    Raises:
        ValueError: The guest's speaker is Talos's own.
    """
    planned = next(found for found in plan.guests if found.guest.name == guest)
    is_bird = planned.speaker.kind == "bird2"
    document = {
        "hostname": guest,
        "package_update": True,
        "packages": ["bird2"] if is_bird else ["frr"],
        "write_files": [*_network(planned), *(_bird(planned) if is_bird else _frr(planned))],
        "runcmd": [
            ["systemctl", "enable", "--now", "systemd-networkd"],
            ["networkctl", "reload"],
            ["systemctl", "daemon-reload"],
            *([["sysctl", "--system"]] if planned.speaker.pods or planned.speaker.cilium else []),
            ["systemctl", "enable", "bird" if is_bird else "frr"],
            ["systemctl", "restart", "bird" if is_bird else "frr"],
        ],
    }
    return "#cloud-config\n" + one_document(document)


def _network(planned: GuestPlan) -> Iterator[Entry]:
    is_frr = planned.speaker.kind == "frr"
    view = {
        "machine": planned.machine,
        "gateways": [(gateway, "::/0" if ":" in gateway else "0.0.0.0/0") for gateway in planned.machine.gateways],
        "held": (*planned.machine.loopbacks, *planned.machine.extra),
        "link": LOOPBACKS,
        "metric": planned.machine.first_metric,
        # Where the speaker is BIRD, it has them.
        "discards": planned.speaker.pods if is_frr else (),
        "discard_metric": DISCARD_METRIC,
    }
    for name in ("05-trellis-vnet.network", "05-trellis-loopbacks.netdev", "05-trellis-loopbacks.network"):
        template = f"guest/{name.removeprefix('05-trellis-').replace('.', '_')}.j2"
        yield _file(f"{_NETWORKD}/{name}", Stanzas().fill(template, **view))
    if planned.speaker.pods or planned.speaker.cilium:  # a router of its pods
        settings = "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n"
        yield _file("/etc/sysctl.d/90-trellis.conf", settings)


def _bird(planned: GuestPlan) -> Iterator[Entry]:
    yield _file("/etc/bird/bird.conf", speaker_text(planned.speaker), "0640", "root:bird", defer=True)
    if planned.speaker.graceful_restart_s:
        # Without -R a BIRD that comes back says that it forwarded nothing meanwhile: its routes are dropped at once.
        options = "BIRD_RUN_USER=bird\nBIRD_RUN_GROUP=bird\nBIRD_ARGS=-R\n"
        yield _file("/etc/bird/envvars", options, defer=True)
        # By SIGTERM it would take its leave of the gateway, which then drops its routes: a restart is none then.
        stop = "[Service]\nExecStop=/usr/sbin/birdc graceful restart\n"
        yield _file("/etc/systemd/system/bird.service.d/trellis.conf", stop)


def _frr(planned: GuestPlan) -> Iterator[Entry]:
    speaker = planned.speaker
    daemons = Stanzas().fill("guest/daemons.j2", bfd=speaker.bfd, kept_s=speaker.graceful_restart_s)
    yield _file("/etc/frr/daemons", daemons, "0640", "frr:frr", defer=True)
    yield _file("/etc/frr/frr.conf", speaker_text(speaker), "0640", "frr:frr", defer=True)


def _file(path: str, content: str, mode: str = "0644", owner: str = "root:root", *, defer: bool = False) -> Entry:
    entry = {"path": path, "owner": owner, "permissions": mode, "content": content}
    return {**entry, "defer": True} if defer else entry
