"""The session that a guest's routes come by: whether a host hears that address, with that ASN, that many prefixes."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from trellis.plan.rules.speakers import Neighbour, listening
from trellis.reach.control import unicast_family
from trellis.reach.fabric import FAMILY, Fabric, Version, address_of
from trellis.reach.known import Party, known
from trellis.reach.routes import Announcements
from trellis.reach.why.model import Entry, Step
from trellis.reach.why.question import Question


@dataclass(frozen=True, slots=True)
class Heard:
    """A session that a host accepts: its neighbour or the group that it joins, and whose it is."""

    neighbour: Neighbour
    party: Party


def session(fabric: Fabric, asked: Question) -> tuple[Step, Heard | None]:
    """Return whether the session comes up and stays, and what its host knows of it then.

    Args:
        fabric: The fabric.
        asked: The route.
    """
    version: Version = 4 if asked.route.prefix.version == 4 else 6
    bound = Announcements(fabric).neighbours(asked.host, asked.vnet.zone, version).get(asked.address)
    found, listens = (bound, None) if bound is not None else _listened(fabric, asked, version)
    party = known(fabric.plan).party(fabric.zones[asked.vnet.zone].vrf, asked.address)
    if found is None or party is None:
        return _unheard(asked), None
    heard = Heard(found, party)
    entry = _entry(found, listens, asked.address)
    stop = _wrong_asn(fabric, asked, found, entry) or _over_limit(asked, found, entry)
    if stop is not None:
        return stop, None
    return Step("session", asked.host.name, "passes", entry, _terms(asked, found)), heard


def _listened(fabric: Fabric, asked: Question, version: Version) -> tuple[Neighbour | None, str | None]:
    """Return what an address gets that a host accepts of a range, and the range."""
    vrf, address = fabric.zones[asked.vnet.zone].vrf, address_of(asked.address)
    for instance, prefix, neighbour in listening(asked.host):
        if instance.vrf == vrf and neighbour.family == unicast_family(version) and address in ip_network(prefix):
            return neighbour, prefix
    return None, None


def _entry(found: Neighbour, listens: str | None, address: str) -> Entry:
    if listens is not None:
        return Entry(f"bgp listen range {listens} peer-group {found.session.name}", found.session.name)
    expected = f"remote-as {found.session.remote_as}"
    return Entry(f"neighbor {address} {expected}, peer-group {found.session.group}", address)


def _terms(asked: Question, found: Neighbour) -> str:
    """Return what holds for the session, in words."""
    policy = asked.vnet.peering
    who = "bound" if asked.planned is not None else "open"
    family = FAMILY[asked.route.prefix.version].replace("ip", "IP")
    said = [f"{who}, AS {asked.asn}"]
    if found.maximum_prefixes is not None and policy is not None:
        now = f" ({asked.announced} now)" if asked.announced else ""
        said.append(
            f"at most {found.maximum_prefixes} accepted {family} prefixes{now}, else off {policy.penalty_min} min"
        )
    if policy is not None and policy.md5 is not None:
        said.append(f"signed with secret {policy.md5}")
    return "; ".join(said)


def _wrong_asn(fabric: Fabric, asked: Question, found: Neighbour, entry: Entry) -> Step | None:
    host, expected = asked.host.name, found.session.remote_as
    refused = "refused at OPEN (notification 2/2, bad peer AS)"
    if expected is not None and expected != asked.asn:
        path = asked.planned.guest.path if asked.planned is not None else asked.name
        own = f"one of its own it names by {path}.asn, within {asked.vnet.policy_path}.asns"
        why = f"AS {asked.asn} {refused}: {asked.name} is bound to AS {expected}"
        remedy: str | None = f"have its speaker use AS {expected}; {own}"
        return Step("session", host, "stops", entry, why, rule="R7", remedy=remedy)
    if found.session.external and asked.asn == fabric.plan.asn:
        policy = asked.vnet.peering
        remedy = f"have it use an ASN of {policy.first_asn}-{policy.last_asn}" if policy is not None else None
        why = f"AS {asked.asn} {refused}: it is the fabric's own"
        return Step("session", host, "stops", entry, why, rule="R8", remedy=remedy)
    return None


def _over_limit(asked: Question, found: Neighbour, entry: Entry) -> Step | None:
    limit, policy = found.maximum_prefixes, asked.vnet.peering
    if limit is None or policy is None or asked.announced <= limit:
        return None
    by = "the host's FRR" if asked.planned is not None else "the host's kernel"
    why = f"{asked.announced} prefixes are more than {limit}: {by} keeps it off for {policy.penalty_min} min"
    where = f"{asked.vnet.policy_path}.max_prefixes"
    needed = policy.max_prefixes + asked.announced - limit
    guest = asked.planned.guest if asked.planned is not None else None
    if guest is not None and guest.cluster is not None and not guest.services:
        remedy = f"have {guest.name} announce its loopbacks and its pods alone"
    else:
        remedy = f"{where}: {needed}, or have it announce less"
    text = Entry(f"{entry.text}, maximum-prefix {limit}", entry.name)
    return Step("session", asked.host.name, "stops", text, why, rule="R7", remedy=remedy)


def _unheard(asked: Question) -> Step:
    """Return why nobody on the host listens to an address."""
    policy, vnet = asked.vnet.policy_path, asked.vnet
    entry = Entry(f"no neighbor {asked.address}, and no bgp listen range that holds it")
    if vnet.peering is None:
        why, remedy = f"nobody is heard on {vnet.name}", f"{policy}.enabled: true"
    elif vnet.peering.mode == "bound":
        why = f"{vnet.name} is bound: declared guests are heard there and nobody else"
        remedy = f"declare who it is (guests.NAME with vnet {vnet.name} and this address), or {policy}.mode: open"
    else:
        why = f"hosts listen on {vnet.subnets[0]} alone"
        remedy = "have it speak from its address there"
    return Step("session", asked.host.name, "stops", entry, why, rule="R8", remedy=remedy)
