"""What is compared: the stack files, with their prefix files, of a git revision, a folder, or named outright.

Of a revision both files come from that revision, by `git show`; the work tree is not touched.  Nothing is decrypted: a
stack's secrets are named in its site, and their values stand beside it, where nobody reads them here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trellis.cli.console import Mistake
from trellis.cli.stack import read_prefix_file, stack_of
from trellis.plan import Plan
from trellis.plan import plan as make_plan
from trellis.site import SiteRefused, site_of_stack
from trellis.site.document import document_of
from trellis.site.stack import CONFIG_KEY

WORK_TREE = "the work tree"


@dataclass(frozen=True, slots=True)
class StackText:
    """The files of a stack.

    Attributes:
        file: What messages call the stack's file.
        prefixes: Its prefix file; None where there is none.
    """

    file: str
    text: bytes
    prefixes: bytes | None

    @property
    def has_site(self) -> bool:
        """Whether it is of a site; one that can't be read may be."""
        try:
            document = document_of(self.text, self.file)
        except SiteRefused:
            return True
        config = document.get("config") if isinstance(document, dict) else None
        return isinstance(config, dict) and CONFIG_KEY in config

    def plan(self) -> Plan:
        """Return the plan of its site; raises SiteRefused if that is refused."""
        return make_plan(site_of_stack(self.text, self.prefixes))


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: As the user named it.
        stacks: The stacks that have a site, by name.
        lone: Whether it is one file, which is compared with whatever one stack the other side has.
    """

    name: str
    stacks: Mapping[str, StackText]
    lone: bool = False


def side_of(name: str | None, project: Path) -> Side:
    """Return what a user names: a stack file, a folder, a git revision or a stack; the work tree without a name.

    Args:
        name: The argument.
        project: The folder of the stack files; in a revision the same folder is looked at.

    Raises:
        Mistake: If it is nothing of all that, or several things.
    """
    if name is None:
        return Side(WORK_TREE, _of_folder(project))
    path, revision = Path(name), _revision(name, project)
    by_path = name.startswith((".", "/", "~")) or name.endswith((".yaml", ".yml"))
    if path.exists() and revision is not None and not by_path:
        raise Mistake(f"{name} is a git revision and a path: write ./{name} for the path, or refs/heads/{name}")
    if revision is not None and not by_path:
        return Side(name, _of_revision(revision, project))
    if path.is_dir():
        return Side(name, _of_folder(path))
    if path.is_file():
        return Side(name, {stack_of(path) or path.name: _of_file(path)}, lone=True)
    if (project / f"Pulumi.{name}.yaml").is_file():
        return Side(name, {name: _of_file(project / f"Pulumi.{name}.yaml")}, lone=True)
    raise Mistake(f"{name} is no git revision, no folder, no stack file and no stack of {project}")


def project_folder() -> Path:
    """Return the folder of the stack files: this one or the nearest above with a `Pulumi.yaml` or a stack's file."""
    here = Path.cwd()
    known = (folder for folder in (here, *here.parents) if next(folder.glob("Pulumi*.yaml"), None) is not None)
    return next(known, here)


def _of_file(path: Path) -> StackText:
    return StackText(path.name, path.read_bytes(), read_prefix_file(path))


def _of_folder(folder: Path) -> dict[str, StackText]:
    found = {stack_of(path): _of_file(path) for path in sorted(folder.glob("Pulumi.*.yaml"))}
    return {name: stack for name, stack in found.items() if name is not None and stack.has_site}


def _of_revision(commit: str, project: Path) -> dict[str, StackText]:
    names = _git(project, "ls-tree", "-z", "--name-only", commit, "./").decode().split("\0")
    return dict(_with_sites(commit, project, {name.rpartition("/")[2] for name in names if name}))


def _with_sites(commit: str, project: Path, names: set[str]) -> Iterator[tuple[str, StackText]]:
    for name in sorted(names):
        stack, prefixes = stack_of(Path(name)), name.replace("Pulumi.", "Prefixes.", 1)
        if stack is None:
            continue
        read = _git(project, "show", f"{commit}:./{name}")
        beside = _git(project, "show", f"{commit}:./{prefixes}") if prefixes in names else None
        found = StackText(name, read, beside)
        if found.has_site:
            yield stack, found


def _revision(name: str, project: Path) -> str | None:
    """Return the commit that git takes a name for; None where it knows none, or there is no repository."""
    try:
        return (
            _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
        )
    except Mistake:
        return None


def _git(project: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(project), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise Mistake("git is not installed: name folders or stack files instead of revisions") from None
    if done.returncode:
        raise Mistake(f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
