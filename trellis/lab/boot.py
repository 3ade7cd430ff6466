"""What a machine makes of the configuration that it is given: a small interpreter of Talos's network documents.

The lab's guests boot from the texts that the program exports, not from a second rendering.  This is an interpreter of
those documents that concern the network and the speaker (LinkConfig, DummyLinkConfig, BlackholeRouteConfig,
HostnameConfig, Layer2VIPConfig, ExtensionServiceConfig; before Talos 1.12 `machine.network` of v1alpha1), written from
Talos's reference and not from what renders them: a key that it does not know is an error.  Not Talos itself, which
boots no namespace.  What a plain VM makes of its cloud-init user-data stands in ``trellis.lab.user_data``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from trellis.lab.errors import LabError

BIRD = "/usr/local/etc/bird.conf"
"""Where the bird2 extension reads its configuration (siderolabs/extensions, network/bird2)."""
FRR = ("/usr/local/etc/frr/frr.conf.j2", "/usr/local/etc/frr/frr.conf")
"""Where FRR extensions do that take FRR's own text."""
_WORST = 1024
"""The metric of a route whose document names none (Talos)."""


@dataclass(frozen=True, slots=True)
class Route:
    """A static route; the default where it has no destination.

    Attributes:
        gateway: None for what its link takes itself, or nothing does.
        drops: Whether a packet ends here.
    """

    gateway: str | None
    metric: int
    destination: str | None = None
    drops: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a machine, its addresses with their lengths.

    Attributes:
        slaac: Whether it makes further ones of the prefixes that are advertised.
    """

    name: str
    dummy: bool = False
    mtu: int | None = None
    addresses: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    slaac: bool = False


@dataclass(frozen=True, slots=True)
class Boot:
    """What a machine comes up with.

    Attributes:
        links: Its links.
        shared: Addresses that it may take over, each with the link that it would be on.
        speaker: `bird` or `frr`.
        config: The speaker's configuration.
        dropped: Routes at which packets end.
    """

    hostname: str
    links: tuple[Link, ...]
    shared: Mapping[str, str]
    speaker: str
    config: str = field(repr=False)
    dropped: tuple[Route, ...] = ()

    @property
    def card(self) -> Link:
        """The link to the VNet: the one that is no dummy."""
        cards = [link for link in self.links if not link.dummy]
        if len(cards) != 1:
            raise wrong(self.hostname, f"{len(cards)} links that are no dummies", "one network card is on the VNet")
        return cards[0]


def of_talos(name: str, text: str) -> Boot:
    """Return what a Talos node of a name boots with.

    Args:
        name: The node's.
        text: Its machine configuration patch, one or several YAML documents.

    Raises:
        LabError: A document is unknown, or lacks what a node needs.
    """
    documents = [document for document in yaml.safe_load_all(text) if document]
    links: list[Link] = []
    dropped: list[Route] = []
    shared: dict[str, str] = {}
    files: dict[str, str] = {}
    hostname = name
    for document in documents:
        match document.get("kind"):
            case None:
                network = document.get("machine", {}).get("network", {})
                hostname = network.get("hostname", hostname)
                links += [_old_link(name, entry, shared) for entry in network.get("interfaces", ())]
            case "LinkConfig" | "DummyLinkConfig":
                links.append(_link(name, document))
            case "BlackholeRouteConfig":
                dropped.append(Route(None, document.get("metric", _WORST), document["name"], drops=True))
            case "HostnameConfig":
                hostname = document["hostname"]
            case "Layer2VIPConfig":
                shared[document["name"]] = document["link"]
            case "ExtensionServiceConfig":
                files |= {entry["mountPath"]: entry["content"] for entry in document.get("configFiles", ())}
            case "BGPInstanceConfig" as kind:
                raise wrong(name, kind, "Talos's own speaker runs in Talos alone, the lab has none")
            case kind:
                raise wrong(name, str(kind), "the lab's interpreter does not know this document")
    speaker, config = _speaker(name, files)
    return Boot(hostname, tuple(links), shared, speaker, config, tuple(dropped))


def _link(name: str, document: Mapping[str, Any]) -> Link:
    known = {"apiVersion", "kind", "name", "up", "mtu", "addresses", "routes"}
    if strange := document.keys() - known:
        raise wrong(name, f"{document['kind']} {document['name']}: {', '.join(sorted(strange))}", "unknown keys")
    return Link(
        name=document["name"],
        dummy=document["kind"] == "DummyLinkConfig",
        mtu=document.get("mtu"),
        addresses=tuple(entry["address"] for entry in document.get("addresses", ())),
        routes=tuple(_route(entry, "destination") for entry in document.get("routes", ())),
    )


def _old_link(name: str, entry: Mapping[str, Any], shared: dict[str, str]) -> Link:
    known = {"interface", "mtu", "addresses", "routes", "dummy", "vip", "dhcp"}
    if strange := entry.keys() - known:
        raise wrong(name, f"interface {entry['interface']}: {', '.join(sorted(strange))}", "unknown keys")
    if "vip" in entry:
        shared[entry["vip"]["ip"]] = entry["interface"]
    return Link(
        name=entry["interface"],
        dummy=entry.get("dummy", False),
        mtu=entry.get("mtu"),
        addresses=tuple(entry.get("addresses", ())),
        routes=tuple(_route(route, "network") for route in entry.get("routes", ())),
    )


def _route(entry: Mapping[str, Any], destination: str) -> Route:
    found = entry.get(destination)
    default = found in (None, "", "0.0.0.0/0", "::/0")
    return Route(entry.get("gateway"), entry.get("metric", _WORST), None if default else found)


def _speaker(name: str, files: Mapping[str, str]) -> tuple[str, str]:
    if BIRD in files:
        return "bird", files[BIRD]
    for path in FRR:
        if path in files:
            return "frr", files[path]
    raise wrong(name, ", ".join(files) or "no file", "an extension brings the speaker its configuration")


def commands(boot: Boot) -> Iterator[str]:
    """Yield the lines of `ip -batch` that give a machine its links' addresses and routes, its card being there."""
    yield "link set dev lo up"
    for link in boot.links:
        if link.dummy:
            yield f"link add dev {link.name} type dummy"
            yield f"link set dev {link.name} up"
        elif link.mtu is not None:
            yield f"link set dev {link.name} mtu {link.mtu}"
        for address in link.addresses:
            yield f"address add {address} dev {link.name}{' nodad' if ':' in address else ''}"


def routes(boot: Boot) -> Iterator[str]:
    """Yield the lines of `ip -batch` that add a machine's static routes, once its card has a link."""
    for link in boot.links:
        for route in link.routes:
            destination = route.destination or ("::/0" if ":" in (route.gateway or "") else "0.0.0.0/0")
            via = f" via {route.gateway}" if route.gateway is not None else ""
            yield f"route replace {destination}{via} dev {link.name} metric {route.metric}"
    for route in boot.dropped:
        yield f"route replace blackhole {route.destination} metric {route.metric}"


def wrong(name: str, what: str, why: str) -> LabError:
    """Return the error of a machine whose configuration says what it could not boot with.

    Args:
        name: The machine's.
        what: What is wrong.
        why: The rule.
    """
    return LabError(f"boot of {name}: {what}", why=why, remedy="see what the program exports: `pulumi stack output`")
