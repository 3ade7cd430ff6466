"""The two sides of a comparison of rendering, as cold processes that read a file and write another one.

What is compared, how often and by which budget is ``trellis.bench.rendering``'s and ``trellis.bench.scale``'s.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Collection
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from trellis.bench.floor_input import floor_input
from trellis.bench.processes import BenchError, Launcher, Run
from trellis.bench.sites import Data
from trellis.plan import plan
from trellis.site import load_site

_FLOOR = Path(__file__).with_name("floor.py")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, with one site.

    Attributes:
        read: What it reads.
        written: What it has written in its last run.
    """

    launch: Launcher
    argv: tuple[str, ...]
    read: Path
    written: Path

    def run(self) -> tuple[Run, str]:
        """Run it once; return what it took, and the digest of what it wrote."""
        taken = self.launch.run(self.argv, self.read, self.written)
        with self.written.open("rb") as written:
            return taken, hashlib.file_digest(written, "sha256").hexdigest()


def product_side(folder: Path, launch: Launcher, data: Data) -> Side:
    """Return the product's side for a site.

    Args:
        folder: Where its files are.
        launch: What starts it.
        data: The site, as it stands under ``trellis:site``.
    """
    site = folder / "site.json"
    site.write_text(json.dumps(data), encoding="utf-8")
    return Side(launch, (sys.executable, "-I", "-m", "trellis.bench.product"), site, folder / "product.txt")


def floor_side(folder: Path, launch: Launcher, data: Data) -> Side:
    """Return the floor's side for a site; see ``product_side`` for the arguments."""
    resolved = folder / "resolved.json"
    resolved.write_text(json.dumps(floor_input(plan(load_site(data)))), encoding="utf-8")
    return Side(launch, (sys.executable, "-I", str(_FLOOR)), resolved, folder / "floor.txt")


def refuse_different(what: str, sides: tuple[Side, Side], digests: Collection[str]) -> None:
    """Refuse figures of sides that wrote different bytes.

    Args:
        what: The site, for the message.
        sides: Product and floor.
        digests: Of all that they have written.

    Raises:
        BenchError: If there is more than one.
    """
    if len(set(digests)) != 1:
        raise BenchError(
            f"{what}: product and floor did not write the same bytes ({_first_difference(*sides)}), so that their "
            "times can't be compared; a file that changed needs the same change in trellis/bench/templates"
        )


def _first_difference(product: Side, floor: Side) -> str:
    lines = (side.written.read_text(encoding="utf-8").splitlines() for side in (product, floor))
    for number, (ours, theirs) in enumerate(zip_longest(*lines, fillvalue=""), start=1):
        if ours != theirs:
            return f"line {number}: product {ours!r}, floor {theirs!r}"
    return "not in the last run"
