"""Attacks by who dials: with another's ASN, from another's address, from outside the range, with broken messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trellis.lab.attacks import dialling
from trellis.lab.attacks.wire import messages

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial

OWN = "fd00:200:fe::99/128"
"""What peggy may announce."""
UNKNOWN_ASN = "2/2"
"""Notification: OPEN message error, bad peer AS (RFC 4271)."""


def with_anothers_asn(trial: Trial) -> None:
    """Mallory with alice's ASN and the edge's, peggy with the fabric's."""
    bench = trial.bench
    bench.end_speakers("mallory")
    site = bench.twin.site
    edge = next(iter(site.edges.values())).asn
    tries = (
        ("mallory", "alice's", bench.place("alice").asn),
        ("mallory", "the edge's", edge),
        ("peggy", "the fabric's", site.fabric.asn),
    )
    trial.noted["tries"] = [
        (name, whose, dialling.dial(bench, name, dialling.asked(bench.place(name), {whose: []}, asn=asn)))
        for name, whose, asn in tries
    ]
    for name, whose, found in trial.noted["tries"]:
        trial.fact(f"{name} with {whose} ASN: {dialling.told(found)}")
    place = bench.place("mallory")
    said = bench.vtysh_json(place.host, f"show bgp vrf {place.vrf} neighbors {place.source} json")
    trial.fact(f"{place.host} wrote down: {said.get(place.source, {}).get('lastNotificationReason', 'nothing')}")


def opened(trial: Trial) -> str | None:
    """The proof: each had a connection, and was answered."""
    tries = trial.noted["tries"]
    if all(any(one.what == "connected" for one in found) for _, _, found in tries):
        return "; ".join(f"{name} connected and sent an OPEN with {whose} ASN" for name, whose, _ in tries)
    return None


def turned_away(trial: Trial) -> list[str]:
    """The end: no session came of it, and the answer was that of a wrong ASN."""
    problems = []
    for name, whose, found in trial.noted["tries"]:
        if any(one.what == "established" for one in found):
            problems.append(f"{name} has a session with {whose} ASN")
        elif not any(one.code == UNKNOWN_ASN for one in found):
            problems.append(f"{name} with {whose} ASN was not told why: {dialling.told(found)}")
    return problems


def from_outside(trial: Trial) -> None:
    """Dial from what is no address of the VNet, and dial another VNet's gateway."""
    bench = trial.bench
    bench.end_speakers("mallory")
    bench.inside("peggy", "ip address add fd00:99::1/128 dev lo 2>/dev/null; true")
    carol, mallory, peggy = bench.place("carol"), bench.place("mallory"), bench.place("peggy")
    loopback = "fd00:101:fe::66"
    tries = (
        ("peggy", "an address of nowhere", "fd00:99::1", peggy.gateway),
        ("mallory", "its loopback", loopback, mallory.gateway),
        ("mallory", "its address, to another VNet's gateway", mallory.source, carol.gateway),
    )
    # Mallory's kernel has lost the default that its speaker had learned.
    bench.inside("mallory", f"ip -6 route replace default via {mallory.gateway} dev eth0")
    trial.noted["tries"] = [
        (
            name,
            how,
            dialling.dial(bench, name, dialling.asked(bench.place(name), {how: []}, source=source, gateway=gateway)),
        )
        for name, how, source, gateway in tries
    ]
    for name, how, found in trial.noted["tries"]:
        trial.fact(f"{name} from {how}: {dialling.told(found)}")


def counted_outside(trial: Trial) -> str | None:
    """The proof: the hosts' filters counted what was sent, or it got through."""
    host = trial.bench.place("mallory").host
    forged, others = trial.dropped(host, "R12 forged source"), trial.dropped(host, "R12 host")
    got = any(one.what == "connected" for _, _, found in trial.noted["tries"] for one in found)
    if got or (forged and others):
        return f"{host} counted {forged} packets from forged sources and {others} for what guests may not reach"
    return None


def no_connection(trial: Trial) -> list[str]:
    """The end: nobody was connected."""
    return [
        f"{name} was connected from {how}"
        for name, how, found in trial.noted["tries"]
        if any(one.what == "connected" for one in found)
    ]


def broken(trial: Trial) -> None:
    """Say messages that are wrong in the ways that speakers have died of, each in a session of its own."""
    bench = trial.bench
    place = bench.place("peggy")
    bench.end_speakers("peggy")
    cases = {name: [said] for name, said in malformed(place.asn, place.source)}
    found = dialling.dial(bench, "peggy", dialling.asked(place, cases, linger_s=2.5, tries=5))
    trial.noted["cases"], trial.noted["peggy"] = cases, found
    by_code: dict[str, int] = {}
    for one in found:
        if one.code:
            by_code[one.code] = by_code.get(one.code, 0) + 1
    told = ", ".join(f"{count} x {code}" for code, count in sorted(by_code.items()))
    ignored = sum(1 for one in found if one.what == "stayed")
    trial.fact(f"{place.host} answered {told or 'nothing'}; {ignored} sessions stayed, their routes withdrawn")


def all_said(trial: Trial) -> str | None:
    """The proof: every case had a session and was said."""
    told = {one.case for one in trial.noted["peggy"] if one.what == "said"}
    missing = trial.noted["cases"].keys() - told
    if missing:
        trial.fact(f"not said: {', '.join(sorted(missing))}")
        return None
    return f"{len(told)} broken messages, each in a session of its own: {', '.join(sorted(told))}"


def bgpd_lives(trial: Trial) -> list[str]:
    """The end: bgpd is the same process, and nothing of it was taken for a route."""
    bench = trial.bench
    place = bench.place("peggy")
    own = {OWN}
    said = bench.vtysh_json(place.host, f"show bgp vrf {place.vrf} ipv6 unicast neighbors {place.source} routes json")
    taken = set(said.get("routes") or {}) - own
    return [f"{place.host} took {prefix} from a broken message" for prefix in sorted(taken)]


def malformed(asn: int, source: str) -> Iterator[tuple[str, bytes]]:
    """Yield broken messages with their names (RFC 4271 section 6, RFC 7606)."""
    attribute, update, message = messages.attribute, messages.update, messages.message
    origin, path = attribute(messages.ORIGIN, b"\0"), messages.as_path((asn,))
    good = messages.reach([OWN], source, (asn,))
    reached = attribute(messages.MP_REACH, b"\0\x02\x01\x10" + b"\xfd" * 16 + b"\0", messages.OPTIONAL)
    yield "bad marker", b"\0" * 16 + good[16:]
    yield "length 18", message(messages.UPDATE, b"\0\0\0\0", length=18)
    yield "length 65535", message(messages.UPDATE, b"\0\0\0\0", length=65535)
    yield "length 4097", message(messages.UPDATE, b"\0" * 4078)
    yield "unknown type", message(9, b"")
    yield "long keepalive", message(messages.KEEPALIVE, b"\0")
    yield "second OPEN", messages.open_message(asn, "10.0.0.1", 9)
    yield "withdrawn beyond the end", message(messages.UPDATE, b"\xff\xff\0\0")
    yield "attributes beyond the end", message(messages.UPDATE, b"\0\0\xff\xff" + origin)
    yield "attribute length beyond the end", update(origin + b"\x40\x02\xff\x02\x01")
    yield "wrong flags of ORIGIN", update(attribute(messages.ORIGIN, b"\0", 0xC0) + path + reached)
    yield "ORIGIN 7", update(attribute(messages.ORIGIN, b"\x07") + path + reached)
    yield "ORIGIN twice", update(origin + origin + path + reached)
    yield "unknown well-known attribute", update(origin + path + attribute(99, b"\0") + reached)
    yield "unknown transitive attribute of 3000 bytes", update(origin + path + attribute(99, b"\0" * 3000, 0xC0))
    yield "path of a confederation", update(origin + messages.as_path((asn,), 3) + reached)
    yield "path segment 9", update(origin + messages.as_path((asn,), 9) + reached)
    yield "path longer than its attribute", update(origin + attribute(messages.AS_PATH, b"\x02\xff" + b"\0\0\0\1"))
    yield "path of 250 ASNs", update(origin + messages.as_path((asn,) * 250) + reached)
    yield "empty path", update(origin + attribute(messages.AS_PATH, b"") + reached)
    yield "NLRI of 255 bits", update(origin + path + attribute(messages.NEXT_HOP, b"\x0a\0\0\1"), b"\xff" + b"\1" * 32)
    yield "NLRI cut short", update(origin + path + attribute(messages.NEXT_HOP, b"\x0a\0\0\1"), b"\x20\x0a")
    yield "no next hop", update(origin + path, messages.prefix("192.0.2.0/24"))
    yield (
        "next hop of 5 bytes",
        update(origin + path + attribute(messages.MP_REACH, b"\0\x02\x01\x05" + b"\1" * 5 + b"\0", messages.OPTIONAL)),
    )
    yield (
        "IPv6 NLRI of 200 bits",
        update(origin + path + attribute(messages.MP_REACH, reached[3:] + b"\xc8" + b"\1" * 25, messages.OPTIONAL)),
    )
    yield "family 9/9", update(origin + path + attribute(messages.MP_REACH, b"\0\x09\x09\x00\0", messages.OPTIONAL))
    yield "community of 3 bytes", update(origin + path + attribute(8, b"\1\2\3", 0xC0) + reached)
    yield "large community of 11 bytes", update(origin + path + attribute(32, b"\1" * 11, 0xC0) + reached)
    yield "aggregator of 3 bytes", update(origin + path + attribute(7, b"\1\2\3", 0xC0) + reached)
    yield "prefix SID of nothing", update(origin + path + attribute(40, b"\1", 0xC0) + reached)
    yield "tunnel encapsulation cut short", update(origin + path + attribute(23, b"\0\1\0\xff\1", 0xC0) + reached)
