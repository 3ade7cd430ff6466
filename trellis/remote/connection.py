"""One connection to one host: dialled, its host key compared with the pinned one, logged in, and commands run in it.

Each step has its time limit, so that a host that is silent costs seconds, not the evening.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from trellis.remote.login import Login, Unreached

if TYPE_CHECKING:  # paramiko costs 0.1 s at start, and most commands need none of it
    import paramiko

# It logs what it also raises, with a traceback, and Python would print that for want of another reader.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CONNECT_S = 10.0
"""Seconds for TCP, and again for the handshake, and again for the login."""

_SILENT = "see whether it is up and its management network works (ping, console)"
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
"""What a server signs with that has an ssh-rsa key; ssh-rsa itself means SHA-1 (RFC 8332)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command on a host ended.

    Attributes:
        status: Its exit status, 0-255.
        out: All of its standard output.
        err: All of its standard error.
    """

    status: int
    out: str
    err: str


class Connection:
    """A connection that is logged in, for `with`.

    Args:
        login: Where and as whom.
        connect_s: Seconds for each of its three steps.

    Raises:
        Unreached: One of them failed; nothing was run then.
    """

    def __init__(self, login: Login, connect_s: float = CONNECT_S) -> None:
        self.login = login
        self._transport = _dialled(login, connect_s)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it; what still runs on the host is left alone there."""
        self._transport.close()

    def run(
        self, command: str, stdin: str = "", timeout_s: float = 60.0, on_line: Callable[[str], None] | None = None
    ) -> Answer:
        """Run a command and wait for its end.

        Args:
            command: Its text, for the login shell there.
            stdin: What it reads; its input ends after that.
            timeout_s: Seconds that it may take.
            on_line: Is told each line of its standard error as it comes.

        Raises:
            Unreached: The connection broke, or the time was over: the command may still run there.
        """
        deadline = time.monotonic() + timeout_s
        with self.opened(command, timeout_s) as channel:
            return self._conversed(channel, stdin, deadline, timeout_s, on_line)

    def opened(self, command: str, timeout_s: float = CONNECT_S) -> paramiko.Channel:
        """Begin a command, and leave talking with it to the caller.

        Args:
            command: Its text, for the login shell there.
            timeout_s: Seconds that its beginning may take.

        Raises:
            Unreached: The connection broke.
        """
        import paramiko  # noqa: PLC0415  (see above)

        try:
            channel = self._transport.open_session(timeout=min(timeout_s, CONNECT_S))
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._broken(str(error) or "the connection is gone") from None
        return channel

    def _conversed(
        self,
        channel: paramiko.Channel,
        stdin: str,
        deadline: float,
        timeout_s: float,
        on_line: Callable[[str], None] | None,
    ) -> Answer:
        out, err = _Stream(channel.recv, None), _Stream(channel.recv_stderr, on_line)
        threads = [threading.Thread(target=work, daemon=True) for work in (out.read, err.read)]
        threads.append(threading.Thread(target=_feed, args=(channel, stdin.encode()), daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads[:2]:
            thread.join(max(0.0, deadline - time.monotonic()))
        ended = channel.status_event.wait(max(0.0, deadline - time.monotonic()))
        if not ended or any(thread.is_alive() for thread in threads[:2]):
            raise Unreached(
                self.login.host, "run", f"no end after {timeout_s:g} s", "it may still run there: see what holds it up"
            )
        if channel.exit_status < 0:
            raise self._broken("the connection ended before the command did, or a signal ended that")
        return Answer(channel.exit_status, out.text, err.text)

    def _broken(self, why: str) -> Unreached:
        return Unreached(self.login.host, "run", why, "run again; see on the host how far it got")


class _Stream:
    """One stream of a command, gathered to its end."""

    def __init__(self, receive: Callable[[int], bytes], on_line: Callable[[str], None] | None) -> None:
        self._receive = receive
        self._on_line = on_line
        self._pieces: list[bytes] = []

    @property
    def text(self) -> str:
        return b"".join(self._pieces).decode(errors="replace")

    def read(self) -> None:
        unfinished = b""
        with contextlib.suppress(OSError):  # the connection broke: that the command has no exit status tells it
            while piece := self._receive(32768):
                self._pieces.append(piece)
                *lines, unfinished = (unfinished + piece).split(b"\n")
                for line in lines:
                    self._tell(line)
        if unfinished:
            self._tell(unfinished)

    def _tell(self, line: bytes) -> None:
        if self._on_line is not None:
            self._on_line(line.decode(errors="replace"))


def _feed(channel: paramiko.Channel, content: bytes) -> None:
    with contextlib.suppress(OSError):  # the command ended without reading all of it: its exit status tells why
        channel.sendall(content)
        channel.shutdown_write()


def _dialled(login: Login, connect_s: float) -> paramiko.Transport:
    """TCP, handshake, host key, login: each a step of its own in what may go wrong."""
    import paramiko  # noqa: PLC0415  (see above)
    from paramiko.ssh_exception import IncompatiblePeer  # noqa: PLC0415

    pinned = _pinned(login)
    with login.keys.offered(login.host) as keys, contextlib.ExitStack() as undo:
        transport = paramiko.Transport(_wire(login, connect_s))
        undo.callback(transport.close)
        transport.banner_timeout = transport.auth_timeout = connect_s
        kind = pinned.get_name()
        transport.get_security_options().key_types = _RSA if kind == "ssh-rsa" else (kind,)
        try:
            transport.start_client(timeout=connect_s)
            if transport.get_remote_server_key() != pinned:
                raise _other_key(login, transport.get_remote_server_key())
            _log_in(transport, login, keys)
        except IncompatiblePeer:
            raise _other_key(login, None) from None
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreached(login.host, "connect", f"{login.place}: {error or 'it hung up'}", _SILENT) from None
        transport.set_keepalive(15)
        undo.pop_all()
        return transport


def _wire(login: Login, connect_s: float) -> socket.socket:
    try:
        return socket.create_connection((login.address, login.port), timeout=connect_s)
    except OSError as error:
        silent = isinstance(error, TimeoutError)
        reason = f"no answer within {connect_s:g} s" if silent else error.strerror or str(error)
        raise Unreached(login.host, "connect", f"{login.place}: {reason}", _SILENT) from None


def _log_in(transport: paramiko.Transport, login: Login, keys: list[paramiko.PKey]) -> None:
    """Offer the keys one after the other."""
    import paramiko  # noqa: PLC0415  (see above)

    for key in keys:
        try:
            if not transport.auth_publickey(login.user, key):
                return
        except paramiko.AuthenticationException:
            if not transport.is_active():
                break
    raise Unreached(
        login.host,
        "log in",
        f"{login.user}@{login.place} takes no key of {login.keys.source} ({len(keys)} offered)",
        f"`trellis install {login.host}` puts a key there; or name another with --identity FILE",
    )


def _pinned(login: Login) -> paramiko.PKey:
    """The pinned host key."""
    import paramiko  # noqa: PLC0415  (see above)
    from paramiko.pkey import UnknownKeyType  # noqa: PLC0415

    try:
        kind, blob = login.host_key.split()
        return paramiko.PKey.from_type_string(kind, base64.b64decode(blob, validate=True))
    except (ValueError, paramiko.SSHException, UnknownKeyType):
        why, remedy = "the pinned host key is none", "write it as `ssh-keyscan -t ed25519 HOST` prints it"
        raise Unreached(login.host, "host key", why, remedy) from None


def _other_key(login: Login, shown: paramiko.PKey | None) -> Unreached:
    what = (
        f"shows {shown.get_name()} {shown.get_base64()}" if shown else f"has none of type {login.host_key.split()[0]}"
    )
    return Unreached(
        login.host,
        "host key",
        f"{login.place} {what}, not the key pinned in the site; nothing was sent",
        "find out why on the host's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub): "
        f"was it installed anew? Then set hosts.{login.host}.ssh.host_key; else somebody is in between",
    )
