"""Whether a host has what a site counts on: packages, and its ends of the links. Looks only, and names all at once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from trellis.agent.devices import Device
from trellis.agent.ground import Interface, Preconditions
from trellis.agent.process import run
from trellis.agent.report import Refusal

_ASK_S = 20.0

_PROVIDES = {
    "frr": "/usr/lib/frr/zebra",
    "frr-pythontools": "/usr/lib/frr/frr-reload.py",
    "nftables": "nft",
    "radvd": "radvd",
}
"""By package, what shows that it is there on a host that is no Debian."""

_WHY_PACKAGE = {
    "frr": "nothing routes without it",
    "frr-pythontools": "it brings frr-reload.py, without which a change of configuration ends every session",
    "radvd": "guests hear of no prefix and of no default router on VNets that it advertises on",
    "nftables": "without the host's table a guest reaches every port of the host, and other zones by way of it (R12)",
}


def missing(wanted: Preconditions, devices: Mapping[str, Device]) -> list[Refusal]:
    """Everything that this host lacks.

    Args:
        wanted: What the site counts on.
        devices: The host's network devices by name.
    """
    found = [refusal for interface in wanted.interfaces for refusal in _of_interface(interface, devices)]
    return [*_packages(wanted.packages), *found]


def _packages(wanted: tuple[str, ...]) -> Iterator[Refusal]:
    for package in wanted:
        if not _installed(package):
            yield Refusal(
                "preconditions.packages",
                package,
                f"{package} is installed",
                _WHY_PACKAGE.get(package, "the host's configuration needs it"),
                f"apt install {package}",
            )


def _installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        shown = _PROVIDES.get(package, package)
        return Path(shown).exists() if shown.startswith("/") else shutil.which(shown) is not None
    # A package that was removed is still known, as `config-files`.
    ended = run(["dpkg-query", "--show", "--showformat=${db:Status-Status}", package], _ASK_S)
    return ended.out.strip() == "installed"


def _of_interface(wanted: Interface, devices: Mapping[str, Device]) -> Iterator[Refusal]:
    device = devices.get(wanted.name)
    if device is None:
        yield Refusal(
            f"{wanted.path}.interface",
            wanted.name,
            "the interface is there",
            "the underlay has no link on it: FRR keeps its configuration, and nothing is ever sent",
            f"create {wanted.name} in /etc/network/interfaces, or name the right interface in the site",
        )
        return
    if not device.up:
        yield Refusal(
            f"{wanted.path}.interface",
            f"{wanted.name} is down",
            "the interface is set up (a cable that is out is not asked for)",
            "nothing is ever sent on it",
            f"ip link set {wanted.name} up, and `auto {wanted.name}` in /etc/network/interfaces",
        )
    if device.mtu < wanted.mtu:
        yield Refusal(
            f"{wanted.path}.interface",
            f"{wanted.name} has MTU {device.mtu}",
            f"its MTU is {wanted.mtu} or more: {wanted.why}",
            "larger packets vanish without a word: sessions come up, payload never flows",
            f"set `mtu {wanted.mtu}` on {wanted.name} and on what is below it, or lower the MTUs in the site",
        )
    for address in wanted.addresses:
        if address not in device.addresses:
            held = ", ".join(sorted(device.addresses)) or "none"
            yield Refusal(
                wanted.path,
                f"{wanted.name} has {held}",
                f"{wanted.name} has {address}",
                "the neighbours look for this host under the address that the site states",
                f"add {address} to {wanted.name} in /etc/network/interfaces, or correct the site",
            )
