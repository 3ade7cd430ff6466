"""What ``trellis`` does on one host after another over SSH: which hosts, whose key, and how an answer is told.

The commands are in ``trellis.cli.check`` and ``trellis.cli.ways_back``; reaching a host is ``trellis.remote``'s, and
what is done there the agent's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trellis.cli.console import Mistake, say
from trellis.cli.stack import FileOption, StackOption, read_site

if TYPE_CHECKING:  # paramiko costs 0.1 s, which the other commands need not pay
    from trellis.remote import Answer, Login, Transacted, Unreached
    from trellis.site import Site

HostArgument = Annotated[str, typer.Argument(help="A host of the site.", metavar="HOST")]
HostsArgument = Annotated[list[str] | None, typer.Argument(help="Hosts; all if none is named.", metavar="HOST")]
SomeHostsArgument = Annotated[list[str], typer.Argument(help="Hosts of the site.", metavar="HOST")]
IdentityOption = Annotated[
    Path | None,
    typer.Option("--identity", "-i", help="A private key's file; else the text in TRELLIS_SSH_KEY, else ssh-agent."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the host is changed.")]

REFUSED = 3
"""The agent's exit status from which on it has refused; 4 and 5 mean that it had begun."""

__all__ = ["FileOption", "StackOption"]


def chosen(site: Site, names: Sequence[str] | None) -> list[str]:
    """The hosts that are meant: those named, or all of the site, in its order.

    Raises:
        Mistake: One is none of the site's.
    """
    if strangers := [name for name in names or () if name not in site.hosts]:
        raise Mistake(f"the site has no host {', '.join(strangers)}; it has {', '.join(site.hosts)}")
    return [name for name in site.hosts if not names or name in names]


def logins(site: Site, names: Sequence[str], identity: Path | None) -> list[Login]:
    """The logins at some hosts of a site.

    Raises:
        Mistake: The key's file can't be read.
    """
    from trellis.remote import keys_given, login_of

    try:
        keys = keys_given(identity)
    except OSError as error:
        raise Mistake(f"--identity {identity}: {error.strerror}; name a private key's file") from None
    return [login_of(name, site.hosts[name].ssh, keys) for name in names]


def login(stack: str, file: Path | None, host: str, identity: Path | None) -> Login:
    """The login at one host of a stack's site.

    Raises:
        Mistake: The site has no such host, or the key's file can't be read.
    """
    site = read_site(stack, file)
    return logins(site, chosen(site, [host]), identity)[0]


def asked(where: Login, command: str, stdin: str = "") -> dict[str, Any]:
    """The answer of a host's agent to a command that changes nothing.

    Raises:
        Mistake: The host can't be reached, or its agent refuses.
    """
    from trellis.remote import Unreached, ask_agent

    try:
        answer = ask_agent(where, command, stdin)
    except Unreached as unreached:
        raise unreachable(unreached) from None
    content = content_of(answer)
    if content is None:
        raise refusal(where.host, command, answer)
    return content


def content_of(answer: Answer) -> dict[str, Any] | None:
    """The document of an agent's answer; nothing where it gave none."""
    try:
        content = json.loads(answer.out)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def content_or_why(host: str, answer: Answer | Unreached) -> dict[str, Any] | str:
    """The document of an agent's answer, or why there is none, in a line."""
    from trellis.remote import Unreached

    if isinstance(answer, Unreached):
        return f"not reached: {answer.step}: {answer.why}; {answer.remedy}"
    content = content_of(answer)
    if content is None:
        said = answer.err.strip().splitlines() or [f"status {answer.status}"]
        return said[-1].removeprefix(f"{host}: ")
    return content


def unreachable(error: Unreached) -> Mistake:
    """What a user is told of a host that can't be reached."""
    return Mistake(f"{error.host}: {error.step}: {error.why}\n  remedy: {error.remedy}", exit_code=1)


def refusal(host: str, command: str, answer: Answer) -> Mistake:
    """What a user is told of an agent that refuses a command."""
    said = answer.err.strip().splitlines() or [f"status {answer.status}, and not a word"]
    text = said[-1] if said[-1].startswith(f"{host}:") else f"{host}: {command.split(maxsplit=1)[0]}: {said[-1]}"
    return Mistake(text, exit_code=2 if answer.status <= REFUSED else 1)


def may_change(question: str, yes: bool) -> None:
    """Ask before a host is changed.

    Raises:
        Mistake: The answer is no, or nobody is there to give one.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise Mistake(f"{question} Nobody is there to say so: add --yes")
    if not typer.confirm(question, err=True):
        raise Mistake("nothing was done")


def changed(where: Login, command: str, stdin: str = "") -> Transacted:
    """Have a host's agent make a change and confirm it, telling each step as it comes.

    Args:
        where: The host.
        command: The agent's command.
        stdin: What it reads.

    Raises:
        Mistake: It was refused, taken back, or the host can't be reached.
    """
    from trellis.remote import Unreached, transact

    try:
        done = transact(where, command, stdin, on_line=say)
    except Unreached as unreached:
        raise unreachable(unreached) from None
    if done.status == 0:
        return done
    error = done.report.get("error")
    if error is None:
        said = done.said.strip().splitlines() or [f"status {done.status}, and not a word"]
        raise Mistake(f"{where.host}: {said[-1]}", exit_code=2 if done.status <= REFUSED else 1)
    raise Mistake(_failure(where.host, command, done.report), exit_code=2 if done.status <= REFUSED else 1)


def _failure(host: str, command: str, report: dict[str, Any]) -> str:
    ended = {
        "refused": "nothing was changed",
        "restored": "the host is as it was before",
        "broken": "the host is NOT as it was before: it needs somebody now",
    }
    error, outcome = report["error"], report.get("outcome", "broken")
    return (
        f"{host}: {command}: {report.get('failed_step')}: {error['what']}: {error['why']}\n"
        f"  remedy: {error['remedy']}\n  {ended.get(outcome, outcome)}"
    )
