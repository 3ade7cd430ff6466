"""A defect that a fault has to bring to light, as data: what is written otherwise in the product's own source.

Each stands in the file of its fault, `tests/lab/faults/NN_name.py`.  How one is tried is `trellis.lab.faults.mutants`'
business.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trellis.lab.errors import LabError

PRODUCT: Final = ("__main__.py", "components/", "trellis/agent/", "trellis/remote/")
"""What may be written otherwise: the product.  The lab judges it, and stays as it is."""

_TREE: Final = ("Pulumi.yaml", "__main__.py", "components", "templates", "tests/lab/faults", "tools", "trellis")
"""What a run of a fault needs of the project's folder."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A passage of a source file that is written otherwise.

    Args:
        path: The file, from the project's folder.
        old: The passage as it stands there, once.
        new: What is put in its place.
    """

    path: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file's text with the passage written otherwise.

        Raises:
            LabError: The passage is not there exactly once.
        """
        if (times := text.count(self.old)) != 1:
            why = f"it is there {times} times, not once: {self.old.strip()!r}"
            raise LabError(f"a defect's passage of {self.path}", why=why, remedy="see tests/lab/faults, and adapt it")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect by which a fault no longer ends as written.

    Args:
        what: What is wrong, for people.
        rewrites: How it is made; several where each of them alone would be caught by another defence.
        because: A regular expression that one of the fault's problems matches; red for another reason does not count.
        variant: Which of the fault's variants it is tried on; empty for the only one.
        shares: Numbers of other faults whose answer goes through the same passages: their rows may turn red as well,
            and are not run for it.
        settled_within_s: How long the host is given to be whole by itself, which it often will not be.
    """

    what: str
    rewrites: tuple[Rewrite, ...]
    because: str
    variant: str = ""
    shares: tuple[int, ...] = ()
    settled_within_s: float = 40.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fault looked like with a defect in the product.

    Args:
        happened: What the deployment said of it.
        proof: What proves that the fault happened; empty if nothing did.
        problems: What is not as it must be.
    """

    happened: str
    proof: str
    problems: tuple[str, ...]


def seed(project: Path, mutant: Mutant, tree: Path) -> None:
    """Copy what a run of a fault needs, with the defect in it; what is made of it is the product with that defect.

    Args:
        project: The project's folder; nothing in it changes.
        mutant: The defect.
        tree: An empty folder, where the copy goes.

    Raises:
        LabError: A passage is not there exactly once.
    """
    for part in _TREE:
        source, target = project / part, tree / part
        if source.is_dir():
            # Byte code comes along: it is known by the time of its source, which a copy keeps.
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    for rewrite in mutant.rewrites:
        file = tree / rewrite.path
        file.write_text(rewrite.applied(file.read_text()))
