"""Attacks by routes: real speakers say them, and the host's own tables tell what it took and what it refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from trellis.lab.attacks import speakers
from trellis.lab.attacks.attack import Attack, Check, Defect, Said, Speech
from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.speakers import Place

if TYPE_CHECKING:
    from trellis.lab.attacks.trial import Trial

HEARD_WITHIN_S = 30.0
"""Seconds in which a speaker is up and has said its routes; ExaBGP needs most of it to start on such a host."""
_PAUSE_S = 0.5
TENANT = 101
"""The class of what a guest announces and nobody said more of."""


def start(bench: Bench, speech: Speech, *, more: Sequence[Said] = ()) -> None:
    """Have a guest's speaker say its routes.

    Args:
        bench: The lab.
        speech: What is said, and by which program.
        more: Routes beside those of the speech.
    """
    place, said = bench.place(speech.guest), (*speech.refused, *speech.accepted, *more)
    if speech.speaker == "frr":
        bench.sh(place.host, f"vtysh -N {place.name} <<'END'\n{speakers.frr(place, said)}END")
        return
    bench.end_speakers(speech.guest)
    run = f"setsid ip netns exec {place.name}"
    if speech.speaker == "bird":
        text = speakers.bird(place, said, speech.asn)
        line = f"{run} bird -c {place.folder}/conf -s {place.folder}/ctl -P {place.folder}/pid"
    else:
        text = speakers.exabgp(place, said, speech.asn)
        settings = "exabgp_daemon_user=root exabgp_api_cli=false exabgp_log_level=INFO exabgp_tcp_attempts=0"
        line = f"{settings} {run} exabgp {place.folder}/conf"
    script = f"mkdir -p {place.folder}; cat > {place.folder}/conf <<'END'\n{text}END\n"
    bench.sh(place.host, f"{script}{line} > {place.folder}/log 2>&1 < /dev/null &\n")


def table(bench: Bench, place: Place, version: int, which: str) -> dict[str, Any]:
    """Routes of a guest's session on its host: `received`, `filtered` or accepted (empty word), by prefix."""
    words = f"{which}-routes" if which else "routes"
    command = f"show bgp vrf {place.vrf} ipv{version} unicast neighbors {place.source} {words} json"
    said = bench.vtysh_json(place.host, command)
    found: dict[str, Any] = (said.get("receivedRoutes") if which else said.get("routes")) or {}
    return found


def say(trial: Trial) -> None:
    """Have all speeches of the attack said, and wait until the hosts have heard them."""
    for speech in trial.attack.speeches:
        start(trial.bench, speech)
    deadline = time.monotonic() + HEARD_WITHIN_S
    while _unheard(trial.bench, trial.attack.speeches) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    time.sleep(2)  # what was accepted in error has time to get about


def _unheard(bench: Bench, speeches: Sequence[Speech]) -> list[str]:
    return [
        f"{speech.guest}'s {route.prefix}"
        for speech in speeches
        for version in (4, 6)
        if (routes := [r for r in (*speech.refused, *speech.accepted) if _version(r) == version])
        for heard in [table(bench, bench.place(speech.guest), version, "received")]
        for route in routes
        if route.prefix not in heard
    ]


def heard(trial: Trial) -> str | None:
    """The proof: every route stands in the host's table of what it received, before its policy."""
    if unheard := _unheard(trial.bench, trial.attack.speeches):
        trial.fact(f"never received: {', '.join(unheard)}")
        return None
    told = (
        f"{trial.bench.place(speech.guest).host} received from {speech.guest} ({speech.speaker}): "
        + ", ".join(route.prefix for route in speech.refused or speech.accepted)
        for speech in trial.attack.speeches
    )
    return "; ".join(told)


def refused(trial: Trial) -> list[str]:
    """The end: what must be refused is, and what the guest may announce is accepted nevertheless."""
    for one in trial.attack.speeches:
        place = trial.bench.place(one.guest)
        counts = [
            len(_common(table(trial.bench, place, version, which), said))
            for said, which in ((one.refused, "filtered"), (one.accepted, ""))
            for version in (4, 6)
        ]
        refused_, accepted = counts[0] + counts[1], counts[2] + counts[3]
        trial.fact(f"{place.host}: {refused_} of {one.guest}'s routes refused, {accepted} accepted")
    return problems_of(trial.bench, trial.attack.speeches)


def _common(listed: dict[str, Any], said: Sequence[Said]) -> set[str]:
    return listed.keys() & {route.prefix for route in said}


def problems_of(bench: Bench, speeches: Sequence[Speech]) -> list[str]:
    """Name what is accepted and must not be, refused and need not be, or carried with marks that a guest chose."""
    return [problem for one in speeches for problem in _judged(bench, one)]


def _judged(bench: Bench, speech: Speech) -> Iterator[str]:
    place = bench.place(speech.guest)
    for version in (4, 6):
        wrong = [route for route in speech.refused if _version(route) == version]
        right = [route for route in speech.accepted if _version(route) == version]
        filtered = table(bench, place, version, "filtered") if wrong else {}
        accepted = table(bench, place, version, "") if wrong or right else {}
        for route in wrong:
            if route.prefix in accepted or route.prefix not in filtered:
                yield f"{place.host} accepted {route.prefix} from {speech.guest}"
        for route in right:
            if route.prefix not in accepted:
                yield f"{place.host} refused {speech.guest} its own {route.prefix}"
            elif route.communities or route.large or route.targets:
                yield from _marks(bench, place, route)


def _marks(bench: Bench, place: Place, route: Said) -> Iterator[str]:
    """Name the marks that a route carries beside its host's own: where it was learned, and what class it is of."""
    site = bench.twin.site
    mark, fabric = site.fabric.mark_asn, site.fabric.asn
    family, edge = f"ipv{_version(route)} unicast", bench.edge
    shown = {
        place.host: bench.vtysh_json(place.host, f"show bgp vrf {place.vrf} {family} {route.prefix} json"),
        edge.name: json.loads(edge.vtysh(f"show bgp {family} {route.prefix} json") or "{}"),
    }
    wanted = {place.host: f"{mark}:1 {mark}:{TENANT}", edge.name: f"{mark}:{TENANT}"}
    for node, said in shown.items():
        for path in said.get("paths", ()):
            standard, large, extended = (
                path.get(kind, {}).get("string", "") for kind in ("community", "largeCommunity", "extendedCommunity")
            )
            if (standard, large) != (wanted[node], f"{fabric}:0:{TENANT}") or extended:
                yield f"{node} carries {route.prefix} with {standard}, {large}, {extended or 'nothing else'}"
    if not shown[edge.name].get("paths"):
        yield f"{edge.name} has no {route.prefix}"


def also(*checks: Check) -> Check:
    """Several ends that all have to be there."""
    return lambda trial: [problem for check in checks for problem in check(trial)]


def attack(number: int, what: str, must: str, *speeches: Speech, defects: tuple[Defect, ...], **more: Any) -> Attack:
    """An attack by routes alone: said, heard, refused."""
    end = more.pop("end", None)
    return Attack(
        number=number,
        what=what,
        must=must,
        act=say,
        proof=heard,
        end=refused if end is None else also(refused, end),
        defects=defects,
        speeches=speeches,
        attackers=tuple(dict.fromkeys(speech.guest for speech in speeches)),
        **more,
    )


def permits(guest: str, prefix: str) -> Defect:
    """The list of a declared guest's own prefixes does not end where it should: it lets one more through."""
    keyword = "ipv6" if ":" in prefix else "ip"
    return Defect(
        f"{guest}'s list lets {prefix} through",
        frr=(f"{keyword} prefix-list TL-G-{guest}-LO seq 4 permit {prefix}",),
    )


def _version(route: Said) -> int:
    return ip_network(route.prefix).version
