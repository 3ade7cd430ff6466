"""Parameters of the API's SDN objects: their types, ranges and whether they are needed, as data.

Only what an EVPN fabric uses is played. The rules that look at other objects are in `rules`; here a
request's fields become values (numbers as numbers, booleans as 0 and 1), or a refusal in Proxmox's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import Any, Final, Literal

from trellis.lab.proxmox.problem import ParameterProblem

Kind = Literal["string", "integer", "boolean", "list", "address", "address-list", "cidr", "mac"]

_SPLIT = re.compile(r"[,;\s\0]+")
_ID: Final = r"[a-zA-Z][a-zA-Z0-9]*[a-zA-Z0-9]"
_MAC: Final = re.compile(r"(?i)[a-f0-9][02468ace](?::[a-f0-9]{2}){5}")


@dataclass(frozen=True, slots=True)
class Property:
    """A parameter of an object.

    Args:
        kind: How its text becomes a value.
        minimum: The least number, or the least length of a text.
        maximum: The greatest number, or the greatest length of a text.
        pattern: What a text must match as a whole.
    """

    kind: Kind = "string"
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of SDN object.

    Args:
        name: As Proxmox's messages call it.
        section: Its place in the configuration.
        key: The parameter that names an object.
        key_property: What that name must be like.
        properties: Its other parameters.
        required: Those that an object can't be without.
        missing: Proxmox's words for an object that is not there.
    """

    name: str
    section: str
    key: str
    key_property: Property
    properties: Mapping[str, Property]
    required: tuple[str, ...]
    missing: str


CONTROLLER = ObjectKind(
    "controller",
    "controllers",
    "controller",
    Property(minimum=2, maximum=64, pattern=r"[a-zA-Z][a-zA-Z0-9_-]*[a-zA-Z0-9]"),
    {
        "type": Property(),
        "asn": Property("integer", 0, 2**32 - 1),
        "peers": Property("address-list"),
        "fabric": Property(),
    },
    ("asn",),
    "sdn '{id}' does not exist",
)

ZONE = ObjectKind(
    "zone",
    "zones",
    "zone",
    Property(minimum=2, maximum=8, pattern=_ID),
    {
        "type": Property(),
        "controller": Property(),
        "vrf-vxlan": Property("integer", 1, 16777215),
        "mtu": Property("integer"),
        "mac": Property("mac"),
        "nodes": Property("list"),
        "exitnodes": Property("list"),
        "exitnodes-primary": Property(),
        "exitnodes-local-routing": Property("boolean"),
        "advertise-subnets": Property("boolean"),
        "disable-arp-nd-suppression": Property("boolean"),
        "rt-import": Property("list"),
        "vxlan-port": Property("integer", 1, 65536),
        "ipam": Property(),
        "dns": Property(),
        "reversedns": Property(),
        "dnszone": Property(),
    },
    ("vrf-vxlan", "controller"),
    "sdn '{id}' does not exist",
)

VNET = ObjectKind(
    "vnet",
    "vnets",
    "vnet",
    Property(minimum=2, maximum=8, pattern=_ID),
    {
        "type": Property(pattern="vnet"),
        "zone": Property(),
        "tag": Property("integer", 1, 16777215),
        "alias": Property(maximum=256, pattern=r"[()\-_.\w\s]{0,256}"),
        "vlanaware": Property("boolean"),
        "isolate-ports": Property("boolean"),
    },
    ("zone",),
    "sdn vnet '{id}' does not exist",
)

SUBNET = ObjectKind(
    "subnet",
    "subnets",
    "subnet",
    Property("cidr"),
    {
        "type": Property(pattern="subnet"),
        "vnet": Property(),
        "gateway": Property("address"),
        "snat": Property("boolean"),
        "dnszoneprefix": Property(),
        "dhcp-dns-server": Property("address"),
    },
    ("vnet",),
    "sdn subnet '{id}' does not exist",
)


def split_list(value: str) -> list[str]:
    """The parts of a list in one parameter: separated by commas, semicolons, blanks or NULs."""
    return [part for part in _SPLIT.split(value) if part]


def read_fields(kind: ObjectKind, fields: Mapping[str, str], allowed: Sequence[str] = ()) -> dict[str, Any]:
    """Turn a request's fields into an object's values.

    Args:
        kind: The kind of object.
        fields: Parameter and text; repeated ones already joined by NUL.
        allowed: Other parameters that the request may carry; they are left out of the result.

    Raises:
        ParameterProblem: With Proxmox's words, per parameter.
    """
    errors: dict[str, str] = {}
    out: dict[str, Any] = {}
    for name, text in fields.items():
        if name == kind.key or name in allowed:
            continue
        prop = kind.properties.get(name)
        if prop is None:
            errors[name] = "property is not defined in schema and the schema does not allow additional properties"
            continue
        try:
            out[name] = _value(prop, text)
        except ValueError as error:
            errors[name] = str(error)
    if errors:
        raise ParameterProblem(errors)
    return out


def check_key(kind: ObjectKind, fields: Mapping[str, str]) -> str:
    """The name of the object that a request is to create.

    Raises:
        ParameterProblem: It is missing or malformed.
    """
    if kind.key not in fields:
        raise ParameterProblem({kind.key: "property is missing and it is not optional"})
    try:
        return str(_value(kind.key_property, fields[kind.key]))
    except ValueError as error:
        raise ParameterProblem({kind.key: str(error)}) from error


def _value(prop: Property, text: str) -> str | int:
    if prop.kind == "integer":
        return _integer(prop, text)
    if prop.kind == "boolean":
        return _boolean(text)
    if prop.kind in ("list", "address-list"):
        parts = split_list(text)
        if prop.kind == "address-list":
            for part in parts:
                _address(part)
        return ",".join(parts)
    if prop.kind == "address":
        return _address(text)
    if prop.kind == "cidr":
        return _cidr(text)
    if prop.kind == "mac" and not _MAC.fullmatch(text):
        raise ValueError("invalid format - value does not look like a valid unicast MAC address\n")
    return _text(prop, text)


def _integer(prop: Property, text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise ValueError(f"type check ('integer') failed - got '{text}'")
    value = int(text)
    if prop.minimum is not None and value < prop.minimum:
        raise ValueError(f"value must have a minimum value of {prop.minimum}")
    if prop.maximum is not None and value > prop.maximum:
        raise ValueError(f"value must have a maximum value of {prop.maximum}")
    return value


def _boolean(text: str) -> int:
    if text.lower() in ("1", "on", "yes", "true"):
        return 1
    if text.lower() in ("0", "off", "no", "false"):
        return 0
    raise ValueError(f"type check ('boolean') failed - got '{text}'")


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError as error:
        raise ValueError("invalid format - value does not look like a valid IP address\n") from error
    return text


def _cidr(text: str) -> str:
    try:
        ip_interface(text)
    except ValueError as error:
        raise ValueError("invalid format - value does not look like a valid CIDR network\n") from error
    if "/" not in text:
        raise ValueError("invalid format - value does not look like a valid CIDR network\n")
    return text


def _text(prop: Property, text: str) -> str:
    if prop.maximum is not None and len(text) > prop.maximum:
        raise ValueError(f"value may only be {prop.maximum} characters long")
    if prop.minimum is not None and len(text) < prop.minimum:
        raise ValueError(f"value must be at least {prop.minimum} characters long")
    if prop.pattern is not None and not re.fullmatch(prop.pattern, text):
        raise ValueError("value does not match the regex pattern")
    return text
