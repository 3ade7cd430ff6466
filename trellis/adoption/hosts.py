"""Each host of an existing cluster as an entry of a site: its kind, its releases, and where it is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from trellis.adoption import given
from trellis.adoption.draft import Draft
from trellis.adoption.reading import Read
from trellis.site.model import FrrVersion, PveVersion

_RELEASE = re.compile(r"pve-manager/(\d+)\.(\d+)")
_FRR = re.compile(r"(?:FRRouting |frr )(\d+)\.(\d+)")


def host_entry(read: Read, number: int, draft: Draft) -> dict[str, Any]:
    """Return a host as an entry of a site.

    Args:
        read: The host.
        number: Its id.
        draft: Where it is noted what no text says.
    """
    entry: dict[str, Any] = {"id": number}
    text = "\n".join((read.host.text(given.VERSIONS), *(s.line for s in read.statements if not s.around)))
    if read.kind == "frr":
        entry["kind"] = "frr"
    else:
        entry["pve_version"] = _known_pve(read.name, text, draft)
    entry["frr_version"] = _known_frr(read, draft)
    entry["ssh"] = {"address": _address(read, draft)}
    if read.host.host_key is not None:
        entry["ssh"]["host_key"] = read.host.host_key
    return entry


def _known_pve(host: str, text: str, draft: Draft) -> str:
    known: tuple[str, ...] = PveVersion.__args__  # type: ignore[attr-defined]
    said = _RELEASE.search(text)
    if said is None:
        draft.assume(f"hosts.{host}.pve_version is {known[-2]}: `pveversion` of it was not read")
        return known[-2]
    release = f"{said[1]}.{said[2]}"
    return release if release in known else _nearest(f"hosts.{host}.pve_version", release, known, draft)


def _known_frr(read: Read, draft: Draft) -> str:
    known: tuple[str, ...] = FrrVersion.__args__  # type: ignore[attr-defined]
    said = _FRR.search(read.host.text(given.VERSIONS))
    if said is None:
        draft.assume(f"hosts.{read.name}.frr_version is {known[0]}: what is installed there was not read")
        return known[0]
    release = f"{said[1]}.{said[2]}"
    return release if release in known else _nearest(f"hosts.{read.name}.frr_version", release, known, draft)


def _nearest(path: str, release: str, known: tuple[str, ...], draft: Draft) -> str:
    """Return the newest known release that is not newer than one; the oldest where there is none."""
    numbers = tuple(map(int, release.split(".")))
    found = [one for one in known if tuple(map(int, one.split("."))) <= numbers]
    chosen = found[-1] if found else known[0]
    draft.assume(f"{path} is {chosen}: the host has {release}, which was never measured")
    return chosen


def _address(read: Read, draft: Draft) -> str:
    if read.host.address is not None:
        return read.host.address
    own = {str(address.ip) for address in _segments(read)} or {
        str(found.ip) for wire in read.wires.values() if (found := wire.ipv4()) and found.network.prefixlen < 31
    }
    if not own:
        draft.assume(f"hosts.{read.name}.ssh.address is its name: no address of it is known")
        return read.name
    chosen = min(own, key=lambda text: int(ip_address(text)))
    draft.assume(f"hosts.{read.name}.ssh.address is {chosen}: the lowest of its own that is on no point-to-point link")
    return chosen


def _segments(read: Read) -> Iterator[Any]:
    for name, wire in read.wires.items():
        in_ospf = any("ospf area" in line for line in read.inside(f"interface {name}"))
        if in_ospf and (own := wire.ipv4()) and own.network.prefixlen < 31:
            yield own


def endpoint(reads: Sequence[Read], draft: Draft) -> str:
    """Return where the Proxmox API would be: at the first host of it.

    Args:
        reads: The hosts.
        draft: Where it is noted that no text says so.
    """
    first = next(read for read in reads if read.kind == "pve")
    address = first.host.address or _address(first, Draft({}))
    found = f"https://{f'[{address}]' if ':' in address else address}:8006"
    draft.assume(f"proxmox.endpoint is {found}: it was not named")
    return found
