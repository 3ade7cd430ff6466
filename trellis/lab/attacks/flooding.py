"""Attacks by many prefixes: said by a speaker of ours, which dials again every second, as a guest's would."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

from trellis.lab.attacks import dialling
from trellis.lab.attacks.attack import Action, Check, Finding
from trellis.lab.attacks.bench import Bench
from trellis.lab.attacks.trial import Trial
from trellis.lab.mutants.catalogue import Removal

COUNT = 10_000
VOLUME = Removal("hosts", comment="volume vnet101", table="inet trellis_peers")
PENALTY = Removal("hosts", comment="penalty vnet200", table="inet trellis_peers")
_AGAIN_S = 1.0
_SLACK_S = 3.0
"""Seconds that a penalty may seem shorter than it is: the speaker notices late that it is off."""

Prefixes = Callable[[Bench], tuple[str, ...]]


def _hosts_of(prefix: str) -> tuple[str, ...]:
    first = ip_network(prefix).network_address + 0x1000
    return tuple(f"{first + number}/128" for number in range(COUNT))


def services(bench: Bench) -> tuple[str, ...]:
    """Host routes of the cluster's services, each of which a node may announce."""
    cluster = bench.twin.site.clusters["sol"]
    assert cluster.services is not None
    return _hosts_of(str(cluster.services.ipv6))


def hosts(bench: Bench) -> tuple[str, ...]:
    """Host routes of the open VNet, each of which a stranger may announce."""
    loopbacks = bench.twin.site.tenants["tenant200"].loopbacks
    assert loopbacks is not None
    return _hosts_of(str(loopbacks.ipv6))


def anybodys(_bench: Bench) -> tuple[str, ...]:
    """Host routes that are nobody's here (RFC 3849), none of which a guest may announce."""
    return _hosts_of("2001:db8::/64")


def flood(name: str, prefixes: Prefixes, *, penalty_s: float) -> Action:
    """Have a guest say them all, and dial again and again until its penalty is over."""

    def act(trial: Trial) -> None:
        bench = trial.bench
        place = bench.place(name)
        bench.end_speakers(name)
        trial.noted["memory"] = memory_kb(bench, place.host)
        said = dialling.flood_of(place, prefixes(bench))
        asked = dialling.asked(place, {"flood": said}, linger_s=penalty_s + 15, again_s=_AGAIN_S)
        dialling.begin(bench, name, asked)
        dialling.wait_for(bench, name, "said", 30)
        time.sleep(5)
        trial.noted["most_kb"] = memory_kb(bench, place.host)
        shown = bench.vtysh_json(place.host, f"show bgp vrf {place.vrf} ipv6 unicast summary json")
        trial.noted["state"] = shown.get("peers", {}).get(place.source, {})
        trial.noted["left"] = penalized(bench, place.host)
        found = dialling.wait_for(bench, name, "done", penalty_s + 30)
        dialling.note(trial, name, found)

    return act


def said(name: str) -> Finding:
    """The proof: the speaker had its session, and said all of it."""

    def find(trial: Trial) -> str | None:
        if any(one.what == "said" for one in trial.noted[name]):
            return f"{name} said {COUNT} prefixes in a session of its own"
        return None

    return find


def kept_off(name: str, *, penalty_s: float, by: str) -> Check:
    """The end: the session ended soon, there was none for the penalty, and then one again."""

    def check(trial: Trial) -> Iterator[str]:
        place = trial.bench.place(name)
        ups = [one.at_s for one in trial.noted[name] if one.what == "established"]
        off = next((one.at_s for one in trial.noted[name] if one.what in ("closed", "notification", "stayed")), None)
        first = ups[0] if ups else 0.0
        early = [up for up in ups[1:] if up - first < penalty_s - _SLACK_S]
        if early:
            yield f"{name} had a session again after {', '.join(f'{up - first:.1f}' for up in early[:3])} s"
        gap_s = min((up - first for up in ups[1:]), default=None)
        why = reason(trial, place.host, by)
        if not why:
            yield f"nothing on {place.host} says {by}"
        if off is None and not why:
            yield f"{name} kept its session"
        grown = trial.noted["most_kb"] - trial.noted["memory"]
        again = "none since" if gap_s is None else f"the next session after {gap_s:.0f} s"
        trial.fact(f"{place.host}: {why}; {again}; bgpd grew by {grown} kB")

    return lambda trial: list(check(trial))


def reason(trial: Trial, host: str, by: str) -> str:
    """Why a host keeps a guest off: FRR's last notification, or the rule that counted; empty if nothing says so."""
    state = json.dumps(trial.noted["state"])
    if by in state:
        return f"FRR shows the session as {trial.noted['state'].get('state')}"
    rule = next((name for name in trial.counters(host) if name.startswith(by)), "")
    if rule and trial.dropped(host, rule) > 0:
        return (
            f"rule `{rule}` counted {trial.dropped(host, rule)}, kept off: {', '.join(trial.noted['left']) or 'nobody'}"
        )
    return ""


def penalized(bench: Bench, host: str) -> list[str]:
    """The addresses that a host keeps off now."""
    said = bench.sh(host, "nft --json list set inet trellis_peers penalized_ip6", check=False).stdout
    listed: dict[str, Any] = next(
        (one["set"] for one in json.loads(said or '{"nftables": []}')["nftables"] if "set" in one), {}
    )
    return [str(one["elem"]["val"]) if isinstance(one, dict) else str(one) for one in listed.get("elem", ())]


def memory_kb(bench: Bench, host: str) -> int:
    """How much memory the host's own bgpd has, in kB."""
    script = "grep VmRSS /proc/$(cat /run/frr/bgpd.pid)/status"
    return int(bench.sh(host, script).stdout.split()[1])
