"""A node's speaker as Talos runs it: an extension's files, or a document of Talos's own.

The text of bird.conf and frr.conf is ``trellis.render.speakers``'s.  There is no official FRR extension.  Two are in
use, whose containers take different files and make frr.conf of them as they start; what each takes is written here by
its own contract: sulibot's a template in place of its own, jsenecal's the values of its own template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.plan.model import GuestPlan
from trellis.plan.speakers import Range, SpeakerPlan
from trellis.render.edge_sessions import placeholder
from trellis.render.speakers import speaker_text
from trellis.render.talos.document import document
from trellis.render.yaml_text import Document, one_document
from trellis.site.checks.machines import LOOPBACK_LINK
from trellis.site.kubernetes import Talos

_FRR = "/usr/local/etc/frr"
_BIRD_CONF = "/usr/local/etc/bird.conf"


def speaker_documents(guest: GuestPlan, talos: Talos) -> Iterator[Document]:
    """Yield the documents that configure a node's speaker.

    Args:
        guest: The node.
        talos: How its machine configuration is written.
    """
    speaker = guest.speaker
    if speaker.kind == "talos-native":
        yield _native(speaker)
    elif speaker.kind == "bird2":
        yield _extension("bird2", {_BIRD_CONF: speaker_text(speaker)})
    elif talos.frr_extension == "sulibot":
        yield _extension("frr", _sulibot(speaker))
    else:
        yield _extension("frr", {f"{_FRR}/config.yaml": one_document(_jsenecal(guest))})


def _extension(name: str, files: dict[str, str]) -> Document:
    return document(
        "ExtensionServiceConfig",
        name=name,
        configFiles=[{"content": content, "mountPath": path} for path, content in files.items()],
    )


def _native(speaker: SpeakerPlan) -> Document:
    """Return Talos's own speaker; it has no filters, so that what its host tells it is all that it takes.

    It announces the addresses of links, and pods are none: those are told by whoever routes them.
    """
    neighbour: dict[str, Any] = {
        "address": speaker.gateway,
        "peerASN": speaker.gateway_asn,
        "holdTime": f"{speaker.hold_time_s}s",
    }
    if speaker.bfd is not None:
        interval = f"{speaker.bfd[0]}ms"
        neighbour["bfd"] = {
            "transmitInterval": interval,
            "receiveInterval": interval,
            "detectMultiplier": speaker.bfd[1],
        }
    return document(
        "BGPInstanceConfig",
        name="fabric",
        localASN=speaker.asn,
        routerID=speaker.router_id,
        **({"advertise": [LOOPBACK_LINK]} if speaker.loopbacks else {}),
        neighbors=[neighbour],
    )


def _sulibot(speaker: SpeakerPlan) -> dict[str, str]:
    """Return the files of sulibot's extension: our frr.conf as a template without a variable, and what it insists on.

    It refuses to start without four values of config.yaml, of which our template uses none.  It reads no ``daemons``:
    its own starts zebra, bgpd, staticd and bfdd.
    """
    raw = f"{{% raw %}}{speaker_text(speaker)}{{% endraw %}}\n"
    return {f"{_FRR}/frr.conf.j2": raw, f"{_FRR}/config.yaml": one_document({"bgp": _asns(speaker)})}


def _asns(speaker: SpeakerPlan) -> dict[str, Any]:
    """Return the values without which either extension's container ends at once."""
    return {
        "upstream": {"local_asn": speaker.asn, "router_id": speaker.router_id},
        "cilium": {"local_asn": speaker.asn, "remote_asn": speaker.asn},
    }


def _jsenecal(guest: GuestPlan) -> Document:
    """Return config.yaml of jsenecal's extension.

    A session is one entry for each family, both with the gateway's one address.  It knows no extended next hop: IPv4
    routes have the node's own IPv4 address as their next hop, which is why a node without one is refused.  Lists of
    the values that it comes with are replaced by these, and other values stay where they are not named.
    """
    speaker, versions = guest.speaker, (4, 6) if guest.guest.ipv4 is not None else (6,)
    families = [_jsenecal_family(speaker, version) for version in versions]
    values: Document = {
        "bgp": {
            "cilium": {**_asns(speaker)["cilium"], "namespace": "cilium"},
            "upstream": {
                **_asns(speaker)["upstream"],
                # Else its own example's, which is nobody's address here, would be the source of all that is sent.
                "router_id_v6": speaker.address,
                "networks": {
                    f"ipv{version}": [prefix for prefix in speaker.own if _version(prefix) == version]
                    for version in versions
                },
                "peers": families,
            },
        },
        "route_filters": {
            "prefix_lists": {
                f"ipv{version}": {
                    "FROM-GATEWAY": {"rules": _rules(speaker.imports, version)},
                    "TO-GATEWAY": {"rules": _rules(speaker.announces, version)},
                }
                for version in versions
            },
            "route_maps": {
                f"{name}-IPV{version}": {
                    "rules": [
                        {
                            "seq": 10,
                            "action": "permit",
                            "match": {"prefix_list": name, "address_family": f"ipv{version}"},
                        }
                    ]
                }
                for version in versions
                for name in ("FROM-GATEWAY", "TO-GATEWAY")
            },
        },
    }
    if speaker.bfd is not None:
        interval, multiplier = speaker.bfd
        profile = {"detect_multiplier": multiplier, "receive_interval": interval, "transmit_interval": interval}
        values["bfd"] = {"profiles": {"gateway": profile}}
    return values


def _jsenecal_family(speaker: SpeakerPlan, version: int) -> dict[str, Any]:
    return {
        "address": speaker.gateway,
        "remote_asn": speaker.gateway_asn,
        "description": "anycast gateway",
        "address_family": f"ipv{version}",
        "update_source": speaker.address,
        "timers": {"keepalive": speaker.keepalive_s, "hold": speaker.hold_time_s},
        **({"password": placeholder(speaker.md5)} if speaker.md5 is not None else {}),
        **({"bfd": {"enabled": True, "profile": "gateway"}} if speaker.bfd is not None else {}),
        "route_map_in": f"FROM-GATEWAY-IPV{version}",
        "route_map_out": f"TO-GATEWAY-IPV{version}",
    }


def _rules(ranges: tuple[Range, ...], version: int) -> list[dict[str, Any]]:
    """Return entries of a prefix-list; FRR takes ``ge`` only where it is longer than the prefix itself."""
    return [
        {
            "seq": 5 * number,
            "action": "permit",
            "prefix": found.prefix,
            **({"ge": found.shortest} if found.shortest > _length(found.prefix) else {}),
            **({"le": found.longest} if found.longest > _length(found.prefix) else {}),
        }
        for number, found in enumerate((one for one in ranges if one.version == version), start=1)
    ]


def _length(prefix: str) -> int:
    return int(prefix.partition("/")[2])


def _version(prefix: str) -> int:
    return 6 if ":" in prefix else 4
