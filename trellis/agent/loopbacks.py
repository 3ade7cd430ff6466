"""The interface of this host's loopbacks: in the kernel, and in /etc/network/interfaces.

Proxmox looks for the address of a node's VTEP in /etc/network/interfaces itself, never in a file that it sources;
so the stanza stands there (docs/decisions/0010-loopbacks-in-etc-network-interfaces.md). In the kernel the device is
made where it is missing, by `ip`: reloading the network would touch every other interface. What already is as wanted
is left alone, in whatever words it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from trellis.agent import files
from trellis.agent.devices import Device, devices, ordered
from trellis.agent.ground import Loopbacks
from trellis.agent.interfaces import Described, described, with_stanza
from trellis.agent.manifest import ManagedFile
from trellis.agent.report import Fault, Refusal

INTERFACES = "/etc/network/interfaces"

PENDING = "/etc/network/interfaces.new"
"""Where Proxmox keeps changes of the GUI; at the next apply, of SDN too, it replaces the file with this one."""


@dataclass(frozen=True, slots=True)
class Now:
    """The interface as it is: the device, and what the file and Proxmox's pending one say of it."""

    device: Device | None
    others: Mapping[str, Device]
    file: Described | None
    pending: Described | None
    is_pending: bool


def look(wanted: Loopbacks) -> Now:
    """Look at the interface, without touching it."""
    found = devices()
    name = wanted.interface
    others = {other: device for other, device in found.items() if other != name}
    texts = [_text(Path(path)) for path in (INTERFACES, PENDING)]
    said = [described(text, name) if text is not None else None for text in texts]
    return Now(found.get(name), others, said[0], said[1], texts[1] is not None)


def differences(wanted: Loopbacks, kind: str) -> list[str]:
    """In what the interface is not as wanted."""
    now = look(wanted)
    return [*_differences_live(wanted, now), *_differences_written(wanted, kind, now)]


def _differences_live(wanted: Loopbacks, now: Now) -> Iterator[str]:
    name = wanted.interface
    if now.device is None:
        yield f"{name} is missing"
        return
    if not now.device.up:
        yield f"{name} is down"
    yield from (f"{name} lacks {address}" for address in wanted.addresses if address not in now.device.addresses)
    yield from (f"{name} has {address}, which it should not" for address in _surplus(wanted, now.device.addresses))


def _differences_written(wanted: Loopbacks, kind: str, now: Now) -> Iterator[str]:
    name = wanted.interface
    if not _is_to_be_written(wanted, kind, now):
        return
    if now.file is None:
        yield f"{INTERFACES} has no stanza for {name}"
    elif not _says(now.file, wanted):
        yield f"{INTERFACES} says otherwise of {name}: {_words(now.file)}"


def refusals(wanted: Loopbacks, kind: str, ours: frozenset[str]) -> list[Refusal]:
    """Why the interface must not be made as wanted.

    Args:
        wanted: The interface.
        kind: The host's: `pve` or `frr`.
        ours: Addresses that an earlier commit gave it, which may therefore go.
    """
    now = look(wanted)
    return [*_foreign(wanted, now, ours), *_elsewhere(wanted, now), *_unwritable(wanted, kind, now)]


def _foreign(wanted: Loopbacks, now: Now, ours: frozenset[str]) -> Iterator[Refusal]:
    name = wanted.interface
    held = now.device.addresses if now.device else frozenset()
    written = now.file.addresses if now.file else frozenset()
    strange = sorted(set(_surplus(wanted, held | written)) - ours)
    if strange:
        yield Refusal(
            "fabric.loopback_interface",
            f"{name} has {', '.join(strange)}",
            f"the interface of the loopbacks has {' and '.join(wanted.addresses)}, and no other address",
            "nobody declared them, and the underlay would announce them",
            "move them to another interface, or name another fabric.loopback_interface",
        )
    if now.device is not None and now.device.kind != "dummy" and any(_differences_live(wanted, now)):
        yield Refusal(
            "fabric.loopback_interface",
            f"{name} is of kind {now.device.kind or 'hardware'}",
            "the loopbacks are on a dummy interface",
            "addresses on any other one come and go with a cable or a bridge",
            "name another fabric.loopback_interface, or remove that interface",
        )


def _elsewhere(wanted: Loopbacks, now: Now) -> Iterator[Refusal]:
    plain = {str(ip_interface(address).ip) for address in wanted.addresses}
    for name, device in sorted(now.others.items()):
        for address in sorted(device.addresses):
            if str(ip_interface(address).ip) in plain:
                yield Refusal(
                    "fabric.loopback_interface",
                    f"{name} has {address}",
                    f"this host's loopbacks are on {wanted.interface} alone",
                    "with an address on two interfaces the underlay announces it twice, at two costs",
                    f"remove it from {name}, or name the interface that it belongs on as fabric.loopback_interface",
                )


def _unwritable(wanted: Loopbacks, kind: str, now: Now) -> Iterator[Refusal]:
    if not _is_to_be_written(wanted, kind, now):
        return
    if kind == "pve" and now.is_pending and not (now.pending and _says(now.pending, wanted)):
        yield Refusal(
            PENDING,
            "there are network changes that nobody has applied yet",
            f"pending changes hold the stanza of {wanted.interface} too",
            "the next SDN apply puts that file in the place of /etc/network/interfaces: the loopbacks would be gone",
            "apply or revert them in Proxmox's GUI (node, System, Network), then run again",
        )
    if kind != "pve" and not Path(INTERFACES).exists():
        yield Refusal(
            INTERFACES,
            "missing",
            "the host's network is set up by ifupdown, or its loopbacks are there already",
            "nothing would bring the loopbacks up at the next boot",
            f"give {wanted.interface} {' and '.join(wanted.addresses)} by what sets up this host's network",
        )


def file_to_write(wanted: Loopbacks, kind: str) -> ManagedFile | None:
    """/etc/network/interfaces as it must become; None where it is right.

    Raises:
        Fault: It cannot be read as text.
    """
    now = look(wanted)
    if not any(_differences_written(wanted, kind, now)):
        return None
    actual = files.found(INTERFACES)
    text = _text(Path(INTERFACES)) or ""
    lines = with_stanza(text, wanted.interface, wanted.stanza).removesuffix("\n").split("\n")
    mode, owner, group = (actual.mode, actual.owner, actual.group) if actual else (0o644, "root", "root")
    return ManagedFile(INTERFACES, mode, owner, group, tuple(lines))


def bring_up(wanted: Loopbacks, ours: frozenset[str]) -> list[str]:
    """Make the device as wanted, and say what that took; nothing where it is."""
    name, now = wanted.interface, devices().get(wanted.interface)
    orders: list[tuple[str, ...]] = [] if now else [("link", "add", name, "type", "dummy")]
    held = now.addresses if now else frozenset()
    orders += [("address", "add", address, "dev", name) for address in wanted.addresses if address not in held]
    orders += [("address", "delete", old, "dev", name) for old in _surplus(wanted, held) if old in ours]
    if now is None or not now.up:
        orders.append(("link", "set", name, "up"))
    for order in orders:
        ordered(*order)
    return [" ".join(order) for order in orders]


def before(wanted: Loopbacks) -> dict[str, Any]:
    """The device as it is, for `put_back`."""
    now = devices().get(wanted.interface)
    held = sorted(_global(now.addresses)) if now else []
    return {"interface": wanted.interface, "existed": now is not None, "up": bool(now and now.up), "addresses": held}


def put_back(earlier: dict[str, Any]) -> None:
    """Make the device what it was; a device that was not there goes.

    Raises:
        Fault: The kernel refuses.
    """
    name, now = earlier["interface"], devices().get(earlier["interface"])
    if not earlier["existed"]:
        if now is not None:
            ordered("link", "delete", name)
        return
    if now is None:
        ordered("link", "add", name, "type", "dummy")
    held, wanted = _global(now.addresses if now else frozenset()), set(earlier["addresses"])
    for address in sorted(wanted - held):
        ordered("address", "add", address, "dev", name)
    for address in sorted(held - wanted):
        ordered("address", "delete", address, "dev", name)
    if (now is not None and now.up) != earlier["up"]:
        ordered("link", "set", name, "up" if earlier["up"] else "down")


def _is_to_be_written(wanted: Loopbacks, kind: str, now: Now) -> bool:
    """On a Proxmox host the stanza must be there; elsewhere something else may set the interface up."""
    return kind == "pve" or now.file is not None or any(_differences_live(wanted, now))


def _says(said: Described, wanted: Loopbacks) -> bool:
    return said.automatic and said.addresses == set(wanted.addresses)


def _words(said: Described) -> str:
    return f"{', '.join(sorted(said.addresses)) or 'no address'}{'' if said.automatic else ', and not at boot'}"


def _surplus(wanted: Loopbacks, held: frozenset[str]) -> list[str]:
    return sorted(_global(held) - set(wanted.addresses))


def _global(addresses: frozenset[str]) -> set[str]:
    """The addresses without those that the kernel makes by itself."""
    found = set()
    for address in addresses:
        try:
            if ip_interface(address).ip.is_link_local:
                continue
        except ValueError:
            pass
        found.add(address)
    return found


def _text(path: Path) -> str | None:
    actual = files.found(str(path))
    if actual is None:
        return None
    try:
        return actual.content.decode()
    except UnicodeDecodeError as error:
        raise Fault(str(path), f"not UTF-8: {error.reason}", "rewrite its comments in UTF-8") from error
