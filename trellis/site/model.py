"""The nouns of a site, typed: fabric, host, link, edge, zone, VNet, tenant, guest, cluster, node, leak, firewall.

A site says only what a person decides; every number that follows from an id is derived in ``trellis.allocate``
and every policy in ``trellis.plan``.  Rules that need more than one noun stand in ``trellis.site.checks``.
Mappings are keyed by name, so that an entry has one name and a path in an error reads like the file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trellis.site.access import Endpoint, HostKey, SshAddress, UserName
from trellis.site.advertising import Delegation, RouterAdvertisements
from trellis.site.delegated import VnetPrefixes
from trellis.site.kubernetes import Cilium, Talos
from trellis.site.noun import Noun
from trellis.site.peering import GuestBgp
from trellis.site.ranges import DualStackPool, EdgeLoopback, GuestAddresses, Pods, Subnets, TenantPool
from trellis.site.rest_api import RestApi
from trellis.site.routeros import Routeros
from trellis.site.scalars import (
    Asn,
    Digest,
    InterfaceName,
    Mac,
    Mtu,
    Name,
    OspfCost,
    Prefix,
    Reason,
    SdnId,
    SecretName,
    Text,
    V4Interface,
    V6Interface,
    Vni,
)

PveVersion = Literal["8.4", "9.0", "9.1", "9.2"]
"""The Proxmox VE versions whose generated FRR configuration is known."""

FrrVersion = Literal["10.3", "10.7"]
"""The FRR versions whose printed form was measured: what Proxmox VE 9 ships, and Debian sid's."""


class Bfd(Noun):
    """Timers of Bidirectional Forwarding Detection (RFC 5880)."""

    interval_ms: Annotated[int, Field(ge=10, le=60000)] = 300
    """Transmit and receive interval in milliseconds, 10-60000 (FRR)."""
    multiplier: Annotated[int, Field(ge=2, le=255)] = 3
    """Missed packets until the session is down, 2-255 (FRR)."""

    @property
    def detection_ms(self) -> int:
        """How long a neighbour is silent until it is taken for dead, in milliseconds."""
        return self.interval_ms * self.multiplier


class Fabric(Noun):
    """What all hosts share: the ASN, the loopback ranges, timers, and what counts as infrastructure."""

    asn: Asn
    """The ASN of every host; sessions between them are iBGP."""
    loopbacks: DualStackPool
    """Where hosts have their loopbacks, each the address of its id; VXLAN and iBGP run between these."""
    infrastructure: tuple[Prefix, ...] = ()
    """Further prefixes that never leave to an edge or guest nor are accepted from one: links, management."""
    loopback_interface: InterfaceName = "dummy_underlay"
    """The device that has them; Trellis makes it, as a dummy interface."""
    keepalive_s: Annotated[int, Field(ge=1, le=21845)] = 10
    """Seconds between BGP keepalives, 1-21845; at most a third of the hold time (RFC 4271)."""
    hold_time_s: Annotated[int, Field(ge=3, le=65535)] = 30
    """BGP hold time in seconds, 3-65535 (RFC 4271: zero or at least three; zero is not offered)."""
    bfd: Bfd = Bfd()
    """On links, where OSPF is told of a cut."""
    multihop_bfd: Bfd = Bfd(multiplier=5)
    """Between loopbacks (RFC 5883), under the sessions of hosts with each other and with edges.

    Slower than on links, so that a session outlives a cut that OSPF finds a way around; never faster than that.
    """
    guest_bfd: Bfd = Bfd()
    """Between hosts and guests."""
    mark_asn: Annotated[int, Field(ge=64512, le=65534)] = 65000
    """First half of the standard communities that filters decide on; private, because the fabric's ASN has 32 bits."""
    full_mesh_limit: Annotated[int, Field(ge=2, le=128)] = 16
    """Up to this many hosts iBGP is a full mesh; above it the hosts of ``route_reflectors`` reflect."""
    route_reflectors: tuple[Name, ...] = ()
    """The hosts that pass iBGP routes on to the others; needed above ``full_mesh_limit``."""
    md5: SecretName | None = None
    """The secret that signs every iBGP session between hosts (TCP MD5, RFC 2385); none means unsigned."""


class Proxmox(Noun):
    """The Proxmox VE cluster: where its API is, and the id of the one EVPN controller."""

    endpoint: Endpoint
    """Where its API answers."""
    controller: SdnId = "evpn"
    """What the EVPN controller is called; a cluster has one."""


class Ssh(Noun):
    """How a host is reached: address, port, user and the pinned host key (there is no way to leave it out)."""

    address: SshAddress
    """Where SSH answers on it."""
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    """TCP port, 1-65535."""
    user: UserName = "trellis"
    """Who deploys there; `trellis install` makes it, and sudo lets it run the agent, nothing else."""
    host_key: HostKey
    """The key that it has to show; a host with another one is not talked to."""


class Host(Noun):
    """A hypervisor (``pve``) or a plain FRR router (``frr``)."""

    id: Annotated[int, Field(ge=1, le=999)]
    """1-999; the host's loopbacks are this number in the fabric's pools, which have to hold it."""
    kind: Literal["pve", "frr"] = "pve"
    """``pve``: Proxmox writes frr.conf and merges ours into it; ``frr``: all of frr.conf is ours."""
    pve_version: PveVersion | None = None
    """Its Proxmox VE, of which follows what Proxmox generates there; required for ``pve``."""
    frr_version: FrrVersion
    """Its FRR, as major.minor; a host that runs another one is refused."""
    ssh: Ssh
    """How it is reached."""
    maintenance: Reason | None = None
    """Why the host is left out of every run; it stays part of the fabric, and of the other hosts' configuration."""
    replaces: Digest | None = None
    """What of the host's own earlier configuration a first deploy may replace, as ``trellis adopt`` prints it."""


class LinkEnd(Noun):
    """One end of a link: the interface there and its own addresses (configured on the host, not by us)."""

    interface: InterfaceName
    """The interface's name there."""
    ipv4: V4Interface | None = None
    """Its own IPv4 address with its length."""
    ipv6: V6Interface | None = None
    """Its own IPv6 address with its length."""


class Link(Noun):
    """A wire of the underlay: a point-to-point mesh link between two, or a broadcast segment of several."""

    kind: Literal["point-to-point", "segment"] = "point-to-point"
    """``point-to-point``: between two ends; ``segment``: a broadcast network of several."""
    cost: OspfCost = 10
    """OSPF's cost of each interface on it."""
    mtu: Mtu = 1500
    """Bytes of an IP packet that it carries; the outer packets of VXLAN have to fit."""
    ends: dict[Name, LinkEnd]
    """By name of the host or edge at that end."""


class Edge(Noun):
    """A router towards the rest of the world; the hosts speak eBGP multihop with its loopbacks."""

    kind: Literal["routeros", "frr"] = "routeros"
    """Whose configuration its filters are written in: RouterOS 7, or a Linux router with FRR and nftables."""
    asn: Asn
    """Its ASN, other than the fabric's."""
    loopback: EdgeLoopback
    """The addresses that hosts have their sessions with."""
    max_hops: Annotated[int, Field(ge=2, le=255)] = 5
    """TTL of the eBGP multihop session, 2-255."""
    accepts: tuple[Prefix, ...] = ()
    """What is accepted from it beside the default, exactly these prefixes; it enters the VRFs too (R4)."""
    md5: SecretName | None = None
    """The secret that signs every session with it (TCP MD5, RFC 2385); none means unsigned."""
    rest_api: RestApi | None = None
    """Where `trellis prefixes` asks it what is delegated; the program never does."""
    routeros: Routeros | None = None
    """What an edge of kind routeros has of its own; defaults where nothing is said."""


class Zone(Noun):
    """An EVPN zone, which is one VRF."""

    id: Annotated[int, Field(ge=1, le=4000)]
    """1-4000; the L3VNI is 4095 + id."""
    vtep: Literal["ipv4", "ipv6"] = "ipv4"
    """The family of the outer packets of VXLAN: ``ipv4`` costs 50 bytes, ``ipv6`` 70 and needs FRR 10.7."""
    mtu: Mtu = 1450
    """Bytes of an IP packet in the zone, before VXLAN is added."""
    nodes: tuple[Name, ...] = ()
    """The hosts that carry the zone; none named means all."""
    shared: bool = False
    """Whether several tenants may share this VRF; they are then not isolated from each other."""
    exit_nodes: tuple[Name, ...] = ()
    """Always empty: Proxmox generates unfiltered imports for exit nodes (R4, R5), and this is refused."""
    advertise_subnets: bool = False
    """Always false: Proxmox would advertise without a filter (R4, R5), and this is refused."""


class Vnet(Noun):
    """A VNet: one VXLAN segment of a tenant in a zone."""

    zone: SdnId
    """The zone that it is in."""
    tenant: Name
    """The tenant that it belongs to."""
    vni: Vni | None = None
    """By default 10000 + the tenant's id."""
    alias: Text = ""
    """A description, shown by Proxmox."""
    subnets: Subnets
    """Its subnets, each with a gateway."""
    guest_bgp: GuestBgp | None = None
    """The policy for guests of this VNet, whole, in place of its tenant's."""
    delegation: Delegation | None = None
    """Where its global IPv6 prefix comes from; without it, it has none."""
    router_advertisements: RouterAdvertisements | None = None
    """What hosts tell guests by router advertisements; without it nothing is offered (R13)."""


class Tenant(Noun):
    """A tenant: who owns VNets and guests, and what its guests may announce."""

    id: Annotated[int, Field(ge=100, le=9999)]
    """100-9999; the VNI of its VNet is 10000 + id."""
    loopbacks: TenantPool | None = None
    """Where its guests have their loopbacks, each the address of its suffix; without it they have none."""
    guest_bgp: GuestBgp = GuestBgp()
    """The policy for BGP sessions of its guests."""


Speaker = Literal["frr", "bird2", "talos-native"]
Resilience = Literal["fast_failure", "restart"]


class Attachment(Noun):
    """What guests and cluster nodes have in common: where they are attached and how they speak."""

    host: Name
    """The host that it starts on."""
    placement: tuple[Name, ...] = ()
    """The hosts that it may run on; none named means all of its zone."""
    mac: Mac
    """The address of its network card on the VNet."""
    addresses: GuestAddresses | None = None
    """Its addresses on the VNet, in place of those of its suffix."""
    loopback: GuestAddresses | None = None
    """Its loopbacks, in place of those of its suffix."""
    asn: Asn | None = None
    """Its ASN, of the range that its policy allows, in place of the one of its ids."""
    resilience: Resilience = "fast_failure"
    """``fast_failure``: BFD, a dead process is an outage; ``restart``: graceful restart of at most 30 s, no BFD."""
    vmid: Annotated[int, Field(ge=100, le=999999999)] | None = None
    """Its number in Proxmox, 100-999999999: ties its MAC to the port of that name (``tap<vmid>i<nic>``)."""
    nic: Annotated[int, Field(ge=0, le=31)] = 0
    """Which of its network cards is on the VNet, 0-31 (``net<nic>`` in Proxmox)."""
    global_address: Literal["none", "static", "slaac"] = "none"
    """``static``: it has, beside its own, the address with the same last 64 bits of the prefix that is delegated to its
    VNet, as its configuration says.  ``slaac``: it makes an address of each such prefix itself, as advertisements say,
    so that a new prefix needs no new configuration; its way out stays BGP's."""


class Guest(Attachment):
    """A guest that is not part of a cluster."""

    vnet: SdnId
    """The VNet that it is on."""
    suffix: Annotated[int, Field(ge=1, le=999)]
    """1-999; the ASN is 4200000000 + tenant id x 1000 + suffix, and addresses end in it."""
    speaker: Speaker = "frr"
    """What speaks BGP there."""
    announces: tuple[Prefix, ...] = ()
    """Further host routes that it may announce, beside its loopbacks."""


class Node(Attachment):
    """A node of a cluster."""

    role: Literal["controlplane", "worker"]
    """``controlplane`` nodes share the cluster's ``vip``."""
    suffix: Annotated[int, Field(ge=11, le=99)]
    """11-19 for control planes, 21-99 for workers."""
    global_address: Literal["none", "static"] = "none"
    """As a guest's; who forwards for pods, as nodes do, makes none from advertisements."""
    pod_block: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Which block of the cluster's pod pool is this node's, from 0; none means any block of the pool."""


class Cluster(Noun):
    """A Kubernetes cluster whose nodes are guests of one VNet."""

    id: Annotated[int, Field(ge=1, le=84966)]
    """1-84966; the ASN of a node is 4210000000 + id x 1000 + suffix."""
    vnet: SdnId
    """The VNet that its nodes are on."""
    speaker: Speaker = "bird2"
    """What speaks BGP on each node."""
    pods: Pods = Pods()
    """Its pods' ranges."""
    services: TenantPool | None = None
    """Range of addresses that services have for the outside; nodes announce host routes out of it."""
    vip: GuestAddresses | None = None
    """An address of the VNet that the control planes share: one has it at a time, by ARP and neighbour discovery."""
    talos: Talos | None = None
    """How the nodes' machine configurations are written; without it nodes are plain VMs."""
    cilium: Cilium | None = None
    """How Cilium speaks to the node's speaker; without it only the speaker announces pods."""
    nodes: dict[Name, Node]
    """Its nodes, by name."""


class Leak(Noun):
    """Two zones that may reach each other; no other zones do (R12)."""

    between: tuple[SdnId, ...]
    """The two zones."""
    prefixes: tuple[Prefix, ...] = ()
    """Which of either zone's prefixes take part; a zone of which none is named takes part with all of its own."""


class Service(Noun):
    """What guests may reach beside other guests, by an entry of ``firewall``: a service of hosts or infrastructure."""

    vnets: tuple[SdnId, ...]
    """The VNets whose guests may."""
    protocol: Literal["tcp", "udp"]
    """The transport."""
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...]
    """Destination ports, 1-65535."""
    to: tuple[Prefix, ...] = ()
    """Prefixes of the infrastructure; none named means the guest's host, by its gateway addresses."""


class Rollout(Noun):
    """In which order hosts are changed, and what becomes of those that are done when a later one fails."""

    canary: Name | None = None
    """The host that goes first, alone; by default the one with the lowest id that is not in maintenance."""
    batch_size: Annotated[int, Field(ge=1, le=128)] = 1
    """How many of the other hosts are changed at once, 1-128."""
    on_failure: Literal["keep", "roll_back"] = "keep"
    """``keep``: hosts that are done stay so; ``roll_back``: none is confirmed before all of the run have applied."""
    confirm_within_s: Annotated[int, Field(ge=10, le=600)] = 60
    """Seconds until a host that got no confirmation takes its change back by itself, 10-600 (for each batch if
    ``roll_back``)."""
    sessions_within_s: Annotated[int, Field(ge=5, le=600)] = 60
    """Seconds until sessions that were up are up again, or the host takes its change back, 5-600."""


class Site(Noun):
    """The whole of what Trellis is told."""

    name: Name
    """What the site is called."""
    fabric: Fabric
    """What all hosts share."""
    proxmox: Proxmox | None = None
    """The Proxmox cluster; required where a host is a ``pve``."""
    hosts: Annotated[dict[Name, Host], Field(min_length=1)]
    """The hosts, by name."""
    rollout: Rollout = Rollout()
    """In which order hosts are changed."""
    links: dict[Name, Link] = {}
    """The underlay's wires, by name."""
    edges: dict[Name, Edge] = {}
    """The edge routers, by name."""
    zones: dict[SdnId, Zone] = {}
    """The zones, by their ids in Proxmox."""
    tenants: dict[Name, Tenant] = {}
    """The tenants, by name."""
    vnets: dict[SdnId, Vnet] = {}
    """The VNets, by their ids in Proxmox."""
    guests: dict[Name, Guest] = {}
    """The guests that are not part of a cluster, by name."""
    clusters: dict[Name, Cluster] = {}
    """The Kubernetes clusters, by name."""
    leaks: dict[Name, Leak] = {}
    """Which zones may reach each other, by a name for each pair."""
    firewall: dict[Name, Service] = {}
    """What guests may reach of hosts and infrastructure, by a name for each service."""
    delegated: dict[SdnId, VnetPrefixes] = {}
    """What the prefix file says, by VNet; it never stands in a stack file (``trellis.site.delegated``)."""
