"""Property values between the engine and a plugin: protobuf structs on one side, plain values on the other.

The plugins tell the engine that they accept no secrets: the engine then hands over plain values, and marks
what comes back secret wherever the input of that name was. Only the provider's own configuration arrives
before that, with its secrets marked; the marks are taken off here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2  # type: ignore[import-untyped]

# How the engine writes a value that is not known before the apply (pulumi.runtime.rpc.UNKNOWN).
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

# How the engine marks a secret (pulumi.runtime.rpc._special_sig_key and _special_secret_sig).
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  (a marker, not a secret)

Properties = dict[str, Any]


def decode(struct: struct_pb2.Struct) -> Properties:
    """Plain values of a struct; whole numbers become int, because a struct knows only doubles.

    Args:
        struct: What the engine sent.

    Returns:
        The properties by name.
    """
    return {name: _plain(value) for name, value in struct.fields.items()}


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """A struct of plain values; properties that are None are left out, as the real plugins leave them.

    Args:
        properties: The properties by name.

    Returns:
        The struct to send.
    """
    struct = struct_pb2.Struct()
    struct.update({name: value for name, value in properties.items() if value is not None})
    return struct


def has_unknown(value: object) -> bool:
    """Whether a value, or anything within it, is not known yet.

    Args:
        value: A decoded value.

    Returns:
        True if so.
    """
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value == UNKNOWN


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        fields = decode(value.struct_value)
        return fields.get("value") if fields.get(_SIGNATURE) == _SECRET else fields
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return None
