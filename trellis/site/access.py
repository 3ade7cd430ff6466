"""How hosts and Proxmox are reached: endpoint, SSH address, deploy user and host key, each judged by itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from trellis.site.scalars import matching, refuse


def _ed25519_or_better(key: str) -> str:
    parts = key.split(" ")
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
    try:
        well_formed = len(parts) == 2 and parts[0] in kinds and _key_kind(parts[1]) == parts[0]
    except (binascii.Error, ValueError):
        well_formed = False
    if not well_formed:
        raise refuse(
            "a host key is '<type> <base64>', as in known_hosts, without a comment",
            "without a pinned key anybody on the path can take the configuration and its host",
            "take the line of `ssh-keyscan -t ed25519 HOST` without the host's name",
        )
    return key


def _key_kind(blob: str) -> str:
    raw = base64.b64decode(blob, validate=True)
    length = int.from_bytes(raw[:4], "big")
    return raw[4 : 4 + length].decode("ascii", "replace")


def _not_root(name: str) -> str:
    if name == "root":
        raise refuse(
            "hosts are deployed to by a user who is not root",
            "who has its key would own the host; the deploy user's runs the agent by sudo, and nothing else",
            "leave it out: `trellis install` makes the user `trellis`; or name another one for it to make",
        )
    return name


UserName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z_][a-z0-9_-]{0,31}",
            "a user name is 1-32 of a-z, 0-9, '_', '-', and begins with a letter or '_'",
            "it becomes part of an SSH connection",
            "use the login of the deploy user",
        )
    ),
    AfterValidator(_not_root),
]
"""A login of a host that is not ``root``."""

_ENDPOINT = r"https://(?:(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*)|\[(?P<v6>[0-9A-Fa-f:.]+)\]):(?P<port>[0-9]{1,5})/?"


def reached_at(what: str, example: str) -> Callable[[str], str]:
    """Return a validator that refuses an endpoint whose port or bracketed address no client could connect to.

    Args:
        what: Whose endpoint it is.
        example: One that is right.
    """

    def check(text: str) -> str:
        found = re.fullmatch(_ENDPOINT, text)
        if found is None or not 1 <= int(found["port"]) <= 65535 or (found["v6"] and not _is_v6(found["v6"])):
            raise refuse(
                f"{what} is named as https://HOST:PORT, with an IPv6 address in brackets and a port of 1-65535",
                "tokens and passwords travel to it",
                f"write it as in {example}",
            )
        return text

    return check


def _is_v6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


ENDPOINT_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^" + re.sub(r"\?P<\w+>", "", _ENDPOINT) + "$"})

Endpoint = Annotated[
    str, AfterValidator(reached_at("the Proxmox API", "https://pve01.example.net:8006")), ENDPOINT_SCHEMA
]
"""Where the Proxmox API is."""

_SSH_ADDRESS = r"[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}"
SshAddress = Annotated[
    str,
    AfterValidator(
        matching(
            _SSH_ADDRESS,
            "a host is reached by an address or a name of letters, digits, '.', ':' and '-', which begins with no '-'",
            "anything else would be an option or a command to ssh",
            "write the host's IP address or its DNS name",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_SSH_ADDRESS}$"}),
]
"""An IP address or a DNS name."""

HostKey = Annotated[str, AfterValidator(_ed25519_or_better)]
"""An SSH host key in known_hosts form, without a comment."""
