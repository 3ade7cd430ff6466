"""``trellis prefixes sync``: from what an edge was delegated to the prefix file, and with ``--up`` to the hosts.

The file is written once the site has borne what it shall say, and the engine is started once the file is written; what
fails on the way leaves the last good file.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from trellis.cli.console import Mistake, out, print_json, say
from trellis.cli.prefix_asking import Asking, AttemptsOption, Json, Means, PasswordOption, WaitOption
from trellis.cli.stack import FileOption, StackOption, stack_file, stack_of

if TYPE_CHECKING:
    from trellis.observe.sync_request import SyncRequests
    from trellis.site.delegated import Prefixes

RequestOption = Annotated[
    Path | None,
    typer.Option("--request-file", help="Where the webhook leaves requests; else a file of this user and stack."),
]

_Made = TypeVar("_Made")


def add_to(app: typer.Typer) -> None:
    """Add this module's command to ``app``."""
    app.command()(sync)


@dataclass
class Done:
    """What a sync did.

    Attributes:
        steps: Its steps, with the seconds that each took.
        difference: How the prefix file changed, as a patch; empty where it did not.
        applied: Whether the engine put it on the hosts.
    """

    steps: list[tuple[str, float]] = field(default_factory=list)
    difference: str = ""
    applied: bool = False

    def step(self, name: str, what: str, make: Callable[[], _Made]) -> _Made:
        """Take a step, and say how long it took."""
        began = time.monotonic()
        made = make()
        self.steps.append((name, time.monotonic() - began))
        say(f"{name} {what}: {self.steps[-1][1]:.2f} s")
        return made


@dataclass(frozen=True, slots=True)
class Applying:
    """How the engine is run.

    Attributes:
        stack: Name of the stack.
        folder: Where its program is.
        asks: Whether the engine shows its preview and asks.
    """

    stack: str
    folder: Path
    asks: bool

    @classmethod
    def of(cls, file: Path, yes: bool) -> Applying:
        """How the stack of a file is applied.

        Raises:
            Mistake: It can't be, or there is nobody whom the engine could ask.
        """
        stack = stack_of(file)
        if stack is None or not (file.parent / "Pulumi.yaml").is_file():
            raise Mistake(f"--up: {file} is no stack of a program: that is Pulumi.STACK.yaml, beside a Pulumi.yaml")
        if not yes and not sys.stdin.isatty():
            raise Mistake("--up: `pulumi up` asks before it changes hosts, and here is nobody to answer; add --yes")
        return cls(stack, file.parent, not yes)

    @property
    def arguments(self) -> list[str]:
        """What the engine is told."""
        return ["up", "--stack", self.stack, *([] if self.asks else ["--yes"])]


def sync(
    up: Annotated[bool, typer.Option("--up", help="Run `pulumi up` for the stack if the file changed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --up: do not ask before hosts are changed.")] = False,
    if_requested: Annotated[
        bool, typer.Option("--if-requested", help="Do nothing unless the webhook was called (`trellis observe serve`).")
    ] = False,
    request_file: RequestOption = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    password_file: PasswordOption = None,
    wait: WaitOption = 10.0,
    attempts: AttemptsOption = 3,
    json: Json = False,
) -> None:
    """Ask the edge, judge what it says, show how the prefix file changes, write it; --up also puts it on the hosts.

    Where nothing changed nothing is written and nothing run. On any error the last good file stays; if only `pulumi up`
    fails the file is the new one, the exit code 1, and the next `sync --up` runs it again.

    Examples:

      trellis prefixes sync && git diff Prefixes.dev.yaml

      trellis prefixes sync --up --yes --password-file /etc/trellis/edge1-password

      trellis prefixes sync --if-requested --request-file /var/lib/trellis/prefixes-requested
    """
    found = stack_file(stack, file)
    applying = Applying.of(found, yes) if up else None
    requests = _requests(found, request_file, if_requested=if_requested)
    if requests is not None and not _taken(requests):
        return
    asking = Asking.of(stack, file)
    done = synced(asking, Means(password_file, wait, attempts), applying, json=json)
    if requests is not None:
        requests.done()
    if json:
        print_json(
            {
                "file": str(asking.file.path),
                "changed": bool(done.difference),
                "written": bool(done.difference),
                "applied": done.applied,
                "difference": done.difference,
                "steps": [{"step": step, "seconds": round(seconds, 3)} for step, seconds in done.steps],
            }
        )


def synced(asking: Asking, means: Means, applying: Applying | None, *, json: bool) -> Done:
    """Bring the prefix file, and with ``applying`` the hosts, to what the edges say now.

    Args:
        asking: The stack.
        means: With what its edges are asked.
        applying: How the engine is run; None for not at all.
        json: Whether standard output is for JSON alone.

    Raises:
        Mistake: An edge, the file or the engine failed.
        SiteRefused: The site would not be accepted with what the edges say.
    """
    done, known = Done(), asking.file.prefixes()
    answered = done.step("asked", ", ".join(_edges(asking)) or "nobody", lambda: asking.asked(means))
    wanted = done.step("judged", "what follows", lambda: asking.wanted(answered))
    if wanted == known and (applying is None or not _unapplied(asking).exists()):
        say(f"{asking.file.path} says so already: nothing to do")
        return done
    engine = _engine() if applying is not None else None  # a missing one is told before anything is written
    if wanted == known:
        say(f"{asking.file.path} says so already, and `pulumi up` did not end well for it: once more")
    else:
        done.difference = asking.difference(wanted)
        if not json:
            out.print(done.difference, markup=False, end="")
        done.step("written", str(asking.file.path), lambda: _write(asking, wanted, applies=applying is not None))
    if applying is not None and engine is not None:
        status = done.step("ran", "pulumi up", lambda: _run([str(engine), *applying.arguments], applying.folder, json))
        done.applied = status == 0
        if not done.applied:
            raise Mistake(_not_applied(asking, applying, status), exit_code=1)
        _unapplied(asking).unlink(missing_ok=True)
        say(f"applied {asking.file.path.name} to the hosts of {applying.stack}")
    return done


def _write(asking: Asking, wanted: Prefixes, *, applies: bool) -> None:
    if applies:  # first, so that no end of this process leaves a file that looks as if it were on the hosts
        _unapplied(asking).touch()
    asking.file.replace(wanted)


def _unapplied(asking: Asking) -> Path:
    """A file that is there while the prefix file was written and `pulumi up` has not ended well for it."""
    return asking.file.path.with_name(f".{asking.file.path.name}.unapplied")


def _edges(asking: Asking) -> list[str]:
    from trellis.routeros.of_site import sources

    return sorted({source.edge for source in sources(asking.site)})


def _engine() -> Path:
    from trellis.engine import EngineMissingError, find

    try:
        return find(say).path
    except EngineMissingError as missing:
        raise Mistake(f"{missing}\nthe prefix file was not written", exit_code=1) from None


def _run(argv: list[str], folder: Path, json: bool) -> int:
    """Run the engine to its end, its words shown as they come; return its status."""
    sys.stdout.flush()
    try:
        with _left_to_the_engine(), subprocess.Popen(argv, cwd=folder, stdout=sys.stderr if json else None) as engine:
            return engine.wait()
    except OSError as error:
        raise Mistake(f"{argv[0]}: {error.strerror}", exit_code=1) from None


@contextmanager
def _left_to_the_engine() -> Iterator[None]:
    """Leave Ctrl-C to the engine, which ends what it is at before it ends: one that is killed leaves a locked stack."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _not_applied(asking: Asking, applying: Applying, status: int) -> str:
    name = asking.file.path.name
    return (
        f"`pulumi up --stack {applying.stack}` ended with {status}; {name} is new, and hosts may have it or not\n"
        "  remedy: read what it said, and run this again, which runs it again; or have the old file back by\n"
        f"  `git checkout -- {name}` in {applying.folder}, and run `pulumi up --stack {applying.stack}`"
    )


def _requests(stack_file: Path, file: Path | None, *, if_requested: bool) -> SyncRequests | None:
    from trellis.observe.sync_request import SyncRequests, default_file

    if not if_requested:
        if file is not None:
            raise Mistake("--request-file is where --if-requested looks; add that, or leave both out")
        return None
    return SyncRequests(file or default_file(stack_of(stack_file) or stack_file.stem))


def _taken(requests: SyncRequests) -> bool:
    """Take the request that waits; whether there was one."""
    try:
        taken = requests.take()
    except OSError as error:
        raise Mistake(f"{requests.file}: {error.strerror}", exit_code=1) from None
    if taken is None:
        say(f"nobody requested a sync: there is no {requests.file}")
        return False
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(taken.at)) if taken.at else "some time ago"
    say(f"a sync was requested by {taken.edge or 'somebody'}, {when}")
    return True
