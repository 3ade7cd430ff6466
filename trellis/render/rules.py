"""The design's rules that only the text can tell: R1, and parts of R10, R12, R13 and R14.

R1: what stands in frr.conf.local stands in frr.conf after Proxmox's merge.  R10 and R13: no statement makes up a
default or sends router advertisements.  R12: a static route leads to another zone's table or nowhere, and the host's
table of filters leaves no way open (``filter_rules``).  R14: nothing is written that FRR reads and does not print
back.  That FRR prints back what is written is proved on real daemons, in the lab's tests; here is what was learned
from them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from trellis.plan.rules import Violation
from trellis.render.bundle import FRR_CONF, FRR_CONF_LOCAL, RADVD_CONF, Bundle
from trellis.render.filter_rules import filter_violations

_MADE_UP = re.compile(
    r"neighbor \S+ default-originate.*|default-originate .*|network (0\.0\.0\.0/0|::/0).*"
    r"|(ip|ipv6) route (0\.0\.0\.0/0|::/0) (?!reject 250$).*"
)
_STATIC = re.compile(r"(ip|ipv6) route (?!(0\.0\.0\.0/0|::/0) ).*")
_LEAKED = re.compile(r"(ip|ipv6) route \S+ (?P<vrf>vrf_\S+) nexthop-vrf (?P=vrf)")
_SILENCING = r"ipv6 nd ra-lifetime 0|ipv6 nd prefix \S+ off-link no-autoconfig"
_ADVERTISING = re.compile(rf"(?!({_SILENCING})$)(no )?ipv6 nd .*")
_TOLD = re.compile(r"^interface (\S+)$", re.MULTILINE)
"""An interface of radvd's."""

_NOT_PRINTED_BACK = (
    # Measured with FRR 10.3 under `frr defaults datacenter`: read, and left out of the running configuration.
    r"detect-multiplier 3",
    r"(transmit|receive)-interval 300",
    r"timers bgp 3 9",
    r"neighbor \S+ send-community.*",
    r"neighbor \S+ port 179",
    r"neighbor \S+ capability (dynamic|fqdn|software-version)",
    r"maximum-paths (ibgp )?256",
    r"distance bgp 20 200 200",
    r"ip ospf (hello-interval 10|priority 1|retransmit-interval 5)",
    r"ipv6 ospf6 (hello-interval 10|dead-interval 40|priority 1|instance-id 0)",
    r"no ipv6 ospf6 passive",
    r"log-adjacency-changes",
    r"auto-cost reference-bandwidth 100000",
    r"timers throttle spf 0 50 5000",
    r"bgp (log-neighbor-changes|network import-check|deterministic-med|hard-administrative-reset)",
    r"bgp (default show-(nexthop-)?hostname|fast-external-failover|listen limit 100|enforce-first-as)",
    r"bgp graceful-restart (restart-time 120|stalepath-time 360)",
    r"no bgp (ebgp-requires-policy|reject-as-sets)",
    r"(ip|ipv6) forwarding",
    r"line vty",
    r"frr version .*",
    # Read, and printed otherwise.
    r"neighbor \S+ ebgp-multihop 255",
    r"neighbor \S+ maximum-prefix \d+ 75",
    r"neighbor \S+ allowas-in 3",
    r"continue \d+",
    r"match evpn route-type 5",
    r"log syslog debugging",
)
_DEFAULT = re.compile("|".join(_NOT_PRINTED_BACK))


def text_violations(bundle: Bundle) -> tuple[Violation, ...]:
    """Return every line of a host's files that breaks a rule, in the order of the rules.

    Args:
        bundle: What the host gets.
    """
    found = (_merged_whole(bundle), _statements(bundle), _advertisements(bundle), filter_violations(bundle))
    return tuple(violation for of_rule in found for violation in of_rule)


def _merged_whole(bundle: Bundle) -> Iterator[Violation]:
    if bundle.kind != "pve":
        return
    effective = Counter(_lines(bundle.text(FRR_CONF)))
    for line in Counter(_lines(bundle.text(FRR_CONF_LOCAL))) - effective:
        if line not in _CLOSING:
            yield Violation(
                "R1", bundle.host, f"'{line}' is lost in Proxmox's merge", "what runs is not what was planned"
            )


_CLOSING = ("exit", "exit-vrf", "exit-address-family")
"""Proxmox writes its own where a block of ours continues one of its own."""


def _statements(bundle: Bundle) -> Iterator[Violation]:
    own = FRR_CONF_LOCAL if bundle.kind == "pve" else FRR_CONF
    for line in _lines(bundle.text(FRR_CONF)):
        if _MADE_UP.fullmatch(line):
            yield Violation("R10", bundle.host, f"'{line}'", "the default would stay when the edge is gone")
        if _STATIC.fullmatch(line) and not _LEAKED.fullmatch(line):
            yield Violation(
                "R12", bundle.host, f"'{line}'", "it would lead out of the VRF by a way that nothing filters"
            )
    for line in _lines(bundle.text(own)):
        if _DEFAULT.fullmatch(line):
            yield Violation("R14", bundle.host, f"'{line}'", "FRR does not print it back: every reload would repeat it")


def _advertisements(bundle: Bundle) -> Iterator[Violation]:
    """Yield what FRR advertises where nobody asked for it, and where radvd does too."""
    interface = ""
    for line in _lines(bundle.text(FRR_CONF)):
        if line == "exit" or line.startswith("interface "):
            interface = line.removeprefix("interface ")
        if _ADVERTISING.fullmatch(line) and interface not in bundle.frr_advertises_on:
            yield Violation("R13", bundle.host, f"'{line}'", "advertisements are per VNet and opt-in")
    told = {name for file in bundle.files if file.path == RADVD_CONF for name in _TOLD.findall(file.text)}
    for name in sorted(told & set(bundle.frr_advertises_on)):
        yield Violation("R13", bundle.host, f"FRR and radvd advertise on {name}", "guests hear two that differ")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("!")]
