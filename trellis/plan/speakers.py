"""What a guest's own speaker does: the one session with its gateway, what it says there and what it takes.

The host's side of the same session stands in ``guest_sessions``; the text for each speaker in ``trellis.render``.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.plan.peering import PeeringPlan
from trellis.site.model import Resilience, Site, Speaker
from trellis.site.resolved import AttachedGuest, peering_policy

GRACEFUL_RESTART_S = 30
"""Seconds that a gateway keeps the routes of a ``restart`` guest while its speaker is away (design, section 4)."""


@dataclass(frozen=True, slots=True)
class Range:
    """Prefixes within one, of an inclusive range of lengths; a prefix itself where both are its own."""

    prefix: str
    shortest: int
    longest: int

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.prefix else 4

    @property
    def exact(self) -> bool:
        """Whether it is the prefix itself and no other."""
        return self.shortest == self.longest == int(self.prefix.partition("/")[2])


@dataclass(frozen=True, slots=True)
class SpeakerPlan:
    """The speaker of one guest.

    Attributes:
        address: Its primary IPv6 address, from which it speaks whatever else it has (R9).
        loopbacks: Addresses that it has on its loopback, as host routes.
        own: Host routes and pods that it announces, as soon as they are there.
        pods: Those of ``own`` that no address of its own stands for: it is a router to them.
        announces: All that may leave it, ``own`` among them (R7).
        imports: What it takes: the defaults, and peers' loopbacks where the tenant exports them.
        bfd: Interval in milliseconds and multiplier; None without BFD.
        graceful_restart_s: Restart time in seconds; None without graceful restart.
        md5: Name of the secret that signs its session; the text holds a placeholder.
        cilium: Whether Cilium on the same node hands it routes over a session on ::1.
    """

    guest: str
    kind: Speaker
    resilience: Resilience
    asn: int
    router_id: str
    address: str
    gateway: str
    gateway_asn: int
    keepalive_s: int
    hold_time_s: int
    loopbacks: tuple[str, ...]
    own: tuple[str, ...]
    pods: tuple[str, ...]
    announces: tuple[Range, ...]
    imports: tuple[Range, ...]
    bfd: tuple[int, int] | None
    graceful_restart_s: int | None
    md5: str | None
    cilium: bool


def speaker_plan(site: Site, guest: AttachedGuest, policy: PeeringPlan) -> SpeakerPlan:
    """Return what a guest's speaker does.

    Args:
        site: The site.
        guest: The guest.
        policy: The policy of its VNet.
    """
    timers = site.fabric.guest_bfd
    with_bfd = guest.resilience == "fast_failure" and policy.bfd
    cluster = site.clusters[guest.cluster] if guest.cluster is not None else None
    return SpeakerPlan(
        guest=guest.name,
        kind=guest.speaker,
        resilience=guest.resilience,
        asn=guest.asn,
        router_id=str(guest.router_id),
        address=str(guest.ipv6),
        gateway=str(site.vnets[guest.vnet].subnets.ipv6.gateway),
        gateway_asn=site.fabric.asn,
        keepalive_s=site.fabric.keepalive_s,
        hold_time_s=site.fabric.hold_time_s,
        loopbacks=tuple(map(str, guest.loopbacks)),
        own=tuple(map(str, (*guest.loopbacks, *guest.extra, *guest.pods))),
        pods=tuple(map(str, guest.pods)),
        announces=_announces(guest),
        imports=_imports(site, guest),
        bfd=(timers.interval_ms, timers.multiplier) if with_bfd else None,
        graceful_restart_s=GRACEFUL_RESTART_S if guest.resilience == "restart" else None,
        md5=policy.md5,
        cilium=cluster is not None and cluster.cilium is not None,
    )


def _announces(guest: AttachedGuest) -> tuple[Range, ...]:
    own = (*guest.loopbacks, *guest.extra, *guest.pods)
    return (
        *(Range(str(prefix), prefix.prefixlen, prefix.prefixlen) for prefix in own),
        *(Range(str(pool), length, length) for pool, length in guest.pod_pools),
        *(Range(str(pool), pool.max_prefixlen, pool.max_prefixlen) for pool in guest.services),
    )


def _imports(site: Site, guest: AttachedGuest) -> tuple[Range, ...]:
    """Return the defaults, and the ranges of the tenant's loopbacks where guests are told them (R10)."""
    pools = site.tenants[guest.tenant].loopbacks
    told = pools is not None and peering_policy(site, guest.vnet).export_peer_loopbacks
    ranges = [pool for pool in (pools.ipv4, pools.ipv6) if pool is not None] if pools is not None and told else []
    return (
        Range("0.0.0.0/0", 0, 0),
        Range("::/0", 0, 0),
        *(Range(str(pool), pool.max_prefixlen, pool.max_prefixlen) for pool in ranges),
    )
