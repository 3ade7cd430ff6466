"""``trellis backup``: one file with what every host of the fabric committed last.

The file's form is ``trellis.operations.fabric_backup``'s; putting it into force again is ``trellis.cli.restore``'s.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, out, print_json
from trellis.cli.hosts import IdentityOption, Json, chosen, content_of, logins, refusal
from trellis.cli.prefix_file import replace_whole
from trellis.cli.stack import FileOption, StackOption, read_site

if TYPE_CHECKING:
    from trellis.operations.fabric_backup import Part
    from trellis.remote import Answer, Unreached
    from trellis.site import Site

MODE = 0o600
"""Of a backup's file: it has the whole fabric's addresses and filters."""


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(backup)


def backup(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default SITE-TIME.trellis-backup, here.")
    ] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    json: Json = False,
) -> None:
    """Write what each host committed last into one file of mode 0600, with digests. No host is changed.

    Secrets are not in it: where they go it has placeholders. Exit code 1 if a host could not be asked; the file then
    lacks it, says so, and replaces none that is there.

    Examples:

      trellis backup

      trellis backup --output /srv/backup/fabric.trellis-backup
    """
    from trellis.operations.fabric_backup import FabricBackup, as_text

    site = read_site(stack, file)
    parts, without, failed = _gathered(site, identity)
    path = output or Path(f"{site.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.trellis-backup")
    if not parts:
        reasons = "\n".join(f"  {host}: {why}" for host, why in without.items())
        raise Mistake(f"no host gave anything to keep, and {path} is not written\n{reasons}", exit_code=1)
    if failed and path.exists():
        reasons = "\n".join(f"  {host}: {without[host]}" for host in failed)
        raise Mistake(f"{path} is there, and stays: the new one would lack {', '.join(failed)}\n{reasons}", exit_code=1)
    kept = FabricBackup(site.name, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", _version(), _agent(), parts, without)
    try:
        replace_whole(path, as_text(kept).encode(), MODE)
    except OSError as error:
        raise Mistake(f"{path} can't be written: {error.strerror}; name another by --output", exit_code=1) from None
    if json:
        digests = {host: part.digest for host, part in parts.items()}
        print_json({"file": str(path), "whole": not failed, "hosts": digests, "without": without})
    else:
        for host, part in parts.items():
            out.print(f"{host}: {part.digest[:12]}", markup=False)
        for host, why in without.items():
            out.print(f"{host}: NOT in it: {why}", markup=False)
        out.print(f"{path}: {len(parts)} of {len(site.hosts)} hosts", markup=False)
    if failed:
        raise typer.Exit(1)


def _gathered(site: Site, identity: Path | None) -> tuple[dict[str, Part], dict[str, str], list[str]]:
    """What each host committed last; why some have nothing; and which of these could not be asked."""
    from trellis.operations.fabric_backup import BadBackup, part_of
    from trellis.remote import across, ask_agent

    parts: dict[str, Part] = {}
    without: dict[str, str] = {}
    failed: list[str] = []
    for host, answer in across(
        logins(site, chosen(site, None), identity), lambda at: ask_agent(at, "committed")
    ).items():
        try:
            committed = _committed(host, answer)
            if committed is None:
                without[host] = "nothing of ours is in force there"
            else:
                parts[host] = part_of(host, site.hosts[host].ssh.host_key, committed)
        except (Mistake, BadBackup) as problem:
            without[host] = str(problem).splitlines()[0]
            failed.append(host)
    return parts, without, failed


def _committed(host: str, answer: Answer | Unreached) -> dict[str, str] | None:
    from trellis.remote import Unreached

    if isinstance(answer, Unreached):
        raise Mistake(f"{answer.step}: {answer.why}")
    content = content_of(answer)
    if content is None or "committed" not in content:
        raise Mistake(str(refusal(host, "committed", answer)).removeprefix(f"{host}: "))
    found: dict[str, str] | None = content["committed"]
    return found


def _version() -> str:
    from importlib.metadata import version

    return version("trellis")


def _agent() -> str:
    from trellis.agent.bundle import agent_digest

    return agent_digest()
