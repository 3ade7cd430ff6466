"""What is left of a site when a person takes an entry out, and with it whatever cannot be without it."""

from __future__ import annotations

import copy

from tests.core.generated import Data, have_edges_follow_what_is_delegated

FAMILIES = ("hosts", "edges", "links", "zones", "tenants", "vnets", "guests", "clusters", "leaks", "firewall")
"""The mappings by name of a site."""


def entries(site: Data) -> list[tuple[str, str]]:
    """Return family and name of every entry that a person may take out of a site."""
    found = [(family, name) for family in FAMILIES for name in site[family]]
    return found + [("nodes", name) for cluster in site["clusters"].values() for name in cluster["nodes"]]


def without(site: Data, family: str, name: str) -> Data | None:
    """Return ``site`` without an entry and what cannot be without it; None if nothing would be left.

    Args:
        site: The whole site.
        family: As ``entries`` names it.
        name: Name of the entry.
    """
    left = copy.deepcopy(site)
    for entry in left["clusters"].values() if family == "nodes" else [left]:
        (entry["nodes"] if family == "nodes" else entry[family]).pop(name, None)
    _hosts_and_links(left)
    _vnets_and_tenants(left)
    _delegations(left)
    _guests(left)
    _leaks_and_services(left)
    return left if left["hosts"] and left["zones"] else None


def _keep(names: list[str], known: object) -> bool:
    """Take the names that are not ``known`` out of a list; return whether it means what it did: none means all."""
    before = bool(names)
    names[:] = [name for name in names if name in known]  # type: ignore[operator]
    return bool(names) == before


def _hosts_and_links(left: Data) -> None:
    _keep(left["fabric"].get("route_reflectors", []), left["hosts"])
    left["zones"] = {key: zone for key, zone in left["zones"].items() if _keep(zone["nodes"], left["hosts"])}
    routers = left["hosts"].keys() | left["edges"].keys()
    for link in left["links"].values():
        link["ends"] = {key: end for key, end in link["ends"].items() if key in routers}
    left["links"] = {
        key: link for key, link in left["links"].items() if link.get("kind") == "segment" or len(link["ends"]) == 2
    }


def _delegations(left: Data) -> None:
    """A VNet whose edge is gone has no prefix delegated to it any more, and its guests have no address of one."""
    for vnet in left["vnets"].values():
        if vnet.get("delegation", {}).get("edge", "") not in {"", *left["edges"]}:
            del vnet["delegation"]
    delegated = {name for name, vnet in left["vnets"].items() if "delegation" in vnet}
    left["delegated"] = {name: found for name, found in left.get("delegated", {}).items() if name in delegated}
    for guest in left["guests"].values():
        if guest["vnet"] not in delegated:
            guest.pop("global_address", None)
    have_edges_follow_what_is_delegated(left)


def _vnets_and_tenants(left: Data) -> None:
    left["vnets"] = {
        key: vnet
        for key, vnet in left["vnets"].items()
        if vnet["zone"] in left["zones"] and vnet["tenant"] in left["tenants"]
    }
    owners = {vnet["tenant"] for vnet in left["vnets"].values()}
    left["tenants"] = {key: tenant for key, tenant in left["tenants"].items() if key in owners}


def _guests(left: Data) -> None:
    def stays(entry: Data) -> bool:
        return _keep(entry["placement"], left["hosts"]) and entry["host"] in left["hosts"]

    left["guests"] = {
        key: guest for key, guest in left["guests"].items() if guest["vnet"] in left["vnets"] and stays(guest)
    }
    left["clusters"] = {key: cluster for key, cluster in left["clusters"].items() if cluster["vnet"] in left["vnets"]}
    for cluster in left["clusters"].values():
        cluster["nodes"] = {key: node for key, node in cluster["nodes"].items() if stays(node)}


def _leaks_and_services(left: Data) -> None:
    subnets = [subnet["prefix"] for vnet in left["vnets"].values() for subnet in vnet["subnets"].values()]
    zones = {vnet["zone"] for vnet in left["vnets"].values()}
    left["leaks"] = {
        key: leak
        for key, leak in left["leaks"].items()
        if zones.issuperset(leak["between"]) and set(subnets).issuperset(leak["prefixes"])
    }
    left["firewall"] = {
        key: service for key, service in left["firewall"].items() if _keep(service["vnets"], left["vnets"])
    }
