"""The questions of the proof, one function per command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trellis.lab.evidence import Question
from trellis.lab.proof import onwire
from trellis.lab.proof.fabric import Address, Prefix, vrf_of

PINGS = 3
PING_INTERVAL_S = 0.2
PING_PATIENCE_S, PING_LONG_PATIENCE_S = 1, 3
TCP_PATIENCE_S, TCP_LONG_PATIENCE_S = 1, 4
"""Seconds for what must not be answered, and for what must: Linux sends a lost SYN again after 1 and 3 s."""
CONNECTED = "connected"
"""What a TCP question prints once it has a connection."""
SEND_AFTER_S = 0.8
"""Crafted packets are sent from then on, for 3 s: an edge is ready long before a watch on a busy host is."""
WATCH_LIMIT_S, WATCH_AFTER_S = 12, 1
"""A watch lasts until all that has to come has, and so much longer for what must not; at most until the limit."""


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


def advertised(node: str, peer: Address) -> Question:
    """The routes of one family that a neighbour in the global instance is told, by the address of its family."""
    return vtysh(node, f"show bgp ipv{peer.version} unicast neighbors {peer} advertised-routes json")


def ospf(host: str, version: int) -> Question:
    """The OSPF neighbours."""
    return vtysh(host, "show ip ospf neighbor json" if version == 4 else "show ipv6 ospf6 neighbor json")


def ping(host: str, guest: str, source: Address, target: Address, patience_s: int = PING_LONG_PATIENCE_S) -> Question:
    """Pings from inside a guest, from an address of its own."""
    return Question(host, (*in_guest(guest), *_ping(source, target, patience_s)), at_once=True)


def _ping(source: Address, target: Address, patience_s: int) -> tuple[str, ...]:
    how = ("-n", "-c", str(PINGS), "-i", str(PING_INTERVAL_S), "-W", str(patience_s))
    return ("ping", *how, "-I", str(source), str(target))


def ping_from(node: str, source: Address, target: Address) -> Question:
    """Pings from a host or edge itself, from an address of its own."""
    return Question(node, _ping(source, target, PING_LONG_PATIENCE_S), at_once=True)


def tcp_from(node: str, source: Address, target: Address, port: int) -> Question:
    """A TCP connection from a host or edge itself, from an address of its own.

    Left to itself a host would take the anycast gateway's, whose answers end on the guest's own host.
    """
    ends = f"({str(target)!r}, {port}), {TCP_LONG_PATIENCE_S}, ({str(source)!r}, 0)"
    script = f"import socket; socket.create_connection({ends}); print({CONNECTED!r})"
    return Question(node, ("python3", "-c", script), at_once=True)


def tcp(host: str, guest: str, target: Address, port: int, patience_s: int = TCP_PATIENCE_S) -> Question:
    """A TCP connection from inside a guest, and the first line that the other side says."""
    return _connection(host, in_guest(guest), f"exec 3<>/dev/tcp/{target}/{port}", patience_s)


def tcp_to_link_local_gateway(host: str, guest: str, port: int) -> Question:
    """The same to the link-local address that is the guest's default gateway."""
    return _connection(
        host,
        in_guest(guest),
        "set -- $(ip -6 -o route show default); while [ $# -gt 0 ] && [ $1 != via ]; do shift; done; "
        f"exec 3<>/dev/tcp/$2%eth0/{port}",
        TCP_PATIENCE_S,
    )


def _connection(node: str, inside: tuple[str, ...], opened: str, patience_s: int) -> Question:
    script = f'{opened} && echo {CONNECTED} && IFS= read -r said <&3; echo "$said"'
    return Question(node, (*inside, "timeout", str(patience_s), "bash", "-c", script), at_once=True)


def drops(node: str, moment: str) -> Question:
    """The rules of a host's or edge's filter that have a name, with their counters."""
    return Question(node, ("sh", "-c", "nft list table inet trellis | grep comment"), moment=moment)


def advertisements_heard(host: str, vnet: str, moment: str) -> Question:
    """How many router advertisements the host itself has taken in on a VNet (with much else)."""
    return Question(host, ("cat", f"/proc/net/dev_snmp6/{vnet}"), moment=moment)


def bfd(node: str) -> Question:
    """All BFD sessions."""
    return vtysh(node, "show bfd peers json")


def watch(node: str, guest: str | None, wanted: Sequence[str]) -> Question:
    """What comes in of crafted packets, on a host, an edge or in a guest; entries as `onwire` has them."""
    return _onwire(node, guest, "watch", str(WATCH_LIMIT_S), str(WATCH_AFTER_S), *wanted)


def send(node: str, guest: str | None, packets: Sequence[str]) -> Question:
    """Crafted packets from a host, an edge or a guest, sent while everybody watches."""
    return _onwire(node, guest, "send", str(SEND_AFTER_S), *packets)


def advertise(host: str, guest: str) -> Question:
    """Router advertisements from a guest."""
    return _onwire(host, guest, "advertise", str(SEND_AFTER_S), "eth0")


def _onwire(node: str, guest: str | None, *words: str) -> Question:
    inside = in_guest(guest) if guest is not None else ()
    return Question(node, (*inside, "python3", "-", *words), at_once=True, stdin=Path(onwire.__file__).read_text())


def in_guest(guest: str) -> tuple[str, ...]:
    """What a command begins with that runs in a guest's network; `ip netns exec` takes four times as long."""
    return ("nsenter", f"--net=/run/netns/{guest}")


def default_route(host: str, guest: str, version: int) -> Question:
    """The default route in a guest's kernel."""
    return Question(host, ("ip", "-n", guest, f"-{version}", "-j", "route", "show", "default"))


def way_to(host: str, guest: str, target: Address) -> Question:
    """How a guest's kernel would send to an address."""
    return Question(host, ("ip", "-n", guest, "-j", "route", "get", str(target)))


def device(host: str, name: str) -> Question:
    """A network device of a host."""
    return Question(host, ("ip", "-j", "address", "show", "dev", name))


def reload_test(host: str) -> Question:
    """What frr-reload would change."""
    return Question(host, ("/usr/lib/frr/frr-reload.py", "--test", "/etc/frr/frr.conf"))


def _family(version: int) -> str:
    return "ip" if version == 4 else "ipv6"
