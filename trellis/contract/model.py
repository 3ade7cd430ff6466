"""The document's shape, typed: a cluster, its nodes, and guests that are in none.

ASNs are text: a number crosses a stack reference as a double, and 4210101011 comes back as 4210101011.0.  Keys may be
added within a version, so a reader passes over what it does not know; whatever else changes has another version.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Literal[2] = 2
"""Version 1 had neither the texts that a node boots from nor what a cluster shares."""

Asn = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,9}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SpeakerKind = Literal["bird2", "frr", "talos-native"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", use_attribute_docstrings=True)


class Gateway(_Part):
    """The other end of the one session of each node: the anycast gateway of its VNet, the same on every host."""

    asn: Asn
    ipv4: str | None
    """The IPv4 default gateway; no session: IPv4 routes come over the one of IPv6."""
    ipv6: str
    """The neighbour of the node's speaker, and the IPv6 default gateway."""


class NetworkCard(_Part):
    """The card by which a guest is on its VNet, as Proxmox and the guest's operating system are to have it."""

    mac: str
    vmid: int | None
    """The number of the virtual machine in Proxmox, where the site says it."""
    nic: int
    """Which of its cards it is: ``net<nic>`` in Proxmox."""
    name: str | None
    """What the operating system calls it, where the site says it."""
    mtu: int
    addresses: tuple[str, ...]
    """Its own addresses with the lengths of their subnets, IPv4 first."""
    gateways: tuple[str, ...]
    """The gateways, in the order of the addresses."""
    shared: tuple[str, ...]
    """Addresses that it has in turn with the other control planes of its cluster."""


class SpeakerConfig(_Part):
    """The configuration of a speaker, for a machine that gets it by itself."""

    kind: Literal["bird2", "frr"]
    text: str
    """``bird.conf`` or ``frr.conf``."""


class Attached(_Part):
    """A guest or a node on its VNet: who it is, what it speaks, and what is bound to it."""

    name: str
    role: Literal["controlplane", "worker", "guest"]
    tenant: str
    vnet: str
    host: str
    """The host that it starts on."""
    placement: tuple[str, ...]
    """The hosts that it may run on; each of them has its session."""
    asn: Asn
    router_id: str
    addresses: tuple[str, ...]
    """Its own addresses, IPv4 first; the last is IPv6, from which it speaks, and is always there."""
    loopbacks: tuple[str, ...]
    """Host routes of its loopbacks, IPv4 first."""
    pods: tuple[str, ...]
    """Pod prefixes that are bound to it; none where any block of its cluster's pools may be its own."""
    announces: tuple[str, ...]
    """Further prefixes that it may announce."""
    speaker: SpeakerKind
    resilience: Literal["fast_failure", "restart"]
    gateway: Gateway
    card: NetworkCard


class Guest(Attached):
    """A guest that is in no cluster; one that speaks ``talos-native`` is configured elsewhere and has no texts."""

    speaker_config: SpeakerConfig | None
    user_data: str | None
    """Cloud-init user-data with the speaker and its configuration."""
    digest: Digest | None
    """SHA-256 of ``user_data`` with the placeholders of its secrets; it tells of a change and of no value."""


class Node(Attached):
    """A node of a cluster; it boots from ``patch`` where the cluster runs Talos, else from ``user_data``."""

    role: Literal["controlplane", "worker"]
    patch: str | None
    """Strategic-merge patch of its Talos machine configuration, one or more YAML documents."""
    speaker_config: SpeakerConfig | None
    user_data: str | None
    digest: Digest
    """SHA-256 of what it boots from with the placeholders of its secrets; it tells of a change and of no value."""


class PodPool(_Part):
    """A range of pod addresses, and the length of each node's part of it."""

    pool: str
    node_length: int


class Cluster(_Part):
    """A cluster, all that its bootstrap needs."""

    schema_version: Literal[2]
    cluster: str
    tenant: str
    vnet: str
    fabric_asn: Asn
    gateway: Gateway
    endpoint: str | None
    """URL of the Kubernetes API: the shared address, else the first control plane; none without a control plane."""
    endpoints: tuple[str, ...]
    """The IPv6 address of each control plane, for ``talosctl``; never the shared one, which etcd has to be up for."""
    vip: tuple[str, ...]
    """Addresses that the control planes share, IPv4 first."""
    controlplanes: tuple[str, ...]
    """Names of the control planes, in the order of their bootstrap."""
    workers: tuple[str, ...]
    nodes: dict[str, Node]
    pods: tuple[PodPool, ...]
    """IPv4 first."""
    services: tuple[str, ...]
    """Ranges of service addresses that the fabric takes host routes of, IPv4 first."""
    talos_release: str | None
    patch: str | None
    """Strategic-merge patch that all nodes share, where the cluster runs Talos."""
    schematic: str | None
    """Image Factory schematic with the extension of the speaker, where the cluster runs Talos."""
    manifests: str | None
    """Cilium's BGP resources, YAML documents for ``kubectl apply``, where the cluster has Cilium."""
    secrets: tuple[str, ...]
    """Names of the secrets whose values stand in the texts; the stack's output is secret where there are any."""
