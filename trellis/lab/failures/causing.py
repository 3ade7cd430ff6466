"""What breaks a lab, and what heals it: power, cables, daemons, sessions, guests, and the site itself.

Each verb takes the lab and what the file says, and returns once it has happened. None goes through the program's own
code, but `deploy`, which is the program.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trellis.lab import network
from trellis.lab.edge import DAEMONS, edge_config
from trellis.lab.errors import LabError
from trellis.lab.machine import BOOT_LIMIT_S
from trellis.lab.processes import run
from trellis.lab.proof.fabric import VERSIONS
from trellis.lab.proof.prove import fabric_of
from trellis.site import load_site

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

_TABLE = "trellis_failure"


def power_cut(twin: Twin, host: str) -> None:
    """A host loses its power, in the middle of whatever it does."""
    twin.lab.machine(host).power_cut()


def power_on(twin: Twin, host: str) -> None:
    """It gets its power back, and boots; its guests start when it has."""
    machine = twin.lab.machine(host)
    machine.power_on()
    machine.wait_until_booted(time.monotonic() + BOOT_LIMIT_S)


def cut(twin: Twin, host: str, link: str) -> None:
    """A host's cable to a link carries nothing any more; no device goes down, as behind a switch."""
    network.set_link(twin.lab.topology, host, _interface(twin, host, link), up=False)


def mend(twin: Twin, host: str, link: str) -> None:
    """It carries again."""
    network.set_link(twin.lab.topology, host, _interface(twin, host, link), up=True)


def kill(twin: Twin, host: str, daemon: str) -> None:
    """A daemon of a host's FRR dies by SIGKILL; watchfrr is there to start it again."""
    twin.lab.access.run(host, f"kill -9 $(cat /run/frr/{daemon}.pid)")  # guests have daemons of the same names


def edge_power_cut(twin: Twin, edge: str) -> None:
    """An edge is gone: it forwards nothing, and its FRR says no goodbye."""
    twin.edge(edge).stop()
    _edge_links(twin, edge, up=False)


def edge_power_on(twin: Twin, edge: str) -> None:
    """It is back, with the configuration that it had."""
    _edge_links(twin, edge, up=True)
    twin.edge(edge).start(edge_config(twin.site, edge, twin.secrets), DAEMONS)


def part(twin: Twin, one: str, other: str) -> None:
    """Two routers cannot hear each other's BGP and BFD any more, and everything else passes: a filter in between."""
    fabric = fabric_of(twin)
    rules = "\n".join(
        f"  {'ip6' if version == 6 else 'ip'} saddr {fabric.loopback(other, version)} {what} drop"
        for version in VERSIONS
        for what in ("tcp dport 179", "tcp sport 179", "udp dport { 3784, 4784 }")
    )
    text = f"table inet {_TABLE} {{\n chain in {{\n  type filter hook input priority -300\n{rules}\n }}\n}}\n"
    if one in twin.site.edges:
        run([*_in_edge(twin, one), "nft", "-f", "-"], stdin=text)
    else:
        twin.lab.access.run(one, "nft -f -", stdin=text)


def rejoin(twin: Twin, one: str, other: str) -> None:
    """They hear each other again."""
    del other
    words = ["nft", "delete", "table", "inet", _TABLE]
    if one in twin.site.edges:
        run([*_in_edge(twin, one), *words])
    else:
        twin.lab.access.run(one, words)


def stop_guest(twin: Twin, guest: str) -> None:
    """A guest ends at once, with its network card."""
    twin.stop_guest(guest)


def kill_speaker(twin: Twin, guest: str) -> None:
    """A guest's BIRD or FRR dies by SIGKILL; the guest lives, and answers pings."""
    script = (
        f"for pid in $(ip netns pids {guest}); do "
        "case $(cat /proc/$pid/comm) in bird|zebra|bgpd|bfdd) kill -9 $pid ;; esac; done"
    )
    twin.lab.access.run(twin.host_of(guest), script)


def start_guest(twin: Twin, guest: str) -> None:
    """A guest starts where it was last."""
    twin.start_guests(lambda _: None, [guest])


def migrate(twin: Twin, guest: str, to: str) -> None:
    """A guest's device moves to another host with its addresses, and asks for its gateway there, as QEMU announces."""
    twin.move_guest(guest, to)


def migrate_silently(twin: Twin, guest: str, to: str) -> None:
    """A guest's device moves, and it sends nothing by itself: no announcement, and no speaker."""
    twin.move_guest(guest, to, speaks=False)


def restart_frr(twin: Twin, host: str) -> None:
    """A host's FRR is restarted, as the upgrade of its package does."""
    twin.lab.access.run(host, "systemctl restart frr", timeout_s=120)


def set_mtu(twin: Twin, host: str, link: str, mtu: int) -> None:
    """The switch behind a host's end of a link takes no larger packets than these, and says so to nobody."""
    network.set_mtu(twin.lab.topology, host, _interface(twin, host, link), mtu)


def deploy(twin: Twin, change: Mapping[str, Any] | None = None) -> None:
    """The program runs with a change of the site (RFC 7386: null takes an entry away), or with the site as it was."""
    data = merged(twin.site_data, change or {})
    replace(twin, site_data=data, site=load_site(data)).deploy("up", lambda _: None)


VERBS: dict[str, Callable[..., None]] = {
    verb.__name__: verb
    for verb in (
        power_cut,
        power_on,
        cut,
        mend,
        kill,
        edge_power_cut,
        edge_power_on,
        part,
        rejoin,
        stop_guest,
        kill_speaker,
        start_guest,
        migrate,
        migrate_silently,
        restart_frr,
        set_mtu,
        deploy,
    )
}
"""Everything that a failure's file may do, by its name there."""


def merged(value: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A document with a change of it, as RFC 7386 has it."""
    found = copy.deepcopy(dict(value))
    for key, new in change.items():
        if new is None:
            found.pop(key, None)
        elif isinstance(new, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = merged(found[key], new)
        else:
            found[key] = copy.deepcopy(new)
    return found


def _interface(twin: Twin, host: str, link: str) -> str:
    ends = twin.site.links[link].ends if link in twin.site.links else {}
    if host not in ends:
        raise LabError(f"{host} on {link}", why="the site has no such end of a link", remedy="mend the failure's file")
    return ends[host].interface


def _edge_links(twin: Twin, edge: str, *, up: bool) -> None:
    spec = next(entry for entry in twin.lab.topology.namespaces if entry.name == edge)
    for entry in spec.interfaces:
        network.set_link(twin.lab.topology, edge, entry.name, up=up)


def _in_edge(twin: Twin, edge: str) -> list[str]:
    return ["ip", "netns", "exec", network.namespace_of(twin.stack, edge)]
