"""Who logs in where: a host of the site, and the keys that an operator has at hand.

A private key is read into memory and goes nowhere else: not into an argument, not into a file, not into an error.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # paramiko costs 0.1 s at start, and most commands need none of it
    import paramiko

    from trellis.site.model import Ssh

KEY_VARIABLE = "TRELLIS_SSH_KEY"
"""The environment variable that may hold a private key's text."""

_ADD_ONE = f"name one with --identity FILE, put its text into {KEY_VARIABLE}, or load one into ssh-agent (ssh-add)"


class Unreached(Exception):
    """A host on which something could not be done at all, for a reason that is not the host's own answer.

    Attributes:
        host: Its name in the site.
        step: ``key``, ``connect``, ``host key``, ``log in``, ``run`` or ``confirm``.
        why: What went wrong.
        remedy: What to do about it.
    """

    def __init__(self, host: str, step: str, why: str, remedy: str) -> None:
        super().__init__(f"{host}: {step}: {why}; {remedy}")
        self.host = host
        self.step = step
        self.why = why
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Keys:
    """What proves who logs in: the text of a private key, or, where there is none, all that ssh-agent holds.

    Attributes:
        private_key: The key's text in PEM or OpenSSH form; shown nowhere.
        source: Where it comes from, for errors.
    """

    private_key: str | None = field(default=None, repr=False)
    source: str = "ssh-agent"

    @contextlib.contextmanager
    def offered(self, host: str) -> Iterator[list[paramiko.PKey]]:
        """The keys to offer to a host, in their order, while they are needed: ssh-agent signs over a socket.

        Raises:
            Unreached: There is none, or it can't be read.
        """
        import paramiko  # noqa: PLC0415  (see above)

        if self.private_key is not None:
            yield [_parsed(self.private_key, self.source, host)]
            return
        with contextlib.closing(paramiko.Agent()) as agent:
            found = list(agent.get_keys())
            if not found:
                why = "ssh-agent holds none" if os.environ.get("SSH_AUTH_SOCK") else "no ssh-agent runs"
                raise Unreached(host, "key", f"no key to log in with: {why}", _ADD_ONE)
            yield [*found]


@dataclass(frozen=True, slots=True)
class Login:
    """A login at a host.

    Attributes:
        host: The host's name in the site, for errors.
        address: Where it listens: an IP address or a DNS name.
        port: TCP port, 1-65535.
        user: The login's name.
        host_key: The one host key that is accepted: type and base64, as in known_hosts.
        keys: What proves who logs in.
    """

    host: str
    address: str
    port: int
    user: str
    host_key: str
    keys: Keys = Keys()

    def as_user(self, user: str) -> Login:
        """The same for another user."""
        return replace(self, user=user)

    @property
    def place(self) -> str:
        """Address and port, as people write them."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def login_of(host: str, ssh: Ssh, keys: Keys) -> Login:
    """The login that a site names for a host.

    Args:
        host: The host's name.
        ssh: How the site says that it is reached.
        keys: What proves who logs in.
    """
    return Login(host, ssh.address, ssh.port, ssh.user, ssh.host_key, keys)


def keys_given(identity: Path | None = None, environment: Mapping[str, str] = os.environ) -> Keys:
    """What an operator logs in with: the file named, else the variable's text, else ssh-agent.

    Args:
        identity: A private key's file.
        environment: Where the variable is looked for.

    Raises:
        OSError: The file can't be read.
    """
    if identity is not None:
        return Keys(identity.read_text(errors="replace"), str(identity))
    if text := environment.get(KEY_VARIABLE):
        # A variable's last line end is easily lost, and without it the key is none.
        return Keys(text.strip() + "\n", KEY_VARIABLE)
    return Keys()


def _parsed(text: str, source: str, host: str) -> paramiko.PKey:
    """The key of a text, whichever type it is; nothing of the text gets into an error."""
    import paramiko  # noqa: PLC0415  (see above)

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text))
        except paramiko.PasswordRequiredException:
            why = f"the key of {source} is encrypted, and nothing here asks for its passphrase"
            raise Unreached(host, "key", why, "load it into ssh-agent (ssh-add), and name no key") from None
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise Unreached(host, "key", f"{source} holds no private key that is known here", _ADD_ONE)
