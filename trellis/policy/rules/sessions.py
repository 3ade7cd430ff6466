"""Rules over sessions: BGP's and BFD's timers, who is watched by BFD, who signs, and how hosts are changed."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.plan import Plan, names
from trellis.plan.model import BfdProfile
from trellis.policy import parameters
from trellis.policy.found import Found, above, below

_BFD_AT = {
    names.LINK_BFD: "fabric.bfd",
    names.MULTIHOP_BFD: "fabric.multihop_bfd",
    names.GUEST_BFD: "fabric.guest_bfd",
}
"""Where in the site the timers of a BFD profile stand."""


def least_bgp_timers(plan: Plan, given: parameters.LeastBgpTimers) -> Iterator[Found]:
    """Yield timers of BGP that are shorter than they may be."""
    instances = [instance for host in plan.hosts for instance in host.bgp]
    for keepalive_s in {instance.keepalive_s for instance in instances}:
        yield from below("fabric.keepalive_s", keepalive_s, given.keepalive_s, "s")
    for hold_time_s in {instance.hold_time_s for instance in instances}:
        yield from below("fabric.hold_time_s", hold_time_s, given.hold_time_s, "s")


def least_bfd_timers(plan: Plan, given: parameters.LeastBfdTimers) -> Iterator[Found]:
    """Yield timers of BFD that are shorter than they may be."""
    for place, profile in _profiles(plan):
        yield from below(f"{place}.interval_ms", profile.interval_ms, given.interval_ms, "ms")
        yield from below(f"{place}.multiplier", profile.multiplier, given.multiplier)


def slowest_detection(plan: Plan, given: parameters.SlowestDetection) -> Iterator[Found]:
    """Yield where BFD takes longer than it may to tell that a neighbour is gone.

    Between loopbacks it is not what tells: who is gone is out of OSPF as soon as the links are.
    """
    for place, profile in _profiles(plan):
        takes_ms = profile.interval_ms * profile.multiplier
        if takes_ms > given.detection_ms and profile.name != names.MULTIHOP_BFD:
            said = f"{profile.interval_ms} ms x {profile.multiplier}, which is {takes_ms} ms"
            remedy = f"lower {place}.interval_ms or {place}.multiplier"
            yield Found(place, said, f"at most {given.detection_ms} ms", remedy)


def bfd_with_guests(plan: Plan, given: parameters.BfdWithGuests) -> Iterator[Found]:
    """Yield policies for guests that leave BFD out although a guest of theirs wants it, or anybody may speak."""
    del given
    waiting = {one.guest.vnet for one in plan.guests if one.guest.resilience == "fast_failure"}
    for vnet in plan.vnets:
        if vnet.peering is None or vnet.peering.bfd:
            continue
        if vnet.name in waiting or vnet.peering.mode == "open":
            place = f"{vnet.policy_path}.bfd"
            yield Found(place, "false", "true", f"set {place}: true, or remove it")


def fast_failure_only(plan: Plan, given: parameters.FastFailureOnly) -> Iterator[Found]:
    """Yield guests whose routes outlive them."""
    del given
    for one in plan.guests:
        if one.guest.resilience != "fast_failure":
            place = f"{one.guest.path}.resilience"
            yield Found(place, one.guest.resilience, "fast_failure", f"set {place}: fast_failure, or remove it")


def signed_sessions(plan: Plan, given: parameters.SignedSessions) -> Iterator[Found]:
    """Yield sessions that are to be signed and are not."""
    unsigned = [f"edges.{edge.name}.md5" for edge in plan.edges if edge.md5 is None and "edges" in given.sessions]
    if "hosts" in given.sessions and any(_unsigned_group(plan)):
        unsigned.append("fabric.md5")
    if "guests" in given.sessions:
        heard = [vnet for vnet in plan.vnets if vnet.peering is not None and vnet.peering.md5 is None]
        unsigned += [f"{vnet.policy_path}.md5" for vnet in heard]
    for place in unsigned:
        remedy = "name a secret there, and give its value: `pulumi config set --secret --path 'trellis:secrets.NAME'`"
        yield Found(place, "nothing", "the name of a secret", remedy)


def _unsigned_group(plan: Plan) -> Iterator[bool]:
    """Yield whether each peer-group of the global instances is unsigned; its members are other hosts."""
    if len(plan.hosts) > 1:
        for host in plan.hosts:
            yield from (one.md5 is None for one in host.bgp[0].sessions if one.is_group)


def largest_batch(plan: Plan, given: parameters.LargestBatch) -> Iterator[Found]:
    """Yield a rollout that changes more hosts at once than it may."""
    largest = max((len(batch) for batch in plan.rollout.batches), default=0)
    yield from above("rollout.batch_size", largest, given.hosts, "hosts")


def _profiles(plan: Plan) -> Iterator[tuple[str, BfdProfile]]:
    """Yield the BFD profiles of all hosts, each once, with the place of its timers."""
    for profile in sorted({own for host in plan.hosts for own in host.bfd_profiles}, key=lambda own: own.name):
        yield _BFD_AT[profile.name], profile
