"""Kernel parameters as a sysctl.d file sets them: read, set, put back, compared.

They are set by writing to /proc/sys and not by sysctl(8), so that each one that the kernel lacks can be told apart:
one of a device that is not there (yet) is named and passed over, any other is an error. As in sysctl.d(5), a `-`
before a key tolerates its absence, and `/` and `.` change places in a key that begins with a slash-separated word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from trellis.agent.report import Fault

PROC_SYS = Path("/proc/sys")

_OF_A_DEVICE = re.compile(r"net/(ipv4|ipv6)/(conf|neigh)/[^/]+/|net/mpls/conf/[^/]+/")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of a sysctl.d file."""

    key: str
    value: str
    optional: bool

    @property
    def path(self) -> Path:
        """Where the kernel shows it."""
        return PROC_SYS / self.key


def settings(text: str) -> list[Setting]:
    """The settings of a sysctl.d text, in its order.

    Raises:
        Fault: A line is none.
    """
    found = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        name, optional = name.strip().removeprefix("-"), name.strip().startswith("-")
        if not equals or not re.fullmatch(r"[A-Za-z0-9_./:@-]+", name) or ".." in name:
            raise Fault(f"sysctl line {number}: {line!r}", "not of the form key = value", "mend what renders it")
        found.append(Setting(_with_slashes(name), " ".join(value.split()), optional))
    return found


def current(setting: Setting) -> str | None:
    """The kernel's value, or nothing where it has no such parameter."""
    try:
        return " ".join(setting.path.read_text().split())
    except (FileNotFoundError, NotADirectoryError):
        return None


def absent(wanted: list[Setting]) -> list[str]:
    """Parameters that are not there because their device is not, or that may be absent.

    Raises:
        Fault: The kernel itself lacks one.
    """
    missing = [setting for setting in wanted if current(setting) is None]
    lacking = [setting.key for setting in missing if not setting.optional and not _OF_A_DEVICE.match(setting.key)]
    if lacking:
        raise Fault(
            "sysctl",
            f"this kernel has no {', '.join(lacking)}",
            "load the module that brings it, or mark the line with a leading '-' where it may be absent",
        )
    return [setting.key for setting in missing]


def differing(wanted: list[Setting]) -> list[tuple[str, str, str]]:
    """Parameters that are not as wanted: key, wanted, found; absent ones are none of them."""
    return [
        (setting.key, setting.value, value)
        for setting in wanted
        if (value := current(setting)) is not None and value != setting.value
    ]


def earlier(wanted: list[Setting]) -> dict[str, str]:
    """The values now of all parameters that `load` would set: what `put_back` takes."""
    return {setting.key: value for setting in wanted if (value := current(setting)) is not None}


def load(wanted: list[Setting]) -> int:
    """Set what differs, and say how many that were.

    Raises:
        Fault: The kernel refuses a value; those before it stay set.
    """
    changed = differing(wanted)
    for key, value, _ in changed:
        _set(PROC_SYS / key, value)
    return len(changed)


def put_back(values: dict[str, str]) -> None:
    """Set parameters to their earlier values; a device that has gone since is passed over.

    Raises:
        Fault: The kernel refuses one.
    """
    for key, value in values.items():
        if (PROC_SYS / key).exists():
            _set(PROC_SYS / key, value)


def _set(path: Path, value: str) -> None:
    try:
        path.write_text(f"{value}\n")
    except OSError as error:
        why = f"the kernel refuses {value!r}: {error.strerror}"
        raise Fault(str(path), why, "mend the value in the site") from error


def _with_slashes(name: str) -> str:
    """A key as a path below /proc/sys: `net.ipv4.conf.vmbr0/10.rp_filter` is net/ipv4/conf/vmbr0.10/rp_filter."""
    separators = [character for character in name if character in "./"]
    if not separators or separators[0] == "/":
        return name
    return name.translate(str.maketrans("./", "/."))
