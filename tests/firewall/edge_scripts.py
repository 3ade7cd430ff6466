"""A RouterOS edge of the homelab, its script, and a router that has imported it, for the tests of this package."""

from __future__ import annotations

from typing import Any

from tests.core.generated import Data
from tests.firewall.routeros import Router
from tests.sites import site_data
from trellis.plan import plan
from trellis.render.routeros import edge_script
from trellis.site import load_site

POOLS = ["pd-v100", "pd-v101"]
CURRENT, DEPRECATED = "2600:1700:ab1a:500e::/64", "2600:1700:ab1b:400e::/64"
"""What is delegated to a VNet, and what was; the latter from where the site does not say."""
OWN: Data = {
    "wan_interface": "ether1",
    "nat66": "without_delegation",
    "delegations": ["2600:1700:ab1a:5000::/52"],
    "webhook": "https://hook.example.net/prefixes",
    "replaces": {"vnet101": "vlan101"},
}
HOOK = "/system script run trellis-delegation"


def site(**own: Any) -> Data:
    data = site_data("homelab")
    data["edges"]["edge1"]["routeros"] = {**OWN, **own}
    data["delegated"] = {
        "vnet101": {
            "current": CURRENT,
            "deprecated": [{"prefix": DEPRECATED, "remove_after": "2026-12-01T00:00:00Z"}],
        }
    }
    return data


def undelegated(**own: Any) -> Data:
    data = site(nat66="never", webhook=None, delegations=[], **own)
    for name in ("vnet100", "vnet101"):
        del data["vnets"][name]["delegation"]
    for guest in (*data["guests"].values(), *data["clusters"]["sol"]["nodes"].values()):
        guest.pop("global_address", None)
    return {**data, "delegated": {}}


def script(data: Data) -> str:
    planned = plan(load_site(data))
    return edge_script(planned, planned.edges[0])


def router(*delegated: str) -> Router:
    """Return a router that asks for two prefixes and has those of some pools."""
    made = Router()
    for name in POOLS:
        made.table("ipv6/dhcp-client").append({"pool-name": name, "interface": f"wan-{name}", "script": ""})
    made.table("ipv6/pool").extend({"name": name, "dynamic": "yes"} for name in delegated)
    return made


def imported(data: Data, into: Router | None = None) -> Router:
    made = into or router(*POOLS)
    list(made.run(script(data)))
    return made


def one(made: Router, menu: str, **wanted: str) -> dict[str, str]:
    found = [entry for entry in made.table(menu) if wanted.items() <= entry.items()]
    assert len(found) == 1, found
    return found[0]
