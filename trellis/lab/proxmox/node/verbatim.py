"""How pve-network 1.3.0 merges frr.conf.local into what it generates: line by line, keeping lines as written.

The first rule that matches a line wins; the rules look at the line's first column, so an indented line is
just text. What is opened here is a place to which the following lines go. The surprises (a top-level line
is lost, a router's line after a foreign address family leaves the router, a route-map is renumbered) are
Proxmox's own, and the reason why this file exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .generated import DEFAULT_VRF, Generated, MergeError, Router

_FAMILIES = ("ipv4 unicast", "ipv6 unicast", "l2vpn evpn")
_ROUTER_BGP = re.compile(r"router bgp (\S+)(?: vrf (.+))?")
_ROUTE_MAP = re.compile(r"route-map (.+) (permit|deny) (\d+)")
_KEPT_LISTS = re.compile(r"access-list .+ seq \d+ .+|ip prefix-list .+ seq \d+ .*|ipv6 prefix-list .+ seq \d+ .*")


@dataclass
class _Custom:
    """Where lines of frr.conf.local went."""

    top: list[str] = field(default_factory=list)
    vrfs: dict[str, list[str]] = field(default_factory=dict)
    routers: dict[str, list[str]] = field(default_factory=dict)
    families: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    maps: dict[str, list[str]] = field(default_factory=dict)


class _Reader:
    """The place to which the next line goes, and what is open."""

    def __init__(self, generated: Generated) -> None:
        self.generated = generated
        self.custom = _Custom()
        self.place: list[str] = []
        self.router: tuple[str, str] | None = None
        self.in_new_block = False
        self.in_new_family = False

    def read(self, line: str) -> None:
        """Take one line, without blanks at its end."""
        if self._opens_block(line) or self._opens_part(line):
            return
        if _KEPT_LISTS.match(line):
            self.custom.top.append(line)
        elif line.endswith("exit-address-family"):
            self._close_family(line)
        elif line.startswith("exit"):
            self._close(line)
        elif "!" not in line:
            self.place.append(line)

    def _opens_block(self, line: str) -> bool:
        word, _, rest = line.partition(" ")
        if not rest or word not in ("router", "vrf", "interface"):
            return False
        if word == "router":
            self._open_router(line)
        elif word == "vrf":
            self._open_vrf(line)
        else:
            self._open_new(line)
        return True

    def _opens_part(self, line: str) -> bool:
        if line.startswith("bgp community-list "):
            self.custom.top.append(line)
        elif match := re.search(r"address-family (.+)$", line):
            self._open_family(match[1])
        elif match := _ROUTE_MAP.match(line):
            self.in_new_block = True
            self.place = self.custom.maps.setdefault(match[1], [])
            self.place.append(match[0])
        else:
            return False
        return True

    def _open_new(self, line: str) -> None:
        self.in_new_block = True
        self.custom.top.append(line)
        self.place = self.custom.top

    def _open_router(self, line: str) -> None:
        match = _ROUTER_BGP.fullmatch(line)
        if match is None:
            self._open_new(line)
            return
        self.router = (match[1], match[2] or DEFAULT_VRF)
        if self._own_router() is None:
            self._open_new(line)
        else:
            self.place = self.custom.routers.setdefault(self.router[1], [])

    def _own_router(self) -> Router | None:
        """The generated router that the last `router bgp` line named, if Proxmox generates it."""
        if self.router is None:
            return None
        found = self.generated.routers.get(self.router[1])
        return found if found is not None and found.asn == self.router[0] else None

    def _open_vrf(self, line: str) -> None:
        name = line.removeprefix("vrf ")
        if name in self.generated.vrfs:
            self.place = self.custom.vrfs.setdefault(name, [])
        else:
            self._open_new(line)

    def _open_family(self, name: str) -> None:
        router = self._own_router()
        if router is not None and name in router.families:
            self.place = self.custom.families.setdefault((router.vrf, name), [])
            return
        self.in_new_family = True
        self.place = self.custom.top if router is None else self.custom.routers.setdefault(router.vrf, [])
        self.place.append(f" address-family {name}")

    def _close_family(self, line: str) -> None:
        if self.in_new_family:
            self.place.append(line)
            self.place = self.custom.top
        else:
            vrf = self.router[1] if self.router is not None else ""
            if vrf not in self.generated.routers:
                raise MergeError("exit-address-family in frr.conf.local where no address family is open")
            self.place = self.custom.routers.setdefault(vrf, [])
        self.in_new_family = False

    def _close(self, line: str) -> None:
        if self.in_new_block:
            self.place += [line, "!"]
        self.place = []
        self.router = None
        self.in_new_block = False


def merge(generated: Generated, local: str) -> list[str]:
    """The body of frr.conf: what Proxmox generates, with frr.conf.local merged into it.

    Args:
        generated: What Proxmox generates.
        local: The text of frr.conf.local; empty where there is none.

    Raises:
        MergeError: Proxmox's generator would stop.
    """
    reader = _Reader(generated)
    for line in local.splitlines():
        if text := line.rstrip():
            reader.read(text)
    custom = reader.custom
    for name, lines in custom.vrfs.items():
        if not lines:
            raise MergeError(f"an empty block of vrf {name} in frr.conf.local")
    return [
        *_vrfs(generated, custom),
        *_routers(generated, custom),
        *_prefix_lists(generated),
        *custom.top,
        *_custom_maps(generated, custom),
        *_generated_maps(generated),
    ]


def _vrfs(generated: Generated, custom: _Custom) -> list[str]:
    out: list[str] = []
    for name, lines in sorted(generated.vrfs.items()):
        out += ["!", f"vrf {name}", *(f" {line}" for line in lines), *custom.vrfs.get(name, []), "exit-vrf"]
    return out


def _routers(generated: Generated, custom: _Custom) -> list[str]:
    out: list[str] = []
    for vrf, router in sorted(generated.routers.items()):
        out += ["!", f"router {router.head}", *(f" {line}" for line in router.lines)]
        out += custom.routers.get(vrf, [])
        for name in _FAMILIES:
            if name in router.families:
                out += [" !", f" address-family {name}", *(f"  {line}" for line in router.families[name])]
                out += [*custom.families.get((vrf, name), []), " exit-address-family"]
        out.append("exit")
    return out


def _prefix_lists(generated: Generated) -> list[str]:
    out: list[str] = []
    for (family, name), entries in sorted(generated.prefix_lists.items()):
        out += ["!", *(f"{family} prefix-list {name} seq {seq} {rule}" for seq, rule in entries)]
    return out


def _custom_maps(generated: Generated, custom: _Custom) -> list[str]:
    """Route-maps of frr.conf.local, by name, numbered on from Proxmox's own entries of that name."""
    out: list[str] = []
    for name, lines in sorted(custom.maps.items()):
        number = len(generated.maps.get(name, []))
        for line in lines:
            if match := _ROUTE_MAP.match(line):
                number += 1
                out.append(f"route-map {match[1]} {match[2]} {number}")
            else:
                out.append(line)
    return out


def _generated_maps(generated: Generated) -> list[str]:
    out: list[str] = []
    for name, entries in sorted(generated.maps.items()):
        for number, entry in enumerate(entries, start=1):
            out += ["!", f"route-map {name} {entry.action} {number}"]
            out += [*(f" {line}" for line in entry.lines), "exit"]
    return out
