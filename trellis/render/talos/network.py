"""A node's network as Talos has it: documents from 1.12 on, a part of ``machine`` before.

The static default is in both at a metric that any speaker's is better than: by it a node boots before its session is
up, and no longer than that is it used.  A default has no ``destination`` in documents: Talos refuses 0.0.0.0/0 there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.plan.model import GuestPlan
from trellis.render.speakers import DISCARD_METRIC
from trellis.render.talos.document import document
from trellis.render.talos.release import BLACKHOLES_SINCE, knows
from trellis.render.yaml_text import Document
from trellis.site.checks.machines import LOOPBACK_LINK
from trellis.site.kubernetes import Talos


def network_documents(guest: GuestPlan, talos: Talos) -> Iterator[Document]:
    """Yield a node's network documents, for Talos 1.12 and later.

    Args:
        guest: The node.
        talos: How its machine configuration is written.
    """
    machine = guest.machine
    # ``off`` takes back what Talos's generator writes, ``stable``, which excludes a name.
    yield document("HostnameConfig", auto="off", hostname=guest.guest.name)
    yield document(
        "LinkConfig",
        name=talos.interface,
        up=True,
        mtu=machine.mtu,
        addresses=[{"address": address} for address in machine.addresses],
        routes=[{"gateway": gateway, "metric": machine.first_metric} for gateway in machine.gateways],
    )
    beside = knows(talos, BLACKHOLES_SINCE)
    dropped = [] if beside else [{"destination": prefix, "metric": DISCARD_METRIC} for prefix in _ends_here(guest)]
    if machine.loopbacks or dropped:
        yield document(
            "DummyLinkConfig",
            name=LOOPBACK_LINK,
            up=True,
            addresses=[{"address": address} for address in machine.loopbacks],
            **({"routes": dropped} if dropped else {}),
        )
    for address in machine.shared:
        yield document("Layer2VIPConfig", name=address, link=talos.interface)
    for prefix in _ends_here(guest) if beside else ():
        yield document("BlackholeRouteConfig", name=prefix, metric=DISCARD_METRIC)


def machine_network(guest: GuestPlan, talos: Talos) -> dict[str, Any]:
    """Return a node's network as a part of ``machine``, for Talos before 1.12.

    Args:
        guest: The node.
        talos: How its machine configuration is written.
    """
    machine = guest.machine
    link: dict[str, Any] = {
        "interface": talos.interface,
        "dhcp": False,
        "mtu": machine.mtu,
        "addresses": list(machine.addresses),
        "routes": [
            {"network": "::/0" if ":" in gateway else "0.0.0.0/0", "gateway": gateway, "metric": machine.first_metric}
            for gateway in machine.gateways
        ],
    }
    for address in machine.shared:  # one at most: see trellis.site.checks.machines
        link["vip"] = {"ip": address}
    dropped = [{"network": prefix, "metric": DISCARD_METRIC} for prefix in _ends_here(guest)]
    loopback: dict[str, Any] = {
        "interface": LOOPBACK_LINK,
        "dummy": True,
        "addresses": list(machine.loopbacks),
        **({"routes": dropped} if dropped else {}),
    }
    has_loopback = bool(machine.loopbacks or dropped)
    return {"hostname": guest.guest.name, "interfaces": [link, *([loopback] if has_loopback else [])]}


def _ends_here(guest: GuestPlan) -> tuple[str, ...]:
    """Return what must not leave the node by its default when no pod has it: BIRD sees to that, FRR cannot.

    Where Talos has no route that drops, one into the dummy link does: nothing comes out of it.
    """
    return tuple(map(str, guest.guest.pods)) if guest.speaker.kind == "frr" else ()
