"""R12 as far as the text of a host's table tells it: every way in is judged, and every judgement ends in a drop.

What the table does to packets is proved in a kernel, by the tests of this text and in the lab.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from trellis.plan.rules import Violation
from trellis.render.bundle import SYSCTLS, Bundle
from trellis.render.firewall import FIREWALL

_HEAD = ["table inet trellis", "delete table inet trellis", "table inet trellis {"]
_HOOKS = {
    "ingress": "type filter hook prerouting priority raw; policy accept;",
    "input": "type filter hook input priority filter - 10; policy accept;",
}
_CHAIN = re.compile(r"^ +chain (\S+) \{\n(.*?)^ +\}$", re.MULTILINE | re.DOTALL)
_VNET = re.compile(r"net\.ipv4\.conf\.(\S+)\.arp_accept = 1")
_ZONE_ENDS = (
    'ip daddr @tenants_ip counter drop comment "R12 other zone"',
    'ip6 daddr @tenants_ip6 counter drop comment "R12 other zone"',
    "ip daddr @infrastructure_ip goto to_infrastructure",
    "ip6 daddr @infrastructure_ip6 goto to_infrastructure",
)
_INPUT_ENDS = (
    "ip saddr @tenants_ip ip daddr @infrastructure_ip goto from_outside",
    "ip6 saddr @tenants_ip6 ip6 daddr @infrastructure_ip6 goto from_outside",
)
_STATEFUL = re.compile(r"\b(ct|fib|notrack)\b")


def filter_violations(bundle: Bundle) -> Iterator[Violation]:
    """Yield where a host's table leaves a way open, or would keep state.

    Args:
        bundle: What the host gets.
    """
    text = bundle.text(FIREWALL).partition("\ntable bridge ")[0]  # the others are of guests among themselves
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines[:3] != _HEAD or sum(line.startswith("table ") for line in lines) != 2:
        yield _violation(bundle, "does not replace the table of ours whole, and that alone", "old rules would stay")
    chains = {name: [line.strip() for line in body.splitlines()] for name, body in _CHAIN.findall(text)}
    yield from _ways_in(bundle, chains)
    yield from _ends(bundle, chains)
    for line in lines:
        if not line.startswith("#") and _STATEFUL.search(line.split(' comment "')[0]):
            yield _violation(bundle, f"'{line}'", "the two directions of a connection may pass different hosts")


def _ways_in(bundle: Bundle, chains: dict[str, list[str]]) -> Iterator[Violation]:
    for name, hook in _HOOKS.items():
        if hook not in chains.get(name, ()):
            yield _violation(bundle, f"chain {name} has no hook", "the kernel would never ask it")
    vnets = _VNET.findall(bundle.text(SYSCTLS))
    for vnet in vnets:
        if not any(line.startswith(f'"{vnet}" : jump zone_') for line in chains.get("ingress", ())):
            yield _violation(bundle, f"what guests on {vnet} send is not judged", "they would reach every zone")
        if f'"{vnet}",' not in chains.get("input", ()):
            yield _violation(bundle, f"what comes from {vnet} reaches every port of the host", "its sshd among them")
    if vnets and not any(line.startswith('"vrf_') for line in chains.get("input", ())):
        yield _violation(bundle, "what comes from a VRF reaches every port of the host", "its sshd among them")


def _ends(bundle: Bundle, chains: dict[str, list[str]]) -> Iterator[Violation]:
    ends: dict[str, tuple[str, ...]] = {name: _ZONE_ENDS for name in chains if name.startswith("zone_")}
    ends |= {"input": _INPUT_ENDS, "from_outside": ("goto to_infrastructure",)}
    ends["to_infrastructure"] = ('counter drop comment "R12 infrastructure"',)
    if "to_host" in chains:
        ends["to_host"] = ('counter drop comment "R12 host"',)
    for name, wanted in ends.items():
        if tuple(chains.get(name, ())[-len(wanted) :]) != wanted:
            yield _violation(bundle, f"chain {name} does not end in its drops", "what no rule names would pass")
        sources = [line for line in chains.get(name, ()) if line.endswith('comment "R12 forged source"')]
        if name.startswith("zone_") and len(sources) != 2:
            yield _violation(bundle, f"chain {name} lets forged sources pass", "the edge knows guests by address alone")


def _violation(bundle: Bundle, what: str, why: str) -> Violation:
    return Violation("R12", bundle.host, what, why)
