"""The scalars of a site: ASNs, names, addresses, prefixes; each refuses what FRR or Proxmox would not bear.

What is checked here can be judged from the one value alone; what needs a second look elsewhere in the site
stands in ``trellis.site.checks``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_network,
)
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# RFC 7607 (0), RFC 4893 (23456), RFC 7300 (65535, 4294967295), RFC 5398 (documentation).
_RESERVED_ASNS = (
    (0, 0, "AS 0 is reserved and never announced (RFC 7607)"),
    (23456, 23456, "AS 23456 stands for any 4-byte ASN in old speakers (RFC 4893)"),
    (64496, 64511, "64496-64511 is for documentation (RFC 5398)"),
    (65535, 65535, "65535 is reserved (RFC 7300)"),
    (65536, 65551, "65536-65551 is for documentation (RFC 5398)"),
    (4294967295, 4294967295, "4294967295 is reserved (RFC 7300)"),
)


def refuse(rule: str, why: str, remedy: str) -> PydanticCustomError:
    """Return the error that a validator raises, carrying the three parts a ``Refusal`` needs.

    Args:
        rule: What must hold.
        why: What would go wrong otherwise.
        remedy: What to do.
    """
    return PydanticCustomError("refusal", "{rule}", {"rule": rule, "why": why, "remedy": remedy})


def _usable_asn(asn: int) -> int:
    for first, last, reason in _RESERVED_ASNS:
        if first <= asn <= last:
            raise refuse(
                "an ASN is not a reserved one",
                reason,
                "take a private ASN: 64512-65534 or 4200000000-4294967294 (RFC 6996)",
            )
    return asn


def matching(pattern: str, rule: str, why: str, remedy: str) -> Callable[[str], str]:
    """Return a validator that refuses text which does not match a pattern as a whole; words as of ``refuse``."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise refuse(rule, why, remedy)
        return text

    check.__doc__ = rule  # the reference of a site says it too (trellis.site.reference)
    return check


# What YAML 1.1 reads as something else than text where it stands without quotes (PyYAML's and go-yaml's resolvers).
_READ_OTHERWISE = re.compile(
    r"null|true|false|yes|no|on|off|y|n|0b[01]+|0o?[0-7]+|0x[0-9a-f]+|[0-9]+(e[0-9]+)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
)
_TAKEN = re.compile(r"lo|default|all|localhost|(vmbr|bond|eth|dummy)[0-9]+")


def _text_everywhere(name: str) -> str:
    if _READ_OTHERWISE.fullmatch(name.lower()):
        raise refuse(
            "a name is no word that YAML reads as a number, a date, a boolean or nothing",
            "it stands in Talos patches, Kubernetes manifests and stack files, where it would be no name any more",
            "add a letter, as in node-1",
        )
    return name


def _free_to_take(name: str) -> str:
    if _TAKEN.fullmatch(name.lower()):
        raise refuse(
            "a name is not one that Linux, FRR or Proxmox uses itself: lo, default, all, localhost, vmbr0, bond0, eth0",
            "`vrf default` is the global table, `all` and `default` are every interface to sysctl, `lo` is everywhere",
            "choose another name",
        )
    return name


def _interface_of_its_own(name: str) -> str:
    if name in ("lo", "default", "all"):
        raise refuse(
            "an interface is one of its own: not `lo`, and not `default` or `all`",
            "127.0.0.1 and ::1 are on `lo`; to sysctl and FRR the other two mean every interface",
            "name the interface that is there for it, as in dummy_underlay or vmbr0.10",
        )
    return name


def _address(kind: type[IPv4Address] | type[IPv6Address]) -> Callable[[Any], Any]:
    family = "IPv4" if kind is IPv4Address else "IPv6"

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            raise refuse(f"an {family} address is text", "a number has no family", "put it in quotes")
        if "%" in value:
            raise refuse(
                "an address has no scope",
                "an interface index means something on one host only",
                "leave out the part from '%'",
            )
        try:
            return kind(value)
        except ValueError as error:
            raise refuse(
                f"this is an {family} address", str(error), f"write an {family} address without a length"
            ) from error

    return parse


_LENGTHS = re.compile(r"\s(ge|le)\b")


def _prefix(*kinds: type[IPv4Network] | type[IPv6Network]) -> Callable[[Any], Any]:
    family = "IP" if len(kinds) > 1 else ("IPv4" if kinds[0] is IPv4Network else "IPv6")

    def parse(value: Any) -> Any:
        if isinstance(value, str) and _LENGTHS.search(value):
            raise refuse(
                "a prefix stands for itself, without ge or le",
                "FRR takes a ge below the prefix's own length and a le below ge with status 0, and drops other entries",
                "list the prefixes one by one; lengths of pods follow from node_length",
            )
        if not isinstance(value, str) or "/" not in value or "%" in value:
            raise refuse(
                f"an {family} prefix is text with a length",
                "a prefix without a length is read differently by each tool",
                "write it as in 10.0.0.0/24 or fd00::/64",
            )
        try:
            network = ip_network(value, strict=False)
        except ValueError as error:
            raise refuse(f"this is an {family} prefix", str(error), "correct the prefix") from error
        if not isinstance(network, kinds):
            raise refuse(f"this is an {family} prefix", "the other family stands here", f"write an {family} prefix")
        written, address = value.rsplit("/", 1)[0], str(network.network_address)
        if written != address and _compressed(written) != address:
            raise refuse(
                "a prefix has no bits beyond its length",
                "FRR masks them without a word, so that filters mean something else than they say",
                f"write {network}",
            )
        return network

    return parse


def _interface(kind: type[IPv4Interface] | type[IPv6Interface]) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        try:
            if not isinstance(value, str) or "/" not in value or "%" in value:
                raise ValueError("the length is missing, or this is not text")
            return kind(value)
        except ValueError as error:
            raise refuse(
                "an interface's address is an address and a length of its family",
                str(error),
                "write it as in 10.10.0.11/24 or fd00:10::11/64",
            ) from error

    return parse


def _compressed(address: str) -> str:
    try:
        return str(IPv4Address(address))
    except ValueError:
        return str(IPv6Address(address))


Asn = Annotated[int, Field(ge=1, le=4294967294), AfterValidator(_usable_asn)]
"""An autonomous system number, 1-4294967294, none of the reserved ones."""

Mtu = Annotated[int, Field(ge=1280, le=65520)]
"""An interface MTU in bytes, 1280 (RFC 8200, the least for IPv6) to 65520."""

OspfCost = Annotated[int, Field(ge=1, le=65535)]
"""An OSPF interface cost, 1-65535 (RFC 2328)."""

Vni = Annotated[int, Field(ge=1, le=16777215)]
"""A VXLAN network identifier, 1-16777215 (RFC 7348: 24 bits, 0 unused here)."""


def _text(description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description})


V4Address = Annotated[IPv4Address, PlainValidator(_address(IPv4Address)), _text("an IPv4 address")]
"""An IPv4 address without a length, as in ``10.0.0.1``."""
V6Address = Annotated[IPv6Address, PlainValidator(_address(IPv6Address)), _text("an IPv6 address")]
"""An IPv6 address without a length or a scope, as in ``fd00::1``."""
V4Prefix = Annotated[IPv4Network, PlainValidator(_prefix(IPv4Network)), _text("an IPv4 prefix")]
"""An IPv4 prefix with its length and no bits beyond it, as in ``10.0.0.0/24``."""
V6Prefix = Annotated[IPv6Network, PlainValidator(_prefix(IPv6Network)), _text("an IPv6 prefix")]
"""An IPv6 prefix with its length and no bits beyond it, as in ``fd00::/64``."""
Prefix = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(_prefix(IPv4Network, IPv6Network)),
    _text("an IPv4 or IPv6 prefix"),
]
"""A prefix of either family with its length and no bits beyond it."""
V4Interface = Annotated[IPv4Interface, PlainValidator(_interface(IPv4Interface)), _text("an IPv4 address/length")]
"""An IPv4 address and the length of its network, as in ``10.10.0.11/24``."""
V6Interface = Annotated[IPv6Interface, PlainValidator(_interface(IPv6Interface)), _text("an IPv6 address/length")]
"""An IPv6 address and the length of its network, as in ``fd00:10::11/64``."""

Name = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
            "a name is 1-63 of a-z, 0-9 and '-', and neither begins nor ends with '-' (RFC 1123)",
            "names become host names, resource names and lines of configuration",
            "choose such a name",
        )
    ),
    AfterValidator(_text_everywhere),
    AfterValidator(_free_to_take),
]
"""The name of a host, edge, link, guest, cluster, node or tenant."""

SecretName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
            "a secret stands here by its name, 1-63 of a-z, 0-9 and '-'; its value never does",
            "a stack file is committed and shown in previews",
            "name it, as in md5: edge1-key, and give the value with "
            "`pulumi config set --secret --path 'trellis:secrets.edge1-key'`",
        )
    ),
    AfterValidator(_text_everywhere),
]
"""The name of a secret whose value the stack's configuration holds under ``trellis:secrets``."""

SdnId = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-zA-Z][a-zA-Z0-9]{0,6}[a-zA-Z0-9]",
            "a zone, VNet or controller id is 2-8 letters and digits, and begins with a letter (Proxmox SDN)",
            "Proxmox refuses other ids; vrf_<zone> and vxlan_<vnet> must fit in the 15 characters of a device's name",
            "choose such an id",
        )
    ),
    AfterValidator(_text_everywhere),
    AfterValidator(_free_to_take),
]
"""The id of a zone, a VNet or the controller, as Proxmox accepts it."""

PoolName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,61}[A-Za-z0-9_])?",
            "a pool's name is 1-63 letters, digits and any of ._-, and begins and ends with none of .-",
            "it is looked for by this name in what the router answers, and stands in its script",
            "give the pool such a name on the router, as in pd-v101",
        )
    ),
    AfterValidator(_text_everywhere),
]
"""What RouterOS calls a pool of prefixes."""

Digest = Annotated[
    str,
    AfterValidator(
        matching(
            r"[0-9a-f]{64}",
            "a digest is SHA-256 in 64 of 0-9 and a-f",
            "it declares certain lines and no others, so it cannot be cut or guessed",
            "take what `trellis adopt HOST` prints",
        )
    ),
]
"""A SHA-256 in hexadecimal."""

InterfaceName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}",
            "an interface name is 1-15 of a-z, A-Z, 0-9, '_', '.', '-'",
            "Linux cuts or refuses longer names, and FRR takes them without a word",
            "use the name that `ip link` shows",
        )
    ),
    AfterValidator(_interface_of_its_own),
]
"""A Linux interface name, at most 15 characters (IFNAMSIZ)."""


Mac = Annotated[
    str,
    AfterValidator(
        matching(
            r"(?!00(:00){5})[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}",
            "a MAC address is six octets in hex with ':' between, neither a multicast one nor all zero",
            "bridges drop frames from a group address, and Linux gives no network card the zero one",
            "use the address of the guest's network card, as in BC:24:11:00:01:06",
        )
    ),
]
"""The MAC address of one network card."""

Text = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9 ._:/()+,-]{0,80}",
            "free text is at most 80 letters, digits, spaces and any of ._:/()+,-",
            "it becomes part of a line of configuration: a line break would inject a line, a '!' loses it",
            "leave out other characters",
        )
    ),
]
"""A description; nothing in it can end a line or start a comment."""

Reason = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9 ._:/()+,-]{0,79}[A-Za-z0-9]",
            "a reason is 1-80 letters, digits, spaces and any of ._:/()+,-, and ends in a letter or a digit",
            "it is all that others will know of why a host is left out; it is shown in previews, plans and logs",
            "say in a few words why, and who to ask",
        )
    ),
]
"""Why something is not as usual, for people."""
