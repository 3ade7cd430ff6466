"""SSH as the real command plugin speaks it: dial with retries, host key pinned, one command per session.

Error texts follow golang.org/x/crypto/ssh, which the real plugin uses, because users and tests read them.
One deviation: the handshake is bounded by the dial timeout too, where the real plugin would wait for ever.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trellis.lab.plugins.resource import OperationError

if TYPE_CHECKING:  # paramiko costs 0.1 s at start, and a preview needs none of it
    import paramiko

# The SDK's defaults (pulumi_command.remote.ConnectionArgs).
DEFAULT_PORT = 22
DEFAULT_USER = "root"
DEFAULT_DIAL_ERROR_LIMIT = 10
DEFAULT_PER_DIAL_TIMEOUT_S = 15
# Pulumi's retry: 0.1 s growing by half each time, at most 5 s (sdk/go/common/util/retry).
_FIRST_DELAY_S, _GROWTH, _LONGEST_DELAY_S = 0.1, 1.5, 5.0
_UNLIMITED = -1


class DialError(Exception):
    """One attempt to connect failed."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how to connect.

    Args:
        host: Name or address.
        port: TCP port.
        user: Login name.
        private_key: An unencrypted or encrypted private key in PEM or OpenSSH form; None for none.
        private_key_password: What decrypts it.
        password: A login password.
        host_key: The one host key that is accepted, in authorized_keys form; None accepts any.
        dial_error_limit: Failures after which it gives up; -1 for never.
        per_dial_timeout_s: Seconds for one attempt; 0 for no limit.
    """

    host: str
    port: int
    user: str
    private_key: str | None
    private_key_password: str | None
    password: str | None
    host_key: str | None
    dial_error_limit: int
    per_dial_timeout_s: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a remote command did.

    Args:
        stdout: All of its standard output.
        stderr: All of its standard error.
        both: Both, in the order of arrival.
        failure: None if it exited with 0, else how it ended.
    """

    stdout: str
    stderr: str
    both: str
    failure: str | None


def target(connection: Mapping[str, Any]) -> Target:
    """Read the connection property of a resource.

    Args:
        connection: The property as the engine hands it over, defaults filled in.

    Returns:
        The target.
    """
    return Target(
        host=str(connection["host"]),
        port=int(connection.get("port", DEFAULT_PORT)),
        user=str(connection.get("user", DEFAULT_USER)),
        private_key=connection.get("privateKey"),
        private_key_password=connection.get("privateKeyPassword"),
        password=connection.get("password"),
        host_key=connection.get("hostKey"),
        dial_error_limit=int(connection.get("dialErrorLimit", DEFAULT_DIAL_ERROR_LIMIT)),
        per_dial_timeout_s=int(connection.get("perDialTimeout", DEFAULT_PER_DIAL_TIMEOUT_S)),
    )


def dial(to: Target, status: Callable[[str], None], stopped: threading.Event) -> paramiko.Transport:
    """Connect and log in, again and again up to the limit.

    Args:
        to: Where to.
        status: Shows a passing line at the resource.
        stopped: Set when the engine wants everything to stop.

    Returns:
        The connection.

    Raises:
        OperationError: If it can't be done; nothing was run then.
    """
    pinned = _pinned_key(to.host_key)
    key = _private_key(to)
    delay_s, failures = _FIRST_DELAY_S, 0
    while True:
        try:
            return _dial_once(to, pinned, key)
        except DialError as error:
            failures += 1
            if to.dial_error_limit != _UNLIMITED and failures > to.dial_error_limit:
                raise OperationError(f"after {failures - 1} failed attempts: {error}") from None
        limit = "inf" if to.dial_error_limit == _UNLIMITED else str(to.dial_error_limit)
        status(f"Dial {failures}/{limit} failed: retrying")
        delay_s = min(delay_s * _GROWTH, _LONGEST_DELAY_S)
        if stopped.wait(delay_s):
            raise OperationError("context canceled")


def run(
    transport: paramiko.Transport,
    command: str,
    stdin: str,
    environment: Mapping[str, str],
    on_line: Mapping[str, Callable[[str], None] | None],
) -> Outcome:
    """Run one command and wait for its end.

    Args:
        transport: A connection that is logged in.
        command: The command text, for the login shell of the remote user.
        stdin: What it reads; its input ends after that.
        environment: Variables to set before; each one must be accepted by the server.
        on_line: For "stdout" and "stderr", who is told of each line as it arrives.

    Returns:
        The outcome.

    Raises:
        OperationError: If a variable is refused or the session can't be had.
    """
    import paramiko  # noqa: PLC0415  (see above)

    try:
        channel = transport.open_session()
        for name, value in environment.items():
            if not set_environment(channel, name, value):
                raise OperationError(f'could not set environment variable "{name}": ssh: setenv failed')
        channel.exec_command(command)
        return _converse(channel, stdin, on_line)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise OperationError(f"ssh: {error}") from None


def set_environment(channel: paramiko.Channel, name: str, value: str) -> bool:
    """Ask for a variable and wait for the answer, which paramiko's own method does not do.

    Args:
        channel: A session without a command so far.
        name: The variable.
        value: Its value.

    Returns:
        Whether the server accepted; if not, the session is closed.
    """
    import paramiko  # noqa: PLC0415  (see above)
    from paramiko.common import cMSG_CHANNEL_REQUEST  # noqa: PLC0415

    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("env")
    message.add_boolean(True)
    message.add_string(name)
    message.add_string(value)
    waiting: Any = channel
    waiting._event_pending()
    waiting.transport._send_user_message(message)
    try:
        waiting._wait_for_event()
    except paramiko.SSHException:
        return False
    return True


def _dial_once(to: Target, pinned: paramiko.PKey | None, key: paramiko.PKey | None) -> paramiko.Transport:
    """One attempt: TCP, handshake, host key, login."""
    import paramiko  # noqa: PLC0415  (see above)

    timeout_s = to.per_dial_timeout_s or None
    try:
        connected = socket.create_connection((to.host, to.port), timeout=timeout_s)
    except OSError as error:
        reason = "i/o timeout" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
        raise DialError(f"dial tcp {_endpoint(to)}: connect: {reason}") from None
    transport = paramiko.Transport(connected)
    try:
        if pinned is not None:
            _offer_only(transport, pinned.get_name())
        transport.start_client(timeout=timeout_s)
        if pinned is not None and transport.get_remote_server_key() != pinned:
            raise DialError("ssh: handshake failed: ssh: host key mismatch")
        _log_in(transport, to, key)
    except DialError:
        transport.close()
        raise
    except paramiko.AuthenticationException:
        transport.close()
        raise DialError(
            "ssh: handshake failed: ssh: unable to authenticate, attempted methods"
            f" [none {'publickey' if key else 'password'}], no supported methods remain"
        ) from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise DialError(f"ssh: handshake failed: {error or 'EOF'}") from None
    return transport


def _offer_only(transport: paramiko.Transport, key_type: str) -> None:
    """Offer the server the pinned key's type and no other, as the real plugin does."""
    try:
        transport.get_security_options().key_types = (key_type,)
    except ValueError:
        raise DialError(
            f"ssh: handshake failed: ssh: no common algorithm for host key; we offered: [{key_type}]"
        ) from None


def _log_in(transport: paramiko.Transport, to: Target, key: paramiko.PKey | None) -> None:
    """Log in by key, else by password, else by nothing."""
    if key is not None:
        transport.auth_publickey(to.user, key)
    elif to.password is not None:
        transport.auth_password(to.user, to.password)
    else:
        transport.auth_none(to.user)


def _converse(channel: paramiko.Channel, stdin: str, on_line: Mapping[str, Callable[[str], None] | None]) -> Outcome:
    """Feed the command, gather both of its streams, and wait for how it ends."""
    gathered: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    both: list[bytes] = []

    def gather(name: str, receive: Callable[[int], bytes]) -> None:
        unfinished = b""
        tell = on_line.get(name)
        while piece := receive(32768):
            gathered[name].append(piece)
            both.append(piece)
            *lines, unfinished = (unfinished + piece).split(b"\n")
            for line in lines if tell else ():
                tell(_text(line)) if tell else None
        if unfinished and tell:
            tell(_text(unfinished))

    readers = [
        threading.Thread(target=gather, args=("stdout", channel.recv), daemon=True),
        threading.Thread(target=gather, args=("stderr", channel.recv_stderr), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        channel.sendall(stdin.encode())
        channel.shutdown_write()
    except OSError:
        time.sleep(0)  # the command ended without reading its input: its exit status tells
    for reader in readers:
        reader.join()
    status = channel.recv_exit_status()
    failure = None if status == 0 else _ending(status)
    return Outcome(
        _text(b"".join(gathered["stdout"])), _text(b"".join(gathered["stderr"])), _text(b"".join(both)), failure
    )


def _ending(status: int) -> str:
    """How a failed command ended; -1 is paramiko's way to say that the server sent no status."""
    if status == -1:
        return "wait: remote command exited without exit status or exit signal"
    return f"Process exited with status {status}"


def _pinned_key(host_key: str | None) -> paramiko.PKey | None:
    """The pinned host key, which stands in authorized_keys form."""
    if host_key is None:
        return None
    import paramiko  # noqa: PLC0415  (see above)
    from paramiko.pkey import UnknownKeyType  # noqa: PLC0415

    words = host_key.split()
    try:
        return paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1], validate=True))
    except (IndexError, ValueError, paramiko.SSHException, UnknownKeyType):
        raise OperationError("failed to parse host key: ssh: no key found") from None


def _private_key(to: Target) -> paramiko.PKey | None:
    """The private key, whichever type it is."""
    if to.private_key is None:
        return None
    import paramiko  # noqa: PLC0415  (see above)

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(to.private_key), to.private_key_password)
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise OperationError("ssh: no key found")


def _endpoint(to: Target) -> str:
    return f"[{to.host}]:{to.port}" if ":" in to.host else f"{to.host}:{to.port}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def quoted(command: str) -> str:
    """A command as the real plugin quotes it in an error.

    Args:
        command: The command text.

    Returns:
        The text in double quotes, line ends escaped.
    """
    return json.dumps(command, ensure_ascii=False)
