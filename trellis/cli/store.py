"""Where the store of guests is, for the commands that read or write it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from trellis.cli.console import Mistake

if TYPE_CHECKING:  # SQLAlchemy costs 0.2 s, which the other commands need not pay
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME; else TRELLIS_STORE, else a file of this user.",
        metavar="URL",
    ),
]

_NOTHING = (
    "the store {url} has nothing yet\n  remedy: `trellis observe run` fills it; --store or TRELLIS_STORE names another"
)


def opened(url: str | None) -> Engine:
    """The store, made or brought up to date if need be.

    Raises:
        Mistake: It can't be used.
    """
    from trellis.observe.store import StoreProblem, default_url, open_store

    try:
        return open_store(url or default_url())
    except StoreProblem as problem:
        raise Mistake(str(problem), exit_code=1) from None


@contextmanager
def reading(url: str | None) -> Iterator[Session]:
    """A store in which something was recorded, to be read.

    Raises:
        Mistake: It can't be used, or nothing was recorded in it (exit code 1).
    """
    from sqlalchemy.orm import Session

    from trellis.observe import queries
    from trellis.observe.store import StoreProblem, default_url, is_there, shown

    place = url or default_url()
    try:
        if not is_there(place):
            raise Mistake(_NOTHING.format(url=shown(place)), exit_code=1)
    except StoreProblem as problem:
        raise Mistake(str(problem), exit_code=1) from None
    engine = opened(place)
    try:
        with Session(engine) as db:
            if not queries.hosts(db):
                raise Mistake(_NOTHING.format(url=shown(place)), exit_code=1)
            yield db
    finally:
        engine.dispose()
