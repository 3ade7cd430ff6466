"""Why a site does not have a line, and what to do about it: one row for each kind of line."""

from __future__ import annotations

import re
from typing import NamedTuple

from trellis.adoption.given import Section
from trellis.adoption.statements import Statement


class Why(NamedTuple):
    """Why a line is not in the site, and what to do; ``HOST`` stands for the host's name."""

    why: str
    remedy: str


_RENDERED = "compare with `trellis render HOST`; `trellis adopt HOST` shows what a first deploy takes away"

BEHIND_EXIT = Why(
    "FRR stops reading at an `exit` at top level, so this was never in force", "remove it, or close it right"
)
DROPPED = Why("Proxmox's merge drops it from frr.conf.local, so it is not in force", "nothing is lost; remove it there")
DAEMON = Why(
    "the site starts zebra, bgpd, ospfd, ospf6d, bfdd and staticd, with the package's own options",
    "see what it was for before `trellis adopt HOST` declares that it goes",
)
RADVD = Why(
    "what guests are told follows from vnets.*.router_advertisements, and one sender says it on each VNet",
    "set its fields there, or leave the interface out of radvd if it is no VNet",
)
FIREWALL = Why(
    "the table is Trellis's own and is rendered anew from the site",
    "declare what may pass as leaks or firewall entries; a table of another name stays as it is",
)


def other_key(name: str) -> Why:
    """Return why a session's key is not in the site: others that are signed with the same secret have another one."""
    return Why(
        f"sessions that the site signs with the one secret {name} have different keys",
        f"agree on one key at both ends of each, then `pulumi config set --secret --path 'trellis:secrets.{name}'`",
    )


_FILTER = Why(
    "filters follow from what the site declares; none is taken over by its text (R2-R7)",
    f"declare what it let pass: edges.*.accepts, guests.*.announces, loopbacks, pods, services, leaks; {_RENDERED}",
)

_LINES: tuple[tuple[str, Why], ...] = (
    (
        r"(route-map|ip prefix-list|ipv6 prefix-list|bgp (\S+-)*(list|access-list)|access-list|.*\baccess-list) ?.*",
        _FILTER,
    ),
    (
        r".*neighbor \S+ (route-map|prefix-list|filter-list|distribute-list|unsuppress-map|advertise-map) .*",
        Why("each session has a filter in and a filter out of Trellis's own (RFC 8212)", _FILTER.remedy),
    ),
    (
        r"router ospf6? > .*|interface \S+ > (ip|ipv6) (ospf|ospf6) .*|router ospf6? ?.*",
        Why(
            "the underlay is OSPF in area 0 on the site's links and loopbacks, passive elsewhere, with BFD",
            "make the interface a link with its real addresses, or let it go",
        ),
    ),
    (
        r"router (?!bgp|ospf)\S+.*|mpls .*|segment-routing.*|pbr-map .*|rpki.*|router-id .*|key chain .*|"
        r"interface \S+ > (ip|ipv6) (rip|ripng|router isis|pim|igmp|eigrp|mld) ?.*",
        Why("the site has BGP, EVPN, OSPF and BFD, and no other protocol", "keep it on another router, or let it go"),
    ),
    (
        r"router bgp \d+( vrf \S+)? > bgp router-id .*",
        Why("a host's router id is its IPv4 loopback, in every table", "set fabric.loopbacks and the host's id"),
    ),
    (
        r".*neighbor \S+ maximum-prefix .*",
        Why(
            "a guest over its limit is cut off for a while, and a node's limit follows from its pods",
            "set guest_bgp.max_prefixes and penalty_min",
        ),
    ),
    (
        r".*(import|export) vrf (?!route-map).*|.*(import|export) vrf route-map .*",
        Why(
            "routes cross between tables through filters of Trellis's own only (R3, R4)",
            "the default enters a VRF and guests' routes leave it anyway; two zones need a `leaks` entry",
        ),
    ),
    (
        r".*redistribute .*|.*> network \S+( .*)?|.*aggregate-address .*",
        Why(
            "a VNet's subnets are the only connected routes that are announced, loopbacks by OSPF alone (R5)",
            "make the prefix a VNet's subnet, a guest's `announces` or a cluster's pods; else it is not announced",
        ),
    ),
    (
        r".*default-(originate|information).*",
        Why("guests are told the real default, withdrawn when the edge is gone (R10)", "let the edge announce it"),
    ),
    (
        r".*advertise-svi-ip|.*advertise-default-gw|.*advertise ipv[46] unicast.*",
        Why(
            "what EVPN announces is filtered, and per-host gateway addresses never are (R5; FRR issue 22883)",
            "nothing: type-5 routes of guests are announced by the site's own filter",
        ),
    ),
    (
        r".*neighbor \S+ description .*",
        Why("a session is described by the site's name of the other end", "rename the entry, if it is to say that"),
    ),
    (
        r".*neighbor \S+ password .*",
        Why(
            "the session is none of the site's, so nothing signs it there",
            "declare the other end as an edge or a guest with `md5: NAME`, and its key by `pulumi config set --secret`",
        ),
    ),
    (
        r".*neighbor \S+ (remote-as|peer-group|activate|bfd|timers|ebgp-multihop|update-source|next-hop-self|passive|"
        r"capability|maximum-prefix|soft-reconfiguration|ttl-security|disable-connected-check|local-as|send-community|"
        r"graceful-restart|allowas-in|default-originate|as-override|advertisement-interval|weight|shutdown|solo|"
        r"enforce-first-as|route-reflector|interface|extended-optional|dont-capability|override-capability).*"
        r"|.*bgp listen .*",
        Why(
            "sessions follow from hosts, edges and guests, and run with the site's own timers and options",
            "see that the other end is in the site as an edge (a loopback of each family) or a guest, and that it "
            "takes what `trellis render HOST` says to it",
        ),
    ),
    (
        r"(vrf \S+ > )?(ip|ipv6) route .*",
        Why(
            "the site has no static routes of its own", "let a routing protocol announce it, or keep it outside of FRR"
        ),
    ),
    (
        r"interface \S+ > ipv6 nd .*",
        Why("advertisements follow from vnets.*.router_advertisements (R13)", "set them there, if it is a VNet"),
    ),
    (
        r"vrf \S+.*|router bgp \d+ vrf \S+.*",
        Why(
            "a VRF is a zone's: vrf_<zone>, its L3VNI 4095 + the zone's id",
            "give the zone the id and name that fit, or plan the change of VRF or VNI for a quiet hour",
        ),
    ),
    (
        r"bfd.*",
        Why("BFD has the site's profiles, fabric.bfd, multihop_bfd and guest_bfd", "set their timers there"),
    ),
    (
        r"router bgp \d+( vrf \S+)?( > .*)?",
        Why("BGP runs as the site's plan has it, with options of Trellis's own", _RENDERED),
    ),
    (
        r"interface \S+( > .*)?",
        Why(
            "addresses and the like are the host's own configuration, outside of FRR",
            "put it into /etc/network/interfaces",
        ),
    ),
)

_OTHER = Why("the site has no noun for it", f"see what it was for; {_RENDERED}")


def why_not(statement: Statement) -> Why:
    """Return why a site does not have a line, and what to do.

    Args:
        statement: The line.
    """
    text = " > ".join(statement.path)
    return next((why for form, why in _LINES if re.fullmatch(form, text)), _OTHER)


SDN_KEYS: dict[str, Why] = {
    "": Why(
        "the site does not say it of such an object", "set it in Proxmox by hand, if it is needed: Trellis leaves it"
    ),
    "exitnodes": Why(
        "a zone has no exit nodes: Proxmox would leak without a filter both ways (R4, R5)",
        "nothing: every host gives its VRFs the real default of an edge",
    ),
    "exitnodes-local-routing": Why(
        "a zone has no exit nodes (R4, R5)", "declare a `firewall` service for what is needed"
    ),
    "exitnodes-primary": Why("a zone has no exit nodes (R4, R5)", "nothing: the nearest edge is used"),
    "advertise-subnets": Why(
        "subnets are announced through Trellis's filters, not by Proxmox without any (R4, R5)",
        "nothing: they are announced",
    ),
    "rt-import": Why("two zones share routes only where a leak says so", "declare `leaks`"),
    "vrf-vxlan": Why(
        "a zone's L3VNI is 4095 + its id, which is 1-4000",
        "plan the change of VNI for a quiet hour, on all hosts at once",
    ),
    "peers": Why(
        "sessions run between loopbacks, which follow from fabric.loopbacks and each host's id",
        "put the real ranges and ids into the site, or let Trellis make the new loopbacks",
    ),
    "mtu": Why("the zone's MTU is the site's", "set zones.*.mtu"),
    "nodes": Why(
        "the zone's nodes are hosts of the site", "read the missing hosts as well, or leave them out of the zone"
    ),
    "snat": Why("there is no NAT inside of the fabric; an edge translates", "let the edge do it"),
    "dhcp-range": Why("guests have addresses by their ids; the site has no DHCP", "keep a DHCP server of your own"),
    "dhcp-dns-server": Why("the site has no DHCP", "advertise resolvers: vnets.*.router_advertisements.resolvers"),
    "dnszoneprefix": Why("the site has no DNS", "keep DNS of your own"),
    "vlanaware": Why("a VNet is one segment, without VLANs in it", "make a VNet of each VLAN"),
    "isolate-ports": Why("guests of a VNet reach each other", "give each guest a VNet, or filter in the guest"),
    "asn": Why("the fabric has one ASN", "set fabric.asn"),
    "gateway": Why("a subnet's gateway is the site's", "set vnets.*.subnets.*.gateway"),
}
"""By key of a Proxmox object; the empty key is for all others."""


def without_object(kind: str, section: Section) -> Why:
    """Return why a site does not have an object of Proxmox at all.

    Args:
        kind: Its file.
        section: The object.
    """
    if kind == "controllers":
        return Why("the site has one EVPN controller and its own underlay", "remove it once nothing uses it")
    if kind == "zones" and section.type != "evpn":
        return Why("the site's zones are EVPN zones", "Trellis leaves it alone; keep it, or move its guests")
    if kind == "subnets":
        return Why(
            "a VNet has one IPv4 and one IPv6 subnet with a gateway each, and delegated /64s",
            "add the VNet with an IPv6 subnet and a gateway to the site: guests peer over IPv6",
        )
    if kind == "vnets":
        return Why(
            "a VNet is in an EVPN zone and has an IPv6 subnet with a gateway: guests peer over IPv6",
            f"add an IPv6 subnet to {section.id} in Proxmox, and import again; or leave it to Proxmox",
        )
    return Why("the site does not have it", "Trellis leaves it alone; see what it is for")
