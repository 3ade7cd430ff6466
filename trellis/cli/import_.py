"""``trellis import``: an existing cluster as a site, with a list of what the site does not express.

What is inferred and how it is judged is ``trellis.adoption``'s; what is read, ``trellis.cli.import_reading``'s.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trellis.cli.console import Mistake, err, print_json
from trellis.cli.hosts import IdentityOption
from trellis.cli.stack import prefix_file

if TYPE_CHECKING:
    from trellis.adoption import Adopted, GivenCluster, Unexpressed

SCHEMA_VERSION = 1

HostOption = Annotated[
    list[str] | None, typer.Option("--host", help="A host to read over SSH, as NAME=ADDRESS; several times.")
]
KnownHosts = Annotated[Path | None, typer.Option("--known-hosts", help="Host keys, as ssh-keyscan prints them.")]


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command("import")(import_cluster)


def import_cluster(
    folder: Annotated[Path | None, typer.Argument(help="A folder with what was read of the cluster.")] = None,
    host: HostOption = None,
    known_hosts: KnownHosts = None,
    proxmox: Annotated[str | None, typer.Option("--proxmox", help="The Proxmox API, as https://HOST:8006.")] = None,
    user: Annotated[str, typer.Option("--user", help="Who logs in at hosts; frr.conf is read.")] = "root",
    identity: IdentityOption = None,
    name: Annotated[str, typer.Option("--name", help="The site's name.")] = "imported",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the stack file goes; else it is printed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of --output.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: the site, and what became of it all.")] = False,
) -> None:
    """Write the site that reproduces an existing cluster, and list what it does not express.

    The cluster is read from a folder, or from its hosts over SSH and from Proxmox's API (the token in
    PROXMOX_VE_API_TOKEN needs SDN.Audit and VM.Audit). Nothing is changed there. Every line of FRR and of Proxmox's
    SDN is in what the site renders, or in the list. Secrets are shown nowhere.

    Exit code 1 if something is not expressed (the site is written all the same), 2 if the cluster can't be read.
    Before the first deploy, `trellis adopt HOST` shows what it would replace on each host.

    Examples:

      trellis import cluster/ --output Pulumi.prod.yaml

      trellis import --host pve01=10.10.0.11 --host pve02=10.10.0.12 --known-hosts keys --proxmox https://10.10.0.11:8006

      trellis import cluster/ --json | jq '.unexpressed[] | .line'
    """
    from trellis.adoption import Packaged, adopted
    from trellis.agent.adopt import PACKAGED, PACKAGED_OPTIONS

    _refuse_to_overwrite(output, force)
    cluster = _read(folder, host or [], known_hosts, proxmox, user, identity)
    found = adopted(name, cluster, Packaged(PACKAGED, frozenset(PACKAGED_OPTIONS)))
    if output is not None:
        _write(found, output)
    if json:
        print_json(_as_json(found))
    else:
        if output is None:
            sys.stdout.write(stack_text(found))
        _tell(found, output)
    if found.unexpressed:
        raise typer.Exit(1)


def _read(
    folder: Path | None,
    hosts: list[str],
    known_hosts: Path | None,
    proxmox: str | None,
    user: str,
    identity: Path | None,
) -> GivenCluster:
    from trellis.cli.import_reading import keys_of, read_folder, read_hosts

    if (folder is None) == (not hosts):
        raise Mistake("name either a folder, or hosts by --host NAME=ADDRESS: `trellis import --help` has examples")
    if folder is not None:
        if not folder.is_dir():
            raise Mistake(f"there is no folder {folder}")
        return read_folder(folder, known_hosts, proxmox)
    from trellis.remote import keys_given
    from trellis.remote.login import Login

    keys = keys_of(known_hosts)
    pairs = [tuple(text.partition("=")[::2]) for text in hosts]
    wrong = [text for text, (name, address) in zip(hosts, pairs, strict=True) if not (name and address)]
    unknown = [name for name, address in pairs if name not in keys and address not in keys]
    if wrong or unknown:
        problems = [f"--host {text}: write it as NAME=ADDRESS" for text in wrong]
        problems += [f"{name}: --known-hosts has no key of it: `ssh-keyscan -t ed25519 {name}`" for name in unknown]
        raise Mistake("\n".join(problems))
    try:
        offered = keys_given(identity)
    except OSError as error:
        raise Mistake(f"--identity {identity}: {error.strerror}; name a private key's file") from None
    logins = [Login(name, address, 22, user, keys.get(name) or keys[address], offered) for name, address in pairs]
    return read_hosts(logins, proxmox)


def _refuse_to_overwrite(output: Path | None, force: bool) -> None:
    there = [path for path in (output, prefix_file(output)) if path.exists()] if output is not None else []
    if there and not force:
        raise Mistake(f"{' and '.join(map(str, there))} exists; name another --output, or add --force to overwrite")


def _write(found: Adopted, output: Path) -> None:
    try:
        output.write_text(stack_text(found), encoding="utf-8")
        if found.prefixes:
            prefix_file(output).write_text(_prefixes_text(found), encoding="utf-8")
        else:
            prefix_file(output).unlink(missing_ok=True)
    except OSError as error:
        raise Mistake(f"--output {output}: {error.strerror}") from None


def stack_text(found: Adopted) -> str:
    """Return a site as a stack file.

    Args:
        found: The site.
    """
    import yaml

    heading = "# Written by `trellis import`; docs/import.md says what to look at before it is used.\n"
    text: str = yaml.safe_dump(
        {"config": {"trellis:site": found.data}}, sort_keys=False, default_flow_style=None, width=118
    )
    return heading + text


def _prefixes_text(found: Adopted) -> str:
    from trellis.site.delegated import Prefixes, prefixes_text

    return prefixes_text(Prefixes(schema_version=1, vnets=found.site.delegated))


def _as_json(found: Adopted) -> dict[str, Any]:
    states = Counter(account.state for account in found.accounts)
    return {
        "schema_version": SCHEMA_VERSION,
        "site": found.data,
        "prefixes": found.prefixes,
        "unexpressed": found.unexpressed,
        "assumed": found.assumed,
        "secrets": found.secrets,
        "lines": dict(sorted(states.items())),
    }


def _tell(found: Adopted, output: Path | None) -> None:
    """Tell what is not expressed, what was assumed, and what comes next, beside the site itself."""
    if found.unexpressed:
        err.print(f"[bold]The site does not express {len(found.unexpressed)} lines:[/]")
    for line in blocks(found.unexpressed):
        err.print(line, markup=False)
    for title, lines in (
        ("No text says these; see that they are right:", found.assumed),
        (
            "Secrets that the site names; their values are the stack's:",
            [f"pulumi config set --secret --path 'trellis:secrets.{secret}'" for secret in found.secrets],
        ),
    ):
        if lines:
            err.print(f"\n{title}", markup=False)
            for line in lines:
                err.print(f"  {line}", markup=False)
    states = Counter(account.state for account in found.accounts)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    err.print(f"\n{len(found.accounts)} lines: {told}", markup=False)
    if output is not None:
        err.print(f"{output} is written; `trellis plan --file {output}` shows it", markup=False)
        if found.prefixes:
            err.print(f"{prefix_file(output)} is written beside it", markup=False)
    elif found.prefixes:
        err.print("The site has delegated prefixes: with --output they go into a file beside the stack's", markup=False)
    err.print("Before the first deploy: `trellis adopt HOST` for each host", markup=False)


def blocks(unexpressed: tuple[Unexpressed, ...]) -> Iterator[str]:
    """Yield what is not expressed as lines of text: what follows each other and has one reason together.

    Args:
        unexpressed: What is not expressed, in its order.
    """
    for _, group in groupby(unexpressed, key=lambda one: (one.host, one.place, one.why, one.remedy)):
        run = list(group)
        first, numbers = run[0], sorted({one.number for one in run if one.number})
        lines = f":{numbers[0]}" + (f"-{numbers[-1]}" if len(numbers) > 1 else "") if numbers else ""
        yield f"{first.host} {first.place}{lines}".strip()
        yield from (f"    {one.line}" for one in run)
        yield f"  why:        {first.why}"
        yield f"  what to do: {first.remedy}"
