"""``trellis install`` and ``trellis uninstall``: what is done once on each host, as root.

Each command imports what reaches hosts itself: the others are quicker without paramiko.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake, complain, out, print_json, say
from trellis.cli.stack import FileOption, StackOption, read_site

if TYPE_CHECKING:
    from trellis.remote import Login, Unreached
    from trellis.remote.installation import Installation

Hosts = Annotated[
    list[str] | None, typer.Argument(help="Hosts; all of the site if none is named.", metavar="[HOST]...")
]
Identity = Annotated[
    Path | None, typer.Option("--identity", "-i", help="Root's private key; else TRELLIS_SSH_KEY, else ssh-agent.")
]
RootUser = Annotated[str, typer.Option("--as-root-user", help="Who logs in: root, or somebody whom sudo makes root.")]
PublicKeys = Annotated[
    list[Path] | None,
    typer.Option("--deploy-key", "-k", help="File with the deploy user's PUBLIC keys; without, those there stay."),
]
ObserverKeys = Annotated[
    list[Path] | None,
    typer.Option("--observer-key", help="File with PUBLIC keys of `trellis-observe`, who may observe and no more."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, with each host's report.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(install)
    app.command()(uninstall)


def install(
    hosts: Hosts = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: Identity = None,
    as_root_user: RootUser = "root",
    deploy_key: PublicKeys = None,
    observer_key: ObserverKeys = None,
    json: Json = False,
) -> None:
    """Put the agent on hosts, or upgrade it: once, as root. The deploy user can run it from then on, and nothing else.

    Makes the site's `ssh.user` with the deploy key, and lets sudo run the agent for it. Nothing that the host runs is
    changed. Exit code 1 if a host could not be done; the others are done all the same.

    With --observer-key there is also a user `trellis-observe`, for `trellis observe run --user trellis-observe`.

    Examples:

      trellis install --identity ~/.ssh/root_ed25519 --deploy-key deploy.pub

      trellis install --deploy-key deploy.pub --observer-key observer.pub

      trellis install pve02        # an upgrade: its keys stay
    """
    keys = [key for path in deploy_key or () for key in _public_keys(path)]
    observing = [key for path in observer_key or () for key in _public_keys(path)]
    site = read_site(stack, file)
    users = {name: host.ssh.user for name, host in site.hosts.items()}

    def work(login: Login) -> Installation:
        from trellis.remote.installation import install_agent

        return install_agent(login, users[login.host], keys, observing)

    _on_hosts("install", hosts, (stack, file), (identity, as_root_user), work, json=json)


def uninstall(
    hosts: Annotated[list[str], typer.Argument(help="Hosts.", metavar="HOST...")],
    stack: StackOption = "dev",
    file: FileOption = None,
    identity: Identity = None,
    as_root_user: RootUser = "root",
    json: Json = False,
) -> None:
    """Take the agent, its user and our units away from hosts, as root. What they run, and their history, stay.

    To give a host its earlier configuration back, `trellis release` it first.

    Example:

      trellis uninstall pve02 --identity ~/.ssh/root_ed25519
    """

    def work(login: Login) -> Installation:
        from trellis.remote.installation import uninstall_agent

        return uninstall_agent(login)

    _on_hosts("uninstall", hosts, (stack, file), (identity, as_root_user), work, json=json)


def _on_hosts(
    what: str,
    hosts: list[str] | None,
    of_stack: tuple[str, Path | None],
    login_with: tuple[Path | None, str],
    work: Callable[[Login], Installation],
    *,
    json: bool,
) -> None:
    """Do it on all hosts at once, show how it ended, and end with status 1 where it did not."""
    from trellis.remote import across, keys_given, login_of

    site, (identity, root_user) = read_site(*of_stack), login_with
    if strangers := [name for name in hosts or () if name not in site.hosts]:
        raise Mistake(f"the site has no host {', '.join(strangers)}; it has {', '.join(sorted(site.hosts))}")
    try:
        keys = keys_given(identity)
    except OSError as error:
        raise Mistake(f"{identity}: {error.strerror}") from None
    chosen = hosts or sorted(site.hosts)
    say(f"{what} on {', '.join(chosen)}, as {root_user}")
    results = across((login_of(name, site.hosts[name].ssh, keys).as_user(root_user) for name in chosen), work)
    if json:
        print_json({name: _as_json(result) for name, result in results.items()})
    failures = [name for name, result in results.items() if not _shown(name, result, quiet=json)]
    if failures:
        raise typer.Exit(1)


def _shown(host: str, result: Installation | Unreached, *, quiet: bool) -> bool:
    """Say how it ended on a host; returns whether well."""
    from trellis.remote import Unreached

    if isinstance(result, Unreached):
        complain(str(result))
        return False
    if result.status != 0:
        error = result.report.get("error")
        reason = f"{error['what']}: {error['why']}; {error['remedy']}" if error else result.said.strip()
        complain(f"{host}: {result.report.get('failed_step', 'install')}: {reason} ({result.outcome})")
        return False
    if not quiet:
        done = {"applied": "done", "unchanged": "nothing to do"}
        out.print(f"{host}: {done.get(result.outcome, result.outcome)}; agent {result.report['digest'][:12]}")
    return True


def _as_json(result: Installation | Unreached) -> dict[str, object]:
    from trellis.remote import Unreached

    if isinstance(result, Unreached):
        return {"outcome": "unreached", "step": result.step, "why": result.why, "remedy": result.remedy}
    return {"outcome": result.outcome, "status": result.status, "report": result.report}


_PUBLIC_KEY = re.compile(r"((?:sk-)?(?:ssh-|ecdsa-)\S+ [A-Za-z0-9+/]+={0,3})(?: .*)?")


def _public_keys(path: Path) -> list[str]:
    """The keys of a file in the format of authorized_keys, without options and comments."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}") from None
    found = [_PUBLIC_KEY.fullmatch(line) for line in lines if line and not line.startswith("#")]
    keys = [match[1] for match in found if match]
    if not keys or len(keys) < len(found):
        # Not shown: it may be a private key.
        raise Mistake(f"{path}: not a list of public keys; give the `.pub` file, or what `ssh-keygen -y` prints")
    return keys
