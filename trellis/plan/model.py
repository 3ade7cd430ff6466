"""What a plan says, as frozen values: every number and policy resolved, nothing left to decide.

A plan is close to FRR's own nouns (peer-group, prefix-list, route-map) but knows nothing of text; that is
``trellis.render``'s part.  Policy objects are shared between the hosts that need the same ones, so that they are
planned and rendered once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trellis.plan.delegated import AdvertisementPlan, DelegatedSubnet
from trellis.plan.filter_model import Policy
from trellis.plan.firewall_model import FirewallPlan
from trellis.plan.machines import ClusterPlan, MachinePlan
from trellis.plan.peering import PeeringPlan
from trellis.plan.rollout import RolloutPlan
from trellis.plan.routeros_model import RouterosPlan
from trellis.plan.speakers import SpeakerPlan
from trellis.pve import SdnState
from trellis.site.resolved import AttachedGuest

FamilyName = Literal["ipv4 unicast", "ipv6 unicast", "l2vpn evpn"]


@dataclass(frozen=True, slots=True)
class BfdProfile:
    """A BFD profile; a passive one sends nothing before the other side does."""

    name: str
    interval_ms: int
    multiplier: int
    passive: bool


@dataclass(frozen=True, slots=True)
class OspfInterface:
    """An interface in the underlay's area 0; a passive one is announced and forms no adjacency."""

    name: str
    passive: bool
    cost: int | None = None
    point_to_point: bool = False
    bfd_profile: str | None = None


@dataclass(frozen=True, slots=True)
class SilencedInterface:
    """A VNet on which FRR would advertise routers by itself, and what its advertisements must not offer.

    FRR advertises on every interface with a neighbour of ``capability extended-nexthop``, whatever `suppress-ra`
    says; with this they hold no default router and no prefix to make addresses from (R13, incident I14).

    Attributes:
        name: The interface.
        prefixes: Its IPv6 prefixes.
    """

    name: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A neighbour or a peer-group, and how its sessions behave.

    Attributes:
        name: The neighbour's address, or the peer-group's name.
        is_group: Whether this is a peer-group.
        generated: Whether Proxmox writes the group or membership itself; only what it leaves out is then ours.
        group: The peer-group that a neighbour belongs to.
        external: Whether the other side may have any ASN but ours.
        connect_s: Seconds between attempts to connect.
        ebgp_hops: Most hops of an eBGP multihop session.
        md5: Name of the secret that signs its packets (TCP MD5); a group's is every member's.
    """

    name: str
    is_group: bool = False
    generated: bool = False
    group: str | None = None
    remote_as: int | None = None
    external: bool = False
    description: str | None = None
    bfd_profile: str | None = None
    ebgp_hops: int | None = None
    passive: bool = False
    extended_nexthop: bool = False
    update_source: str | None = None
    connect_s: int | None = None
    graceful_restart_disabled: bool = False
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class FamilyPeer:
    """A neighbour or peer-group in an address family.

    Attributes:
        soft_inbound: Whether what was refused is kept to be looked at.
        maximum_prefixes: Limit of prefixes; a session that exceeds it is held down for ``penalty_min`` minutes, where
            FRR does that (not for sessions that it accepts of anybody).
        path_list_in: AS-path list of what is accepted.
    """

    name: str
    activate: bool = False
    next_hop_self: bool = False
    route_reflector_client: bool = False
    soft_inbound: bool = False
    maximum_prefixes: int | None = None
    penalty_min: int | None = None
    path_list_in: str | None = None
    route_map_in: str | None = None
    route_map_out: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """An address family of a BGP instance."""

    name: FamilyName
    peers: tuple[FamilyPeer, ...]
    generated: bool = False
    redistribute_connected: str | None = None
    maximum_paths: int | None = None
    maximum_paths_ibgp: int | None = None
    import_map: str | None = None
    import_vrfs: tuple[str, ...] = ()
    advertise_all_vni: bool = False
    advertise: tuple[tuple[Literal["ipv4", "ipv6"], str], ...] = ()


@dataclass(frozen=True, slots=True)
class BgpInstance:
    """A ``router bgp`` block: the global one (``vrf`` is None) or a VRF's.

    Its router id is the host's IPv4 loopback; without it an instance can be shared between hosts.

    Attributes:
        listens: Prefixes whose addresses are accepted as peers, each with the peer-group that they join.
        listen_limit: Most peers that are accepted so.
    """

    asn: int
    vrf: str | None
    generated: bool
    keepalive_s: int
    hold_time_s: int
    sessions: tuple[Session, ...]
    families: tuple[Family, ...]
    listens: tuple[tuple[str, str], ...] = ()
    listen_limit: int | None = None


@dataclass(frozen=True, slots=True)
class VrfRoute:
    """A static route in a VRF.

    Attributes:
        vrf: The VRF in whose table the destination is looked up; None rejects what no better route is known for.
    """

    prefix: str
    vrf: str | None


@dataclass(frozen=True, slots=True)
class Vrf:
    """A VRF with its L3VNI, RD and RT; ``generated`` where Proxmox writes the statement.

    Attributes:
        routes: What leaks make reachable of other zones on this host, and the end of what no route is known for.
    """

    name: str
    zone: str
    l3vni: int
    route_distinguisher: str
    route_target: str
    generated: bool
    routes: tuple[VrfRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Everything that one host must run."""

    name: str
    kind: Literal["pve", "frr"]
    pve_version: str | None
    frr_version: str
    ipv4: str
    ipv6: str
    interfaces: tuple[OspfInterface, ...]
    silenced: tuple[SilencedInterface, ...]
    bfd_profiles: tuple[BfdProfile, ...]
    vrfs: tuple[Vrf, ...]
    bgp: tuple[BgpInstance, ...]
    policy: Policy
    sysctls: tuple[tuple[str, str], ...]
    daemons: tuple[str, ...]
    replaces: str | None = None
    advertised: tuple[AdvertisementPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """A guest's side of its session: who it is, and the gateway that it speaks with.

    Attributes:
        limits: Most prefixes that it may announce, of IPv4, then of IPv6.
        speaker: What its own speaker does.
        machine: Its network as its operating system is to have it.
    """

    guest: AttachedGuest
    gateway_ipv4: str | None
    gateway_ipv6: str
    gateway_asn: int
    hosts: tuple[str, ...]
    limits: tuple[int, int]
    speaker: SpeakerPlan
    machine: MachinePlan


@dataclass(frozen=True, slots=True)
class VnetPlan:
    """A VNet with its L2VNI and the route target that FRR derives from it.

    Attributes:
        subnets: Its subnets as prefixes, IPv6 first.
        gateways: The anycast gateway of each subnet, in the same order.
        peering: The policy for its guests; None where nobody is heard (R8).
        loopbacks: The ranges of its tenant's loopbacks.
        delegated: Its subnets of prefixes that are delegated to it, the current one first.
        advertisement: What its guests are told; None where nobody tells them anything.
        policy_path: Where the policy for its guests stands in the site, or would.
    """

    name: str
    zone: str
    tenant: str
    vni: int
    route_target: str
    subnets: tuple[str, ...]
    gateways: tuple[str, ...]
    peering: PeeringPlan | None
    loopbacks: tuple[str, ...] = ()
    delegated: tuple[DelegatedSubnet, ...] = ()
    advertisement: AdvertisementPlan | None = None
    policy_path: str = ""

    @property
    def every_subnet(self) -> tuple[str, ...]:
        """Its own subnets and the delegated ones."""
        return (*self.subnets, *(subnet.prefix for subnet in self.delegated))

    @property
    def every_gateway(self) -> tuple[str, ...]:
        """The gateway of each of them, in the same order."""
        return (*self.gateways, *(subnet.gateway for subnet in self.delegated))

    @property
    def listens(self) -> bool:
        """Whether its guests may speak BGP."""
        return self.peering is not None


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """What an edge is expected to hold: its sessions with the hosts, by loopback.

    Attributes:
        accepts: What is accepted from it beside the default, exactly.
        kind: Whose configuration it is written in.
        md5: Name of the secret that signs its sessions (TCP MD5).
        routeros: What it runs if it is a RouterOS.
    """

    name: str
    asn: int
    ipv4: str
    ipv6: str
    hosts: tuple[str, ...]
    accepts: tuple[str, ...] = ()
    kind: Literal["routeros", "frr"] = "routeros"
    md5: str | None = None
    routeros: RouterosPlan | None = None


@dataclass(frozen=True, slots=True)
class LinkEndPlan:
    """One end of a link: the host or edge there, its interface, and its addresses with their lengths."""

    node: str
    interface: str
    ipv4: str | None
    ipv6: str | None


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A wire of the underlay.

    Attributes:
        cost: OSPF's cost of each interface on it.
        mtu: Bytes of an IP packet that it carries.
        ends: By name of the host or edge.
    """

    name: str
    kind: Literal["point-to-point", "segment"]
    cost: int
    mtu: int
    ends: tuple[LinkEndPlan, ...]


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """A zone: its VRF, and how its packets travel between hosts.

    Attributes:
        mtu: Bytes of an IP packet in the zone, before VXLAN is added.
        vtep: Family of the outer header.
        hosts: Those that carry it, in the order of their ids.
    """

    name: str
    vrf: str
    l3vni: int
    mtu: int
    vtep: Literal["ipv4", "ipv6"]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole of what will be done for a site.

    Attributes:
        infrastructure: Prefixes that never leave to an edge or guest, nor are accepted from one (R5).
        infrastructure_asns: The fabric's ASN and those of the edges, which no guest's path may hold.
    """

    site_name: str
    asn: int
    sdn: SdnState | None
    hosts: tuple[HostPlan, ...]
    edges: tuple[EdgePlan, ...]
    vnets: tuple[VnetPlan, ...]
    guests: tuple[GuestPlan, ...]
    clusters: tuple[ClusterPlan, ...]
    infrastructure: tuple[str, ...]
    infrastructure_asns: tuple[int, ...]
    firewall: FirewallPlan
    zones: tuple[ZonePlan, ...]
    links: tuple[LinkPlan, ...]
    rollout: RolloutPlan
