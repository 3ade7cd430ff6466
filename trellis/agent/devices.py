"""Network devices as this kernel has them, by the JSON that `ip` prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_interface

from trellis.agent.process import run
from trellis.agent.report import Fault, some

ANSWER_S = 20.0
"""What one question or order to `ip` may take; 0.01 s is usual."""


@dataclass(frozen=True, slots=True)
class Device:
    """A network device.

    Attributes:
        kind: `dummy`, `bridge` or what else; empty for hardware and for `lo`.
        mtu: Bytes of an IP packet that it carries.
        up: Whether it is set up; a cable that is out does not count here.
        addresses: Usable ones with their lengths, link-local ones too.
    """

    name: str
    kind: str
    mtu: int
    up: bool
    addresses: frozenset[str]


def devices() -> dict[str, Device]:
    """The devices of this host by name."""
    text = ordered("-json", "-details", "address", "show")
    try:
        return {entry["ifname"]: _device(entry) for entry in json.loads(text or "[]") if "ifname" in entry}
    except (ValueError, KeyError, TypeError) as error:
        raise Fault("ip -json address show", f"its answer cannot be read: {error!r}", "update iproute2") from error


def ordered(*words: str) -> str:
    """Run `ip`, and return what it prints.

    Raises:
        Fault: The kernel refuses.
    """
    ended = run(["ip", *words], ANSWER_S)
    if ended.status:
        raise Fault(f"ip {' '.join(words)}", some(ended.complaints), "see `ip -details link` and `dmesg`")
    return ended.out


def _device(entry: dict[str, object]) -> Device:
    info, listed = entry.get("linkinfo"), entry.get("addr_info")
    addresses = listed if isinstance(listed, list) else []
    flags = entry.get("flags")
    return Device(
        name=str(entry["ifname"]),
        kind=str(info.get("info_kind", "")) if isinstance(info, dict) else "",
        mtu=int(str(entry.get("mtu", 0))),
        up=isinstance(flags, list) and "UP" in flags,
        # Another station has it where duplicate address detection failed: the kernel does not use it then.
        addresses=frozenset(
            str(ip_interface(f"{address['local']}/{address['prefixlen']}"))
            for address in addresses
            if "local" in address and not address.get("dadfailed")
        ),
    )
