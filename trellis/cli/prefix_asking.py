"""What `trellis prefixes` asks edges, and judges of their answers: what its commands have in common.

What is asked is ``trellis.routeros.of_site``'s, what follows for the file ``trellis.routeros.merging``'s; the clock is
here, the file is ``trellis.cli.prefix_file``'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from trellis.cli.console import Mistake, say
from trellis.cli.prefix_file import PrefixFile
from trellis.cli.stack import prefix_file, stack_file
from trellis.site import Site, load_site, site_data_of_stack
from trellis.site.delegated import Prefixes, prefixes_text, with_prefixes

if TYPE_CHECKING:  # httpx costs 0.1 s, which the other commands need not pay
    from trellis.routeros import Patience
    from trellis.routeros.merging import Answered

PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        help="A file (mode 0600) with the password of the edge's user; else TRELLIS_ROUTEROS_PASSWORD.",
    ),
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=1.0, max=120.0, help="Seconds for one attempt to ask an edge.")
]
AttemptsOption = Annotated[int, typer.Option("--attempts", min=1, max=10, help="Attempts, if the reason may pass.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True)
class Means:
    """With what edges are asked: the file of the password, and how long and how often."""

    password_file: Path | None
    wait_s: float
    attempts: int

    def told(self, question: Callable[[Callable[[str], str], Patience, Callable[[str], None]], _Said]) -> _Said:
        """What a question brings, which is given a way to passwords, patience, and whom to tell of failed attempts.

        Raises:
            Mistake: An edge did not answer, or there is no password to ask with.
        """
        from trellis.routeros import Patience, RouterosProblem
        from trellis.routeros.password import NoPassword, password_given

        try:
            patience = Patience(self.wait_s, self.attempts)
            return question(lambda edge: password_given(edge, self.password_file), patience, say)
        except NoPassword as none:
            raise Mistake(str(none)) from None
        except RouterosProblem as problem:
            raise Mistake(str(problem), exit_code=1) from None


@dataclass(frozen=True, slots=True)
class Asking:
    """A stack whose edges are asked.

    Attributes:
        stack_file: The stack's file.
        data: The raw site.
        site: The site, without what the prefix file says: an old prefix there must not be in the way of a new one.
        file: The prefix file.
    """

    stack_file: Path
    data: Mapping[str, Any]
    site: Site
    file: PrefixFile

    @classmethod
    def of(cls, stack: str, file: Path | None) -> Asking:
        """Read the stack's file and its prefix file; see `stack_file` for the arguments."""
        path = stack_file(stack, file)
        data = site_data_of_stack(path.read_bytes())
        return cls(path, data, load_site(with_prefixes(data, None)), PrefixFile.read(prefix_file(path)))

    def asked(self, means: Means) -> dict[str, Answered]:
        """What the edges answer, by VNet.

        Raises:
            Mistake: An edge did not answer, or there is no password to ask with.
        """
        from trellis.routeros.of_site import asked

        return means.told(lambda password_of, patience, say: asked(self.site, password_of, patience, say))

    def judged(self, wanted: Prefixes) -> Prefixes:
        """What a prefix file shall say, once the site has borne it.

        Raises:
            SiteRefused: The site would not be accepted with it.
        """
        load_site(with_prefixes(self.data, prefixes_text(wanted)))
        return wanted

    def wanted(self, answered: Mapping[str, Answered]) -> Prefixes:
        """What the prefix file shall say after these answers.

        Raises:
            SiteRefused: The site would not be accepted with it.
        """
        from trellis.routeros.merging import merged

        return self.judged(merged(self.file.prefixes(), answered, datetime.now(UTC)))

    def difference(self, wanted: Prefixes) -> str:
        """How the prefix file would change, as a patch of it."""
        before = (self.file.content or b"").decode().splitlines(keepends=True)
        name = self.file.path.name
        old = f"a/{name}" if self.file.content is not None else "/dev/null"
        return "".join(difflib.unified_diff(before, prefixes_text(wanted).splitlines(keepends=True), old, f"b/{name}"))
