"""What the product's own store says of the guests of a lab: hosts read once, as an operator would have it done.

The lab judges by what it sees itself; this is the product's view, which has to agree.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trellis.lab.command_line import trellis
from trellis.lab.errors import LabError
from trellis.lab.processes import Completed

if TYPE_CHECKING:
    from trellis.lab.twin import Twin


def store_of(twin: Twin) -> str:
    """The address of a lab's store."""
    return f"sqlite:///{twin.lab.state / 'guests.db'}"


def guests(twin: Twin) -> tuple[dict[str, Any], ...]:
    """Have all hosts read into the lab's store, and return the sessions that it then holds.

    Raises:
        LabError: A host was not read, or the store has nothing; the command's own words are in the message.
    """
    _must(trellis(twin, "observe", "run", "--once", "--store", store_of(twin)), "trellis observe run")
    told = trellis(twin, "guests", "sessions", "--json", "--store", store_of(twin), with_site=False)
    return tuple(json.loads(_must(told, "trellis guests sessions").stdout)["items"])


def _must(done: Completed, what: str) -> Completed:
    if not done.ok:
        why = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-8:])
        raise LabError(what, why=why, remedy="`trellis lab status` shows what runs")
    return done
