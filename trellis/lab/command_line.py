"""The product's own commands against a lab: run from its controller, over the site's own network.

``trellis install`` is the first of them: a host of the lab gets the agent exactly as a real one does. The lab's key is
root's here, and the program's key is the deploy user's, which nothing else lets in.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trellis.agent.bundle import agent_digest
from trellis.lab import from_site, network, site_files
from trellis.lab.errors import LabError
from trellis.lab.processes import Completed, Say, run

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

_INSTALLED = "installed"
_ROUTEROS_PASSWORD = "TRELLIS_ROUTEROS_PASSWORD"  # noqa: S105 (a variable's name)
_LAST_WORDS = 12


def site_of(twin: Twin) -> dict[str, Any]:
    """The object under `trellis:site` by which a lab's hosts and its Proxmox are reached, with what is delegated."""
    host_keys = {machine.name: twin.lab.host_key(machine.name) for machine in twin.lab.machines}
    rest = {name: (face.endpoint, face.certificate) for name, face in twin.rest.items()}
    return from_site.overlay(twin.site_data, twin.site, host_keys, rest)


def stack_file_of(twin: Twin) -> Path:
    """A stack file with the site as the lab has it, its prefix file beside it, for ``trellis COMMAND --file``.

    Both are written anew each time.
    """
    return site_files.write(twin.lab.state, twin.stack, site_of(twin))


def trellis(
    twin: Twin, *words: str, key: Path | None = None, with_site: bool = True, timeout_s: float = 300
) -> Completed:
    """Run a command of ``trellis`` as an operator would, from the lab's controller.

    Args:
        twin: The lab.
        words: The command and its arguments.
        key: The private key to log in with; by default the deploy user's.
        with_site: Whether the stack file of the lab is added.
        timeout_s: Seconds after which it is given up.

    Raises:
        LabError: It took too long; its exit status is the caller's to judge.
    """
    inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, from_site.CONTROLLER)]
    site = ["--file", str(stack_file_of(twin))] if with_site else []
    program = [sys.executable, "-P", "-c", "from trellis.cli import main; main()"]
    return run(
        [*inside, *program, *words, *site],
        environment={
            **os.environ,
            "TRELLIS_SSH_KEY": (key or twin.lab.program_key).read_text(),
            "PROXMOX_VE_API_TOKEN": twin.proxmox_token,
            **{
                f"{_ROUTEROS_PASSWORD}_{name.upper().replace('-', '_')}": face.face.password
                for name, face in twin.rest.items()
            },
            "SSL_CERT_FILE": str(twin.lab.state / "proxmox" / "ca.pem"),
        },
        timeout_s=timeout_s,
        check=False,
    )


def install(twin: Twin, say: Say, hosts: Collection[str] | None = None) -> None:
    """Have hosts hold this version's agent; where one does, as its disk's own note says, nothing is done.

    Args:
        twin: The lab.
        say: Takes progress.
        hosts: Which ones; all by default.

    Raises:
        LabError: A host could not be installed; its own words are in the message.
    """
    wanted = _fingerprint(twin)
    notes: Mapping[str, Path] = {machine.name: machine.disk / _INSTALLED for machine in twin.lab.machines}
    if hosts is not None:
        notes = {name: note for name, note in notes.items() if name in hosts}
    missing = [name for name, note in notes.items() if not note.is_file() or note.read_text() != wanted]
    if not missing:
        return
    say(f"trellis install {' '.join(missing)}")
    keys = twin.lab.state / "keys"
    words = ("install", *missing, "--identity", str(keys / "lab"), "--deploy-key", str(keys / "program.pub"))
    done = trellis(twin, *words, key=keys / "lab")
    if not done.ok:
        why = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-_LAST_WORDS:])
        raise LabError(f"the agent on {', '.join(missing)}", why=why, remedy=f"trellis lab shell {missing[0]}")
    for name in missing:
        notes[name].write_text(wanted)


def _fingerprint(twin: Twin) -> str:
    """What an installation depends on: the agent, the deploy users and their key."""
    users = sorted((name, host.ssh.user) for name, host in twin.site.hosts.items())
    public = (twin.lab.state / "keys" / "program.pub").read_text()
    return hashlib.sha256(f"{agent_digest()}\n{users}\n{public}".encode()).hexdigest()
