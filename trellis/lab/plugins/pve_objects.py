"""The SDN objects of pulumi-proxmoxve 8.6 as data: property names, API names, types, what replaces.

Names and types are those of the installed SDK (`pulumi_proxmoxve.sdn`); defaults, replacements and checks
are those of bpg/terraform-provider-proxmox, which the real plugin wraps.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trellis.lab.plugins.resource import Failure
from trellis.lab.plugins.wire import UNKNOWN, Properties

FieldType = Literal["text", "number", "flag", "repeated", "joined"]

# Zones, VNets and controllers share one rule (fwprovider/validators/sdn.go).
_SDN_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*[A-Za-z0-9]")
_SDN_ID_LONGEST = 8
_ROUTE_TARGET = re.compile(r"\d+:\d+")


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object.

    Args:
        name: Its name in Pulumi.
        api: Its name in the API.
        type: How it travels: a flag as 1 or 0, a list as repeated keys or joined by commas.
        required: Whether the program must give it.
        default: What is sent if it does not.
        computed: Whether the API may fill it in.
        kept: Whether it stays as it is when the program stops giving it (the API can't unset it).
    """

    name: str
    api: str
    type: FieldType = "text"
    required: bool = False
    default: Any = None
    computed: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of object.

    Args:
        title: What errors call it.
        collection: Its path below /api2/json/; {vnet} is the property of that name.
        identity: The property that names it.
        fields: Its other properties.
        replacing: The properties of which a change replaces it.
        outputs: Properties that only the API fills in, by their API name.
        type: The `type` sent when it is created; empty for none.
        pending: Whether it is read with its pending changes (`pending=1`).
        check: Further refusals.
    """

    title: str
    collection: str
    identity: Field
    fields: tuple[Field, ...]
    replacing: tuple[str, ...]
    outputs: Mapping[str, str]
    type: str
    pending: bool
    check: Callable[[Properties], list[Failure]]


def _check_controller(inputs: Properties) -> list[Failure]:
    failures = _check_ids(inputs, "sdnControllerEvpnId")
    if inputs.get("fabric") is None and not inputs.get("peers"):
        failures.append(Failure("peers", "at least one of 'fabric' and 'peers' must be given"))
    return failures


def _check_zone(inputs: Properties) -> list[Failure]:
    target = inputs.get("rtImport")
    if target in (None, UNKNOWN) or _ROUTE_TARGET.fullmatch(str(target)):
        return _check_ids(inputs, "resourceId")
    refused = Failure("rtImport", "must be in the format '<ASN>:<number>' (e.g., '65000:65000')")
    return [*_check_ids(inputs, "resourceId"), refused]


def _check_vnet(inputs: Properties) -> list[Failure]:
    return _check_ids(inputs, "resourceId", "zone")


def _check_subnet(inputs: Properties) -> list[Failure]:
    failures = _check_ids(inputs, "vnet")
    cidr = inputs.get("cidr")
    if cidr in (None, UNKNOWN):
        return failures
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError as error:
        return [*failures, Failure("cidr", f"invalid subnet: {error}")]
    for name in ("gateway", "dhcpDnsServer"):
        address = inputs.get(name)
        if address in (None, UNKNOWN):
            continue
        try:
            inside = ipaddress.ip_address(str(address)) in network
        except ValueError as error:
            failures.append(Failure(name, f"could not parse IP address: {error}"))
            continue
        if not inside:
            failures.append(Failure(name, f"{address} must be within the subnet {cidr}"))
    return failures


def _check_ids(inputs: Properties, *names: str) -> list[Failure]:
    """Refuse names that SDN can't hold."""
    return [
        Failure(name, f"{inputs[name]!r} must be a valid SDN identifier: 2-{_SDN_ID_LONGEST} letters and digits")
        for name in names
        if inputs.get(name) not in (None, UNKNOWN)
        and not (_SDN_ID.fullmatch(str(inputs[name])) and len(str(inputs[name])) <= _SDN_ID_LONGEST)
    ]


CONTROLLER = Kind(
    title="SDN Controller",
    collection="cluster/sdn/controllers",
    identity=Field("sdnControllerEvpnId", "controller", required=True),
    fields=(
        Field("asn", "asn", "number", required=True),
        Field("fabric", "fabric"),
        Field("peers", "peers", "repeated"),
    ),
    replacing=("sdnControllerEvpnId",),
    outputs={"digest": "digest"},
    type="evpn",
    pending=True,
    check=_check_controller,
)

ZONE = Kind(
    title="SDN Zone",
    collection="cluster/sdn/zones",
    identity=Field("resourceId", "zone", required=True),
    fields=(
        Field("advertiseSubnets", "advertise-subnets", "flag", default=False),
        Field("controller", "controller", required=True),
        Field("disableArpNdSuppression", "disable-arp-nd-suppression", "flag", default=False),
        Field("dns", "dns"),
        Field("dnsZone", "dnszone"),
        Field("exitNodes", "exitnodes", "joined"),
        Field("exitNodesLocalRouting", "exitnodes-local-routing", "flag", default=False),
        Field("ipam", "ipam"),
        Field("mtu", "mtu", "number", computed=True, kept=True),
        Field("nodes", "nodes", "joined"),
        Field("primaryExitNode", "exitnodes-primary"),
        Field("reverseDns", "reversedns"),
        Field("rtImport", "rt-import"),
        Field("vrfVxlan", "vrf-vxlan", "number", required=True),
    ),
    replacing=("resourceId",),
    outputs={"state": "state"},
    type="evpn",
    pending=True,
    check=_check_zone,
)

VNET = Kind(
    title="SDN VNet",
    collection="cluster/sdn/vnets",
    identity=Field("resourceId", "vnet", required=True),
    fields=(
        Field("alias", "alias"),
        Field("isolatePorts", "isolate-ports", "flag"),
        Field("tag", "tag", "number"),
        Field("vlanAware", "vlanaware", "flag"),
        Field("zone", "zone", required=True),
    ),
    replacing=("resourceId",),
    outputs={},
    type="",
    pending=False,
    check=_check_vnet,
)

SUBNET = Kind(
    title="SDN Subnet",
    collection="cluster/sdn/vnets/{vnet}/subnets",
    identity=Field("cidr", "subnet", required=True),
    fields=(
        Field("dhcpDnsServer", "dhcp-dns-server"),
        Field("dnsZonePrefix", "dnszoneprefix"),
        Field("gateway", "gateway"),
        Field("snat", "snat", "flag"),
        Field("vnet", "vnet", required=True),
    ),
    replacing=("cidr", "vnet"),
    outputs={},
    type="subnet",
    pending=False,
    check=_check_subnet,
)
