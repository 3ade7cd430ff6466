"""``trellis restore``: puts what a backup has of hosts into force again, one after the other.

On each host it is the agent's own transaction, as for a rollback; nothing is begun before every host was asked and none
would refuse.  The file's form is ``trellis.operations.fabric_backup``'s.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trellis.cli.check import KINDS, compared
from trellis.cli.console import Mistake, complain, out, print_json, say
from trellis.cli.hosts import HostsArgument, IdentityOption, Json, Yes, changed, content_of, logins, may_change, refusal
from trellis.cli.stack import FileOption, StackOption, read_site

if TYPE_CHECKING:
    from trellis.operations.fabric_backup import FabricBackup
    from trellis.remote import Answer, Login, Unreached
    from trellis.site import Site

_OTHERS_WRITE = 0o022


@dataclass(slots=True)
class Restored:
    """A host, and what becomes of it.

    Attributes:
        state: ``as in the backup``, ``differs``, then ``applied``, ``unchanged``, ``failed`` or ``not begun``.
        backup: Digest of what the backup has.
        planned: Digest of what the site gives it now.
        in_force: Digest of what was committed last; None for nothing.
        differences: By kind, what going back would change, as ``trellis check`` tells it.
        refuses: Why its agent would refuse.
    """

    host: str
    state: str
    backup: str
    planned: str
    in_force: str | None = None
    differences: dict[str, list[str]] = field(default_factory=dict)
    refuses: list[str] = field(default_factory=list)

    @property
    def as_the_site(self) -> bool:
        """Whether the backup has what the site gives it."""
        return self.backup == self.planned


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(restore)


def restore(
    backup: Annotated[Path, typer.Argument(help="A file that `trellis backup` wrote.", metavar="FILE")],
    hosts: HostsArgument = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: IdentityOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put what a backup has of hosts into force again, one host after the other, and stop at the first that fails.

    On each host it is the same transaction as `trellis rollback`, confirmed over a fresh connection. Refused, before
    anything is done, are a file whose digests do not fit, one of another site, and a host with another key. Hosts in
    maintenance are left out unless they are named. With --dry-run the exit code is 1 if something would change.

    Examples:

      trellis restore homelab-20261128T120000Z.trellis-backup --dry-run

      trellis restore homelab-20261128T120000Z.trellis-backup pve02
    """
    site = read_site(stack, file)
    kept = _read(backup)
    names = _chosen(site, kept, hosts)
    where = {login.host: login for login in logins(site, names, identity)}
    found = _looked_at(site, kept, [where[name] for name in names])
    if dry_run:
        _tell(site, kept, found, json)
        if any(host.state != "as in the backup" or host.refuses for host in found):
            raise typer.Exit(1)
        return
    if refusing := [f"{host.host}: {why}" for host in found for why in host.refuses]:
        raise Mistake("\n  ".join(["nothing was changed on any host", *refusing]), exit_code=1)
    if not yes:
        _print(site, kept, found)
    may_change(f"Put what {backup} has into force on {', '.join(names)}?", yes)
    failure = _one_after_the_other(kept, found, where)
    _tell(site, kept, found, json)
    if failure is not None:
        complain(str(failure))
        raise typer.Exit(failure.exit_code)


def _read(path: Path) -> FabricBackup:
    from trellis.operations.fabric_backup import BadBackup, parse

    try:
        with path.open(encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            text = opened.read()
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(f"{path}: it is no text, and so no backup of a fabric") from None
    if mode & _OTHERS_WRITE:
        raise Mistake(f"{path}: its mode is {mode:04o}: others may have written it; look at it, and chmod 0600 {path}")
    try:
        return parse(text)
    except BadBackup as bad:
        raise Mistake("\n  ".join([f"{path} is refused, and nothing was changed", *bad.problems])) from None


def _chosen(site: Site, kept: FabricBackup, named: Iterable[str] | None) -> list[str]:
    """The hosts that are meant, in the order in which a run changes them.

    Raises:
        Mistake: The backup has nothing of one, or is of another site or host.
    """
    from trellis.operations.fabric_backup import not_of
    from trellis.plan.rollout import rollout

    names = list(named or kept.parts)
    if strangers := [name for name in names if name not in kept.parts]:
        reasons = [f"{name}: {kept.without.get(name, 'it was no host of the site then')}" for name in strangers]
        raise Mistake("\n  ".join(["the backup does not have what is named", *reasons]))
    if problems := not_of(site, kept, names):
        raise Mistake("\n  ".join(["the backup is refused, and nothing was changed", *problems]))
    order = rollout(site)
    running = [name for batch in order.batches for name in batch]
    resting = [name for name, _ in order.maintenance]
    for name, why in order.maintenance:
        if name in names and not named:
            say(f"{name} is left out: it is in maintenance: {why}")
    found = [name for name in (*running, *(resting if named else ())) if name in names]
    if not found:
        raise Mistake("every host that the backup has is in maintenance: name those that are meant")
    return found


def _looked_at(site: Site, kept: FabricBackup, where: list[Login]) -> list[Restored]:
    """How each host compares with the backup, asked read-only and all at once."""
    from trellis.plan import plan
    from trellis.remote import across, ask_agent
    from trellis.render import render
    from trellis.render.manifest import signed_manifest

    planned = {bundle.host: signed_manifest(bundle)[1] for bundle in render(plan(site))}
    answers = across(where, lambda login: ask_agent(login, "check --manifest", kept.parts[login.host].manifest))
    return [
        _host(Restored(name, "differs", kept.parts[name].digest, planned[name]), answer)
        for name, answer in answers.items()
    ]


def _host(found: Restored, answer: Answer | Unreached) -> Restored:
    from trellis.remote import Unreached

    if isinstance(answer, Unreached):
        found.refuses.append(f"{answer.step}: {answer.why}; {answer.remedy}")
        return found
    content = content_of(answer)
    if content is None:
        found.refuses.append(str(refusal(found.host, "check", answer)).removeprefix(f"{found.host}: "))
        return found
    seen = compared(found.host, content, None)
    found.in_force, found.differences = seen.committed, seen.differences
    found.refuses += [f"it is frozen: {seen.frozen}; `trellis thaw {found.host}` ends that"] if seen.frozen else []
    found.refuses += content.get("host_differs", [])
    found.refuses += [f"it lacks {lack['value']}: {lack['rule']}; {lack['remedy']}" for lack in content["lacking"]]
    if seen.same and seen.committed == found.backup:
        found.state = "as in the backup"
    return found


def _one_after_the_other(kept: FabricBackup, found: list[Restored], where: dict[str, Login]) -> Mistake | None:
    """Restore host by host; returns why it stopped, if it did."""
    for number, host in enumerate(found):
        say(f"{host.host}: {number + 1} of {len(found)}")
        try:
            done = changed(where[host.host], "restore", kept.parts[host.host].manifest)
        except Mistake as failure:
            host.state = "failed"
            for later in found[number + 1 :]:
                later.state = "not begun"
            return Mistake(f"{failure}\n{_after(found[: number + 1], found[number + 1 :])}", failure.exit_code)
        host.state = str(done.report.get("outcome", "applied"))
    return None


def _after(begun: list[Restored], left: list[Restored]) -> str:
    """What is to be done after it stopped."""
    done, failed = [host.host for host in begun[:-1]], begun[-1].host
    lines = [
        f"restored before: {', '.join(done) or 'none'}; not begun: {', '.join(host.host for host in left) or 'none'}"
    ]
    lines += [f"mend {failed}, and run the same again: what is restored answers that it is so already"]
    if done:
        lines += [f"or go back on {done[0]}: `trellis history {done[0]}`, `trellis rollback {done[0]} N`"]
    return "\n  ".join(["", *lines]).lstrip("\n")


def _tell(site: Site, kept: FabricBackup, found: list[Restored], json: bool) -> None:
    if json:
        missing = {name: kept.without.get(name, "it has no part") for name in site.hosts if name not in kept.parts}
        print_json(
            {"made_at": kept.made_at, "trellis": kept.trellis, "hosts": [*map(_shown, found)], "without": missing}
        )
    else:
        _print(site, kept, found)


def _shown(host: Restored) -> dict[str, Any]:
    names = ("host", "state", "backup", "planned", "in_force", "as_the_site", "differences", "refuses")
    return {name: getattr(host, name) for name in names}


def _print(site: Site, kept: FabricBackup, found: list[Restored]) -> None:
    out.print(f"backup of {kept.site}, made at {kept.made_at} by Trellis {kept.trellis}", markup=False)
    for host in found:
        force = host.in_force[:12] if host.in_force else "nothing known"
        out.print(f"{host.host}: {host.state}: backup {host.backup[:12]}, before {force}", markup=False)
        if host.state == "differs":
            for kind, lines in host.differences.items():
                for line in lines:
                    out.print(f"  {KINDS[kind]}: {line}", markup=False)
        for why in host.refuses:
            out.print(f"  would be refused: {why}", markup=False)
    for name in site.hosts:
        if name not in kept.parts:
            out.print(
                f"{name}: not in the backup: {kept.without.get(name, 'it was no host of the site then')}", markup=False
            )
    others = [host.host for host in found if not host.as_the_site and host.state != "not begun"]
    if others:
        out.print(
            f"The site gives {', '.join(others)} something else than the backup has. `pulumi up` does not see that by "
            "itself:\nan `up` without a change leaves such a host alone, and the next one that changes it takes it "
            "forward again.\nTo keep what is restored, put the site back as it was at that time and run `pulumi up`; "
            "to give it up,\n`trellis rollback HOST N` to what was in force before.",
            markup=False,
        )
