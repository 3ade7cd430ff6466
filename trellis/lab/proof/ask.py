"""The questions of the proof, one function per command."""

from __future__ import annotations

from trellis.lab.evidence import Question
from trellis.lab.proof.fabric import Address, Prefix, vrf_of

PINGS = 3
PING_INTERVAL_S = 0.2
PING_PATIENCE_S = 1


def vtysh(node: str, command: str, *, at_once: bool = False) -> Question:
    """A command of FRR."""
    return Question(node, ("vtysh", "-c", command), at_once)


def neighbour(node: str, address: Address, zone: str | None = None) -> Question:
    """One BGP session, in the global instance or a zone's."""
    scope = f"vrf {vrf_of(zone)} " if zone else ""
    return vtysh(node, f"show bgp {scope}neighbors {address} json")


def summary(node: str, zone: str) -> Question:
    """All BGP sessions of a zone."""
    return vtysh(node, f"show bgp vrf {vrf_of(zone)} summary json")


def route(node: str, prefix: Prefix) -> Question:
    """The global table's route to exactly this prefix."""
    return vtysh(node, f"show {_family(prefix.version)} route {prefix} json")


def all_routes(node: str, version: int, zone: str | None = None) -> Question:
    """The routes of the global table or of a zone's VRF."""
    scope = f"vrf {vrf_of(zone)} " if zone else ""
    return vtysh(node, f"show {_family(version)} route {scope}json")


def bgp_table(node: str, version: int, zone: str | None = None) -> Question:
    """The BGP table of one family, global or of a zone."""
    scope = f"vrf {vrf_of(zone)} " if zone else ""
    return vtysh(node, f"show bgp {scope}ipv{version} unicast json")


def ospf(host: str, version: int) -> Question:
    """The OSPF neighbours."""
    return vtysh(host, "show ip ospf neighbor json" if version == 4 else "show ipv6 ospf6 neighbor json")


def ping(host: str, guest: str, source: Address, target: Address) -> Question:
    """Pings from inside a guest, from an address of its own."""
    how = ("-n", "-c", str(PINGS), "-i", str(PING_INTERVAL_S), "-W", str(PING_PATIENCE_S))
    return Question(host, ("ip", "netns", "exec", guest, "ping", *how, "-I", str(source), str(target)), at_once=True)


def default_route(host: str, guest: str, version: int) -> Question:
    """The default route in a guest's kernel."""
    return Question(host, ("ip", "-n", guest, f"-{version}", "-j", "route", "show", "default"))


def device(host: str, name: str) -> Question:
    """A network device of a host."""
    return Question(host, ("ip", "-j", "address", "show", "dev", name))


def reload_test(host: str) -> Question:
    """What frr-reload would change."""
    return Question(host, ("/usr/lib/frr/frr-reload.py", "--test", "/etc/frr/frr.conf"))


def _family(version: int) -> str:
    return "ip" if version == 4 else "ipv6"
