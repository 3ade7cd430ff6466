"""What a plain VM makes of its cloud-init user-data: its links as systemd-networkd has them, and its speaker's file.

An interpreter of the few keys that matter here, written from systemd.network(5) and systemd.netdev(5); a key that it
does not know is an error.  Not systemd-networkd itself: a guest of the lab is a namespace, which has no systemd.  What
is advertised its kernel takes instead, which knows no `PrefixDenyList` and makes an address of the VNet's own prefix
too.
"""

from __future__ import annotations

import yaml

from trellis.lab.boot import Boot, Link, Route, wrong

CARD = "eth0"
"""The name of a VM's network card; its file says it by its MAC."""

_SPEAKERS = {"/etc/frr/frr.conf": "frr", "/etc/bird/bird.conf": "bird"}

_Section = tuple[str, list[tuple[str, str]]]

# What they say holds in every guest of the lab by itself: it asks no DHCP.
_WITHOUT_EFFECT = {"DHCP", "LinkLocalAddressing"}
_ADVERTISED = {"PrefixDenyList", "UseGateway", "DHCPv6Client"}


def of_virtual_machine(name: str, text: str) -> Boot:
    """Return what a plain VM boots with.

    Args:
        name: The VM's.
        text: Its cloud-init user-data.

    Raises:
        LabError: It brings no speaker, no network, or what this interpreter does not know.
    """
    files = {entry["path"]: entry["content"] for entry in yaml.safe_load(text).get("write_files", ())}
    links: list[Link] = []
    dropped: list[Route] = []
    for path, content in sorted(files.items()):
        if path.endswith(".network"):
            link, of_link = _network(name, path, content)
            links.append(link)
            dropped += of_link
    for path, speaker in _SPEAKERS.items():
        if path in files:
            return Boot(name, tuple(links), {}, speaker, files[path], tuple(dropped))
    raise wrong(name, ", ".join(files) or "no file", f"user-data brings {' or '.join(_SPEAKERS)}")


def _network(name: str, path: str, content: str) -> tuple[Link, list[Route]]:
    found: dict[str, str] = {}
    addresses: list[str] = []
    routes: list[Route] = []
    for section, entries in _sections(content):
        if section == "Route":
            routes.append(_route(name, path, dict(entries)))
            continue
        for key, value in entries:
            if (section, key) == ("Network", "Address"):
                addresses.append(value)
            elif (section, key) == ("Network", "IPv6AcceptRA"):
                found[key] = value
            elif section == "IPv6AcceptRA" and key in _ADVERTISED:
                if key != "PrefixDenyList" and value != "no":
                    raise wrong(name, f"{path}: {key}={value}", "the lab's guests take addresses alone, and no gateway")
            elif (section, key) in {("Match", "Name"), ("Match", "PermanentMACAddress"), ("Link", "MTUBytes")}:
                found[key] = value
            elif section != "Network" or key not in _WITHOUT_EFFECT:
                raise wrong(name, f"{path}: [{section}] {key}", "the lab's interpreter does not know this key")
    is_card = "PermanentMACAddress" in found
    link = Link(
        CARD if is_card else found["Name"],
        dummy=not is_card,
        mtu=int(found["MTUBytes"]) if "MTUBytes" in found else None,
        addresses=tuple(addresses),
        routes=tuple(route for route in routes if not route.drops),
        slaac=found.get("IPv6AcceptRA") == "yes",
    )
    return link, [route for route in routes if route.drops]


def _route(name: str, path: str, said: dict[str, str]) -> Route:
    if strange := said.keys() - {"Destination", "Gateway", "Metric", "Type"}:
        raise wrong(
            name, f"{path}: [Route] {', '.join(sorted(strange))}", "the lab's interpreter does not know this key"
        )
    destination = said["Destination"]
    default = destination in ("0.0.0.0/0", "::/0")
    drops = said.get("Type") == "blackhole"
    return Route(said.get("Gateway"), int(said["Metric"]), None if default else destination, drops)


def _sections(content: str) -> list[_Section]:
    """Return the sections of a file in order; one name may stand several times, and so may a key."""
    found: list[_Section] = []
    for line in content.splitlines():
        if line.startswith("["):
            found.append((line.strip("[]"), []))
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[-1][1].append((key, value))
    return found
