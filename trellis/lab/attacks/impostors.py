"""Attacks by who one says to be on a shared L2: another guest's address while it is off, and while it is on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from trellis.lab.attacks import dialling, packets
from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.dialling import Happening
from trellis.lab.attacks.wire import frames, messages

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial

_VICTIM = "alice"
_NEXT_DOOR = ("mallory", "trent")
"""A declared guest and a stranger on alice's VNet, on her host."""
_DIALS_S = 15
"""The kernel gives a neighbour up 8 s after its last word."""
_RULES = ("R7 address", "R7 other address", "R7 ND", "R7 ARP", "R7 MAC", "R7 port", "R7 tags")


def while_off(trial: Trial) -> None:
    """Alice is off; mallory and trent take her addresses, trent her MAC too, and dial with her ASN."""
    bench = trial.bench
    alice = bench.place(_VICTIM)
    bench.twin.stop_guest(_VICTIM)
    time.sleep(4)  # her session and her routes are gone, by BFD
    loopback = "fd00:101:fe::7/128"
    said = [messages.reach([loopback], alice.source, (alice.asn,))]
    for name in _NEXT_DOOR:
        bench.end_speakers(name)
        bench.inside(name, f"ip address add {alice.source}/64 dev eth0 nodad; ip address add {alice.ipv4}/24 dev eth0")
        _dial_as_alice(trial, name, name, said, bench.place(name).mac)
    bench.inside(
        "trent", f"ip link set dev eth0 down; ip link set dev eth0 address {alice.mac}; ip link set dev eth0 up"
    )
    bench.inside("trent", f"ip address replace {alice.source}/64 dev eth0 nodad", check=False)
    time.sleep(1)
    _dial_as_alice(trial, "trent", "trent with her MAC", said, alice.mac)
    trial.noted["at edge"] = loopback in bench.edge.vtysh(f"show bgp ipv6 unicast {loopback} json")


def _dial_as_alice(trial: Trial, name: str, who: str, said: list[bytes], mac: str) -> None:
    """Say to everybody that her address is here, speak BFD from it, and dial.

    FRR (10.3) leaves a neighbour Idle whose BFD has gone down: who takes an address that had BFD has to have it, too.
    """
    bench = trial.bench
    alice = bench.place(_VICTIM)
    here = frames.neighbour_advertisement(alice.source, mac, alice.source)
    packets.send(bench, name, [frames.ethernet(frames.ALL_NODES[0], mac, frames.IPV6, here)], rounds=3)
    bench.speak_bfd(name, alice.source)
    asked = dialling.asked(
        bench.place(name), {who: said}, source=alice.source, asn=alice.asn, linger_s=_DIALS_S, again_s=1.0
    )
    dialling.note(trial, who, dialling.dial(bench, name, asked))
    bench.sh(alice.host, f"ip netns pids {name} | xargs -r kill -9")


def counted(trial: Trial) -> str | None:
    """The proof: rules that tie addresses to ports counted packets, or nothing kept them back."""
    host = trial.bench.place(_VICTIM).host
    found = {name: count for name in _RULES if (count := trial.dropped(host, name))}
    told = ", ".join(f"{count} by `{name}`" for name, count in found.items())
    trial.fact(f"{host} dropped {told or 'nothing'}")
    got = any(one.what == "connected" for seen in _dials(trial).values() for one in seen)
    sent = trial.noted.get("sent", 0)
    if told or got or sent:
        return f"{host} dropped frames: {told or 'none'}" + (f", of {sent} sent" if sent else "")
    return None


def nobody_became_alice(trial: Trial) -> list[str]:
    """The end: nobody had a session in her name, and nothing of hers is at the edge."""
    return [
        *(["the edge has a route to her loopback"] if trial.noted["at edge"] else []),
        *(
            f"{who} has a session as {_VICTIM}"
            for who, seen in _dials(trial).items()
            if any(one.what == "established" for one in seen)
        ),
    ]


def _dials(trial: Trial) -> dict[str, tuple[Happening, ...]]:
    return {who: seen for who, seen in trial.noted.items() if who.startswith(_NEXT_DOOR)}


def lies(bench: Bench, name: str) -> list[bytes]:
    """Frames by which a guest says to be alice and to be the gateway, to everybody and to each of them."""
    me, alice = bench.place(name), bench.place(_VICTIM)
    gateway_mac = packets.gateway_mac(bench, name)
    own_local, vnet = packets.link_local(me.mac), bench.twin.site.vnets[me.vnet]
    gateway_local = _link_local_of_gateway(bench, _VICTIM)
    v4_gateway = str(vnet.subnets.ipv4.gateway) if vnet.subnets.ipv4 else ""
    plain = []
    for about, to_mac, to in (
        (alice.source, gateway_mac, me.gateway),
        (packets.link_local(alice.mac), gateway_mac, me.gateway),
        (me.gateway, alice.mac, alice.source),
        (gateway_local, alice.mac, alice.source),
    ):
        said = [
            frames.neighbour_advertisement(about, me.mac, own_local, to),
            frames.neighbour_advertisement(about, me.mac, about, to),
            frames.neighbour_solicitation(to, me.mac, about, to),
        ]
        plain += [frames.ethernet(to_mac, me.mac, frames.IPV6, packet) for packet in said]
        to_all = frames.neighbour_advertisement(about, me.mac, own_local)
        plain.append(frames.ethernet(frames.ALL_NODES[0], me.mac, frames.IPV6, to_all))
    for about, to_mac in ((alice.ipv4, gateway_mac), (v4_gateway, alice.mac)):
        plain += [
            frames.ethernet(target, me.mac, frames.ARP, frames.gratuitous_arp(about, me.mac, to_mac))
            for target in (to_mac, frames.BROADCAST)
        ]
    return packets.behind_tags(plain)


def _link_local_of_gateway(bench: Bench, guest: str) -> str:
    found = [a for a in packets.neighbours(bench, guest) if a.startswith("fe80::")]
    gateway = packets.gateway_mac(bench, guest)
    table = packets.neighbours(bench, guest)
    return next((a for a in found if table[a] == gateway), packets.link_local(gateway))


def while_on(trial: Trial) -> None:
    """Alice is on; mallory and trent tell everybody, again and again, that they are alice, and her gateway."""
    bench, sent, taken = trial.bench, 0, list[str]()
    for name in _NEXT_DOOR:
        bench.end_speakers(name)
        told = lies(bench, name)
        for _ in range(3):
            sent += packets.send(bench, name, told, rounds=10, pause_s=0.1)
            taken += packets.taken_over(trial, (name,), (_VICTIM,))
    trial.noted["sent"], trial.noted["taken"] = sent, tuple(dict.fromkeys(taken))


def nobody_believed(trial: Trial) -> list[str]:
    """The end: neither alice nor her host took an attacker's MAC for an address that is not the attacker's."""
    return list(trial.noted["taken"])
