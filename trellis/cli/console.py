"""What a terminal shows: tables and progress for people, JSON for programs, colour only on a terminal."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from rich.console import Console

_FILE_WIDTH = 200
"""Columns of a table that goes to a file or a pipe, where no terminal says how wide it is."""

out = Console(soft_wrap=True, highlight=False, emoji=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)
err = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)


class Mistake(Exception):
    """Something that the user can mend; shown as it is, without a traceback."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def complain(message: str) -> None:
    """Print a message on standard error, its first line marked."""
    err.print("[bold red]trellis:[/] ", end="")
    err.print(message, markup=False)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; frozen values become objects, addresses and prefixes become text."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")


def say(text: str) -> None:
    """Print a line of progress on standard error, with the seconds since the program began."""
    err.print(f"[dim]{time.monotonic() - _STARTED:6.1f}s[/] ", end="")
    err.print(text, markup=False)


_STARTED = time.monotonic()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, IPv4Address | IPv4Network | IPv6Address | IPv6Network):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
