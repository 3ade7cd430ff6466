"""The rule behind each attack, taken away in the running lab: exactly that attack has to succeed then.

Attacks by routes share one session per attacker, the volley: all of their routes are said at once, and after each
defect FRR judges them anew, so that a rule that holds more than its own shows at once.  Others are carried out whole.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trellis.lab.attacks import speech
from trellis.lab.attacks.attack import Attack, Defect, Said, Speech
from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.trial import tried
from trellis.lab.errors import LabError
from trellis.lab.mutants import seeding
from trellis.lab.mutants.catalogue import Mutant

_RELOAD = "/usr/lib/frr/frr-reload.py"
_NO_DIFFERENCE = ("Lines To", "===", "frr version", "line vty", "exit")
"""What frr-reload always finds of a file that Proxmox writes, and its own headings."""
_SEQUENCE = re.compile(r" seq [0-9]+(?= )")
_PAUSE_S = 0.5
_WITHIN_S = 15.0
"""Seconds in which FRR has judged all routes of a session anew."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attack whose rule was taken away.

    Args:
        attack: The attack.
        defect: What was taken away.
        succeeded: What got through.
        strange: What got through of other attacks.
        held: How many others were tried and held.
        seconds: Wall time.
    """

    attack: Attack
    defect: Defect
    succeeded: tuple[str, ...]
    strange: tuple[str, ...]
    held: int
    seconds: float

    @property
    def noticed(self) -> bool:
        """Whether exactly this attack succeeded."""
        return bool(self.succeeded) and not self.strange


def run(bench: Bench, attacks: Sequence[Attack]) -> list[Outcome]:
    """Take every attack's rules away in turn; the lab is left as it was found.

    Meanwhile the hosts' guard does not look: it would put a rule back in the middle of an attack, and that would hold.
    Where it does not come back after one of them, that one has failed, and the rest is not tried: what was found out
    before is not lost with it.

    Raises:
        LabError: A rule of those that are tried all at once is not there, or could not be put back.
    """
    with seeding.unguarded(bench.twin):
        return _in_turn(bench, attacks)


def _in_turn(bench: Bench, attacks: Sequence[Attack]) -> list[Outcome]:
    by_routes = [attack for attack in attacks if attack.act is speech.say and _in_volley(attack)]
    found = _volley(bench, by_routes) if by_routes else []
    others = [(attack, defect) for attack in attacks if attack not in by_routes for defect in attack.defects]
    for position, (attack, defect) in enumerate(others):
        try:
            found.append(_whole(bench, attack, defect))
        except LabError as error:
            found.append(_told(bench, Outcome(attack, defect, (), (f"the lab did not come back: {error}",), 0, 0)))
            untried = ("not tried: the lab is not whole",)
            found += [Outcome(left, one, (), untried, 0, 0) for left, one in others[position + 1 :]]
            break
    return found


def _in_volley(attack: Attack) -> bool:
    return all(one.asn is None for one in attack.speeches)


def _whole(bench: Bench, attack: Attack, defect: Defect) -> Outcome:
    began = time.monotonic()
    bench.say(f"without {defect.what}: attack {attack.name}")
    try:
        seed(bench, defect)
        verdict = tried(bench, attack)
    finally:
        put_back(bench)
        bench.restore(attack.attackers + attack.shaken)
    succeeded = verdict.problems if verdict.proof else ()
    return _told(bench, Outcome(attack, defect, succeeded, (), 0, time.monotonic() - began))


def _volley(bench: Bench, attacks: Sequence[Attack]) -> list[Outcome]:
    said: dict[str, dict[str, Said]] = {}
    for attack in attacks:
        for one in attack.speeches:
            for route in (*one.refused, *one.accepted):
                said.setdefault(one.guest, {})
                # The one with more to it: what else it is said to be must make no difference to the others.
                said[one.guest][route.prefix] = max(
                    route, said[one.guest].get(route.prefix, route), key=lambda found: len(repr(found))
                )
    speeches = [Speech(guest, "bird", refused=tuple(routes.values())) for guest, routes in said.items()]
    found = []
    try:
        for one in speeches:
            speech.start(bench, one)
        _await(bench, attacks)
        for attack in attacks:
            found += [_shot(bench, attacks, attack, defect) for defect in attack.defects]
    finally:
        bench.restore(said)
    return found


def _await(bench: Bench, attacks: Sequence[Attack]) -> None:
    """Wait until the volley is heard and every attack of it holds."""
    deadline, problems = time.monotonic() + speech.HEARD_WITHIN_S, ["not asked"]
    while problems and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        problems = [problem for attack in attacks for problem in speech.problems_of(bench, attack.speeches)]
    if problems:
        raise LabError("the volley", why=f"without any defect: {'; '.join(problems[:3])}", remedy="trellis lab attacks")


def _shot(bench: Bench, attacks: Sequence[Attack], attack: Attack, defect: Defect) -> Outcome:
    began = time.monotonic()
    bench.say(f"without {defect.what}: attack {attack.name}")
    peers = {(bench.place(one.guest).vrf, bench.place(one.guest).source) for each in attacks for one in each.speeches}
    succeeded: list[str] = []
    try:
        seed(bench, defect)
        _again(bench, peers)
        while not succeeded and time.monotonic() - began < _WITHIN_S:
            time.sleep(_PAUSE_S)
            succeeded = speech.problems_of(bench, attack.speeches)
        time.sleep(_PAUSE_S)
        others = [each for each in attacks if each is not attack]
        strange = [f"{each.name}: {problem}" for each in others for problem in speech.problems_of(bench, each.speeches)]
    finally:
        put_back(bench)
        _again(bench, peers)
    _await(bench, attacks)
    held = len(others) - len({text.split(":")[0] for text in strange})
    seconds = time.monotonic() - began
    return _told(bench, Outcome(attack, defect, tuple(succeeded), tuple(strange), held, seconds))


def _told(bench: Bench, outcome: Outcome) -> Outcome:
    ended = "exactly this attack succeeded" if outcome.noticed else "NOT NOTICED, or others succeeded, too"
    bench.say(f"  {ended}: {'; '.join((*outcome.succeeded, *outcome.strange)) or 'nothing got through'}")
    return outcome


def _again(bench: Bench, peers: set[tuple[str, str]]) -> None:
    for host in bench.hosts:
        for vrf, peer in sorted(peers):
            bench.vtysh(host, f"clear bgp vrf {vrf} {peer} soft in", check=False)


def seed(bench: Bench, defect: Defect) -> None:
    """Take a rule away on every host.

    Raises:
        LabError: FRR or nft refused, or there is no such rule.
    """
    if defect.frr:
        for host in bench.hosts:
            if strange := not_there(defect.frr, bench.vtysh(host, "show running-config")):
                raise LabError(
                    f"{host}: without {defect.what}", why=f"no `{strange[0]}`", remedy="see the attack's file"
                )
            text = "\n".join(("configure", *defect.frr, "end", ""))
            said = bench.sh(host, f"vtysh <<'END'\n{text}END").stdout
            if bad := [line for line in said.splitlines() if line.startswith("%")]:
                raise LabError(f"{host}: without {defect.what}", why="; ".join(bad), remedy="see the attack's file")
    if defect.rules:
        seeding.seed(bench.twin, Mutant(re.sub(r"\W+", "-", defect.what), defect.what, defect.rules, frozenset()))


def not_there(commands: Sequence[str], running: str) -> list[str]:
    """Return what commands would take away and FRR does not have: to a `no` of such an entry it says nothing.

    Args:
        commands: Lines of a configuration; `no` and a line takes that line away, without a sequence number any such.
        running: What FRR runs.
    """
    lines = [line.strip() for line in running.splitlines()]
    there = {*lines, *(_SEQUENCE.sub("", line) for line in lines)}
    taken = [line.removeprefix("no ") for line in commands if line.startswith("no ")]
    return [line for line in taken if line not in there]


def put_back(bench: Bench) -> None:
    """Have every host run what it was deployed with.

    Raises:
        LabError: FRR differs from its file afterwards.
    """
    seeding.put_back(bench.twin)
    for host in bench.hosts:
        _forget_strange_ways(bench, host)
        left = list(_reload(bench, host))
        if left:
            raise LabError(f"{host}: FRR is not as deployed", why="; ".join(left[:3]), remedy="trellis repair")


def _forget_strange_ways(bench: Bench, host: str) -> None:
    """Take away neighbours that a guest has reached by another VNet's gateway; the reload brings them back.

    FRR (10.3) keeps the address at which the last session came in: BFD is spoken from there, never answers, and leaves
    the neighbour Idle for good, whatever is cleared or configured anew.
    """
    ways = bench.vtysh_json(host, "show bfd peers json") or []
    for place in bench.places.values():
        strange = [way for way in ways if way["peer"] == place.source and way.get("local") not in (None, place.gateway)]
        if strange:
            router = f"router bgp {place.gateway_asn} vrf {place.vrf}"
            bench.vtysh(host, "configure", router, f"no neighbor {place.source}")


def _reload(bench: Bench, host: str) -> Iterator[str]:
    test = f"{_RELOAD} --test /etc/frr/frr.conf"
    if not _differs(bench.sh(host, test).stdout):
        return
    bench.sh(host, f"{_RELOAD} --reload /etc/frr/frr.conf", check=False)
    yield from _differs(bench.sh(host, test).stdout)


def _differs(said: str) -> list[str]:
    lines = (line.strip() for line in said.splitlines())
    return [line for line in lines if line and not line.startswith(_NO_DIFFERENCE)]
