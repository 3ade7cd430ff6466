"""An edge as the seed has it: four pools that four DHCPv6 clients fill, served by the lab's own RouterOS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trellis.lab.routeros import Face, FaceFault, Lease, Served
from trellis.lab.routeros.router import FaceFault as Fault
from trellis.routeros import Patience, Router

PASSWORD = "never-to-be-seen-9mX4"
POOLS = {f"pd-v{number}": f"vnets.vnet{number}.delegation.pool" for number in (100, 101, 102, 103)}
PREFIXES = {
    "pd-v100": "2600:1700:ab1a:5009::/64",
    "pd-v101": "2600:1700:ab1a:500e::/64",
    "pd-v102": "2600:1700:ab1a:500b::/64",
    "pd-v103": "2600:1700:ab1a:5008::/64",
}
FACE = Face(
    user="trellis",
    password=PASSWORD,
    leases=tuple(Lease(pool, f"wan6-{pool[3:]}", (prefix,)) for pool, prefix in PREFIXES.items()),
)
QUICK = Patience(attempt_s=20.0, attempts=3, pause_s=0.01)


def router(served: Served, password: str = PASSWORD) -> Router:
    return Router("edge1", served.endpoint, served.certificate, "trellis", password)


def with_pool(pool: str, *prefixes: str, face: Face = FACE) -> Face:
    """The face, with other prefixes in one pool."""
    return replace(
        face, leases=tuple(replace(one, prefixes=prefixes) if one.pool == pool else one for one in face.leases)
    )


def failing(kind: str, **more: object) -> Face:
    make: Callable[..., FaceFault] = Fault
    return replace(FACE, fault=make(kind, **more))
