"""A command on a host that goes on telling, line by line, until somebody ends it or the connection breaks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trellis.remote.connection import Connection
from trellis.remote.login import Login, Unreached

if TYPE_CHECKING:  # paramiko costs 0.1 s at start, and most commands need none of it
    import paramiko

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes after which a line is none: 1,000 guests with 100 routes each are 15 MB."""

_LOOK_S = 1.0


def lines(login: Login, command: str, silent_s: float, ended: threading.Event) -> Iterator[str]:
    """Run a command and yield each line of its standard output as it comes.

    Args:
        login: The host.
        command: Its text, for the login shell there.
        silent_s: Seconds without a line after which the host counts as lost.
        ended: Ends it when set, within a second.

    Raises:
        Unreached: The host can't be reached, is silent, or the command ended: with what it said last.
    """
    with Connection(login) as connection:
        channel = connection.opened(command)
        channel.settimeout(_LOOK_S)
        unfinished, silent = bytearray(), 0.0
        while not ended.is_set():
            try:
                piece = channel.recv(1 << 18)
            except TimeoutError:
                silent += _LOOK_S
                if silent >= silent_s:
                    raise Unreached(login.host, "read", f"silent for {silent_s:g} s", _SEE) from None
                continue
            if not piece:
                raise Unreached(login.host, "read", _last_words(channel), _SEE)
            silent = 0.0
            unfinished += piece
            if b"\n" in piece:
                *whole, rest = bytes(unfinished).split(b"\n")
                unfinished = bytearray(rest)
                yield from (line.decode(errors="replace") for line in whole)
            elif len(unfinished) > LONGEST_LINE:
                raise Unreached(login.host, "read", f"a line is longer than {LONGEST_LINE} bytes", _SEE)


_SEE = "it is tried again; see `trellis check` and the host's journal"


def _last_words(channel: paramiko.Channel) -> str:
    """Why a command ended, as far as it said so."""
    said = b""
    with contextlib.suppress(OSError):
        while piece := channel.recv_stderr(1 << 16):
            said += piece
    text = said.decode(errors="replace").strip().splitlines()
    return text[-1][:200] if text else "the connection or the agent ended"
