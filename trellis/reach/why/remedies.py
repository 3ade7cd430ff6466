"""What of the site would let a refused route pass, and the rule that it breaks; honest where nothing would."""

from __future__ import annotations

from ipaddress import ip_network

from trellis.plan.model import GuestPlan, VnetPlan
from trellis.plan.peering import PeeringPlan
from trellis.reach.fabric import Fabric, Network, address_of
from trellis.reach.known import Known
from trellis.reach.reasons import Code
from trellis.reach.why.question import Question

_INFRASTRUCTURE = "nothing of the site: what is the fabric's is never a guest's; take it off the guest"
_DEFAULT = "nothing of the site: guests are told a default and bring none; take it off the guest"


def of_prefix(fabric: Fabric, known: Known, asked: Question, code: Code) -> tuple[str, str]:
    """Return the rule that a refused prefix breaks, and the remedy.

    Args:
        fabric: The fabric.
        known: Its guests and VNets.
        asked: The route.
        code: Why it is refused.
    """
    if code == Code.DEFAULT_ROUTE:
        return "R7", _DEFAULT
    if code == Code.INFRASTRUCTURE:
        return "R5", _INFRASTRUCTURE
    if asked.planned is None:
        return "R7", _of_open(fabric, known, asked, code)
    return "R7", _of_bound(fabric, known, asked, asked.planned, code)


def of_path(fabric: Fabric, asked: Question, code: Code) -> str:
    """Return what would let a refused AS path pass.

    Args:
        fabric: The fabric.
        asked: The route.
        code: Why it is refused.
    """
    infrastructure = [asn for asn in asked.path if asn in fabric.plan.infrastructure_asns]
    if infrastructure:
        return f"nothing of the site: have the guest take AS {infrastructure[0]} off its path"
    policy = asked.vnet.peering
    if asked.planned is not None or policy is None:
        return "have the guest take that ASN off its path"
    where = f"{asked.vnet.policy_path}.asns"
    owned = [asn for asn in asked.path if asn in policy.owned_asns]
    if owned:
        return f"have it use an ASN of {policy.first_asn}-{policy.last_asn} that no declared guest has"
    what = "speak with" if code == Code.ASN else "have on its path only"
    return f"have it {what} ASNs of {policy.first_asn}-{policy.last_asn}, or widen {where}"


def _of_bound(fabric: Fabric, known: Known, asked: Question, planned: GuestPlan, code: Code) -> str:
    guest, prefix = planned.guest, asked.route.prefix
    owner = known.owner(prefix)
    if owner not in (None, guest.name):
        theirs = fabric.guests[str(owner)].guest.path
        return f"nothing while it is {owner}'s: take it from {theirs}, or have {owner} announce it"
    if code in (Code.TOO_LONG, Code.TOO_SHORT):
        return _of_length(planned, prefix)
    if (pods := _cluster_pods(fabric, planned, prefix)) is not None:
        return pods
    if gateway := _gateway_in(asked.vnet, prefix):
        return f"nothing of the site: {gateway} is the gateway of {asked.vnet.name}, which every host has"
    if _within(prefix, asked.vnet.subnets):
        return _as_announced(asked, planned)
    return _of_nobody(asked, planned)


def _of_nobody(asked: Question, planned: GuestPlan) -> str:
    """Return what is to be done about a prefix that is in no range of a guest's VNet."""
    guest, prefix = planned.guest, asked.route.prefix
    if prefix.prefixlen == prefix.max_prefixlen and _within(prefix, asked.vnet.loopbacks):
        return f"make it {guest.name}'s loopback: {guest.path}.loopback, or a suffix that gives it"
    own = "its loopbacks and what it `announces` of its VNet"
    if guest.cluster is not None:
        own = f"its loopbacks, its pods and services of clusters.{guest.cluster}"
    return f"nothing of {guest.name}'s entry: it may announce {own}, and {prefix} is none of that"


def _of_length(planned: GuestPlan, prefix: Network) -> str:
    guest, family = planned.guest, "ipv4" if prefix.version == 4 else "ipv6"
    lengths = [pod.prefixlen for pod in guest.pods if pod.version == prefix.version]
    lengths += [length for pool, length in guest.pod_pools if pool.version == prefix.version]
    related = [pod for pod in (*guest.pods, *(pool for pool, _ in guest.pod_pools)) if _related(pod, prefix)]
    if related and guest.cluster is not None:
        node = f"clusters.{guest.cluster}.pods.{family}.node_length"
        return f"announce exactly the node's /{lengths[0]} (incident I4), or change {node} for all nodes"
    if any(_related(pool, prefix) for pool in guest.services):
        return f"announce services of clusters.{guest.cluster}.services as host routes"
    return f"announce exactly what {guest.name} is bound to"


def _cluster_pods(fabric: Fabric, planned: GuestPlan, prefix: Network) -> str | None:
    """Return what is to be done about pods of a node's cluster that are not the node's."""
    guest = planned.guest
    cluster = next((found for found in fabric.plan.clusters if found.name == guest.cluster), None)
    if cluster is None or not _within(prefix, tuple(pool for pool, _ in cluster.pods)):
        return None
    own = ", ".join(str(pod) for pod in guest.pods if pod.version == prefix.version)
    return f"announce {guest.name}'s own pods ({own}), or give it that block: {guest.path}.pod_block"


def _as_announced(asked: Question, planned: GuestPlan) -> str:
    guest, prefix, policy = planned.guest, asked.route.prefix, asked.vnet.peering
    if guest.cluster is not None:
        return f"nothing of {guest.name}'s entry: nodes announce loopbacks, pods and services; declare a guest for it"
    shortest, longest = _lengths(policy, prefix)
    if shortest <= prefix.prefixlen <= longest:
        return f"{guest.path}.announces: [{_quoted(prefix)}]"
    widen = _widened(asked.vnet.policy_path, prefix, shortest)
    return f"{widen}, and {guest.path}.announces: [{_quoted(prefix)}]"


def _of_open(fabric: Fabric, known: Known, asked: Question, code: Code) -> str:
    vnet, prefix = asked.vnet, asked.route.prefix
    if code == Code.NOT_THIS_GUESTS:
        owner = known.owner(prefix)
        if owner is None:
            return f"nothing of the site: it is the gateway's of {vnet.name}, or inside of it"
        theirs = fabric.guests[owner].guest.path
        return f"nothing while it is {owner}'s: have {owner} announce it, or take it from {theirs}"
    if code == Code.OUTSIDE_RANGE or (code == Code.TOO_SHORT and not _within(prefix, _ranges(vnet))):
        return (
            f"announce prefixes of {', '.join(_ranges(vnet))}, or widen tenants.{vnet.tenant}.loopbacks; "
            "what else it shall have, declare as a guest's"
        )
    return _widened(vnet.policy_path, prefix, _lengths(vnet.peering, prefix)[0])


def _widened(policy: str, prefix: Network, shortest: int) -> str:
    """Return which bound of a policy's lengths a prefix is beyond, with the value that would hold it."""
    which = "shortest" if prefix.prefixlen < shortest else "longest"
    family = "ipv4" if prefix.version == 4 else "ipv6"
    return f"{policy}.prefix_lengths.{family}.{which}: {prefix.prefixlen}"


def _lengths(policy: PeeringPlan | None, prefix: Network) -> tuple[int, int]:
    if policy is None:
        return prefix.max_prefixlen, prefix.max_prefixlen
    return policy.lengths[0 if prefix.version == 4 else 1]


def _ranges(vnet: VnetPlan) -> tuple[str, ...]:
    return vnet.peering.ranges if vnet.peering is not None else ()


def _gateway_in(vnet: VnetPlan, prefix: Network) -> str | None:
    found = (gateway for gateway in vnet.every_gateway if address_of(gateway).version == prefix.version)
    return next((gateway for gateway in found if address_of(gateway) in prefix), None)


def _within(prefix: Network, ranges: tuple[str, ...]) -> bool:
    known = (ip_network(outer) for outer in ranges)
    return any(outer.version == prefix.version and prefix.subnet_of(outer) for outer in known)  # type: ignore[arg-type]


def _related(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _quoted(prefix: Network) -> str:
    """Return a prefix as YAML has it in a list: with quotes where a colon would be read as a key's."""
    return f'"{prefix}"' if prefix.version == 6 else str(prefix)
