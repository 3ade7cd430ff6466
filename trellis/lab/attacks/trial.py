"""One attack carried out: the lab before, the attack, the lab while it lasts, and everything put back.

What has to hold of every attack is held here: it is proven to have been tried, no session of another guest resets,
no ping of theirs is lost for long, and no route of anybody else's comes to the edge or leaves it, however briefly.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any

from trellis.lab.attacks import look, store
from trellis.lab.attacks.attack import Attack, Verdict
from trellis.lab.attacks.bench import STRANGERS, Bench
from trellis.lab.errors import LabError
from trellis.site import AttachedGuest

_SHOWN = 6
_COUNTED = re.compile(r'counter packets (\d+) bytes \d+[^"\n]* comment "([^"]+)"')


class Trial:
    """An attack being carried out.

    Attributes:
        bench: The lab.
        attack: The attack.
        before: The lab as it was.
        facts: What was seen on the hosts, for the table.
        counted: Packets that rules of the hosts had counted before: (host, comment) -> packets.
    """

    def __init__(self, bench: Bench, attack: Attack) -> None:
        """Look at the lab as it is before the attack."""
        self.bench = bench
        self.began_at = time.time()
        self.attack = attack
        self.before = look.picture(bench)
        self.facts: list[str] = []
        self.noted: dict[str, Any] = {}
        self.counted = {host: self.counters(host) for host in bench.hosts}
        names = [guest.name for guest in bench.twin.guests]
        self.others = tuple(name for name in names if name not in (*attack.attackers, *attack.shaken))
        self._pings = look.Pings(bench, self.others)
        self._watch = look.EdgeWatch(bench)

    def fact(self, text: str) -> None:
        """Note something that was seen on a host."""
        self.facts.append(" ".join(text.split()))

    def own(self, prefix: str) -> bool:
        """Whether a prefix is one that the attackers may announce, or the address by which EVPN says where they are."""
        guests = {guest.name: guest for guest in self.bench.twin.guests}
        silent = [stranger.name for stranger in STRANGERS]  # hosts forget them, and learn of them again
        places = [self.bench.place(name) for name in (*self.attack.attackers, *self.attack.shaken, *silent)]
        if prefix in {f"{place.source}/128" for place in places} | {f"{place.ipv4}/32" for place in places}:
            return True
        return any(
            _may_announce(self.bench, guests, name, prefix) for name in (*self.attack.attackers, *self.attack.shaken)
        )

    def counters(self, host: str) -> dict[str, int]:
        """Packets that each named rule of a host's filters has counted, by its comment."""
        found: dict[str, int] = {}
        for packets, name in _COUNTED.findall(self.bench.sh(host, "nft list ruleset").stdout):
            found[name] = found.get(name, 0) + int(packets)
        return found

    def dropped(self, host: str, comment: str) -> int:
        """Packets that a rule has counted since the attack began."""
        return self.counters(host).get(comment, 0) - self.counted[host].get(comment, 0)

    def run(self) -> Verdict:
        """Carry it out, and put everything back."""
        began, problems, proof, edge, guests, stored = time.monotonic(), list[str](), "", "", "", ""
        try:
            try:
                self.attack.act(self)
                proof = self.attack.proof(self) or ""
                problems += [] if proof else ["nothing proves that it was tried"]
                problems += self.attack.end(self)
                found, edge, guests = self._others_unharmed()
                problems += found
                lacking, stored = self._recorded()
                problems += lacking
            finally:
                self._stop()
                self.bench.restore(self.attack.attackers + self.attack.shaken)
        except LabError as error:
            problems.append(str(error))
        except (OSError, ValueError, LookupError) as error:  # the others are to be tried all the same
            problems.append(f"the trial itself failed: {type(error).__name__}: {error}")
        seconds = time.monotonic() - began
        return Verdict(self.attack, proof, edge, guests, "; ".join(self.facts), stored, tuple(problems), seconds)

    def _recorded(self) -> tuple[list[str], str]:
        """What the store lacks of the attack, and what it says."""
        if self.attack.speeches:
            return store.unrecorded(self.bench, self.attack.speeches)
        if not self.attack.event:
            return [], "no session is part of it: the hosts' rules count"
        lacking, told = store.recorded(self.bench, self.attack, self.began_at)
        return lacking, told

    def _others_unharmed(self) -> tuple[list[str], str, str]:
        after = look.picture(self.bench)
        # The edge's own peers see nothing of a guest's session; the guests are known by their addresses.
        free = frozenset(self.bench.place(name).source for name in (*self.attack.attackers, *self.attack.shaken))
        free |= self.noted.get("addresses", frozenset())
        problems = list(look.differences(self.before, after, self.own, free))
        edge = f"{len(after.kernel)} routes in its kernel, none of another's changed"
        if came := look.moved(self._watch.stop(), self.own):
            problems.append(f"came to the edge's kernel or left it: {', '.join(sorted(came)[:_SHOWN])}")
            edge = f"{len(came)} routes of others moved"
        pings = self._pings.stop()
        late = {name: gap for name, (_, gap) in pings.items() if gap > look.LONGEST_GAP}
        problems += [f"{gap} pings of {name} in a row were lost" for name, gap in late.items()]
        problems += [f"{name} had no answer at all" for name, (count, _) in pings.items() if not count]
        answered, gap = sum(count for count, _ in pings.values()), max((gap for _, gap in pings.values()), default=0)
        guests = f"{len(pings)} others: sessions kept, {answered} pings answered, at most {gap} lost in a row"
        return problems[:_SHOWN], edge, guests if not problems else "see the problems"

    def _stop(self) -> None:
        self._watch.stop()
        self._pings.stop()


def _may_announce(bench: Bench, guests: dict[str, AttachedGuest], name: str, prefix: str) -> bool:
    network = ip_network(prefix)
    if name in guests:
        guest = guests[name]
        ranges: Iterable[Any] = (*guest.loopbacks, *guest.extra, *guest.pods, *guest.services)
        return any(network.version == one.version and network.subnet_of(one) for one in ranges)
    stranger = next(one for one in STRANGERS if one.name == name)
    vnet = bench.twin.site.vnets[stranger.vnet]
    tenant = bench.twin.site.tenants[vnet.tenant]
    if tenant.guest_bgp.mode != "open" or network.prefixlen != network.max_prefixlen:
        return False
    taken = {address for guest in guests.values() for address in (guest.ipv4, guest.ipv6)}
    taken |= {lo.network_address for guest in guests.values() for lo in guest.loopbacks}
    inside = [vnet.subnets.ipv6.prefix, *([tenant.loopbacks.ipv6] if tenant.loopbacks else [])]
    free = network.network_address not in taken | {vnet.subnets.ipv6.gateway}
    return free and any(network.version == one.version and network.subnet_of(one) for one in inside)


def carried_out(bench: Bench, attacks: Sequence[Attack]) -> list[Verdict]:
    """Carry attacks out one after the other, and say how each ended."""
    verdicts = []
    for attack in attacks:
        verdict = tried(bench, attack)
        ended = "refused or contained" if verdict.ok else "NOT CONTAINED"
        bench.say(f"attack {attack.name}: {attack.what}: {ended} ({verdict.seconds:.0f} s in all)")
        for text in (verdict.proof, verdict.host, *verdict.problems):
            bench.say(f"  {text}")
        verdicts.append(verdict)
    return verdicts


def tried(bench: Bench, attack: Attack) -> Verdict:
    """Carry an attack out; a lab that can't even be looked at is a verdict, too."""
    began = time.monotonic()
    try:
        trial = Trial(bench, attack)
    except LabError as error:
        return Verdict(attack, "", "", "", "", "", (str(error),), time.monotonic() - began)
    return trial.run()
