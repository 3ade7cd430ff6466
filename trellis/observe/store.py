"""The store: where it is, and opening it with its tables as they are now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

STORE_VARIABLE = "TRELLIS_STORE"
"""The environment variable that may name the store."""

_FORMS = "write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 7_408_211_046
"""Of PostgreSQL's advisory locks: two programs that start at once must not both migrate."""


class StoreProblem(Exception):
    """A store that can't be used; the message says why and what to do."""


def default_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return where the store is unless somebody says otherwise: the variable's URL, else a file in the state folder.

    Args:
        environment: Where TRELLIS_STORE and XDG_STATE_HOME are looked for.
    """
    if url := environment.get(STORE_VARIABLE):
        return url
    home = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".local/state")
    return f"sqlite:///{home}/trellis/guests.db"


def open_store(url: str) -> Engine:
    """Open a store, made or brought up to date if need be.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql+psycopg://USER@HOST/NAME``.

    Raises:
        StoreProblem: It can't be reached, or is of a newer release than this one.
    """
    engine = _engine(url)
    try:
        _migrate(engine)
    except CommandError as error:
        engine.dispose()
        raise StoreProblem(f"the store {shown(url)} is of another release: {error}; use that release") from None
    except SQLAlchemyError as error:
        engine.dispose()
        raise _unusable(url, error) from None
    return engine


def is_there(url: str) -> bool:
    """Whether a store has been made; nothing is made by asking.

    Args:
        url: As for ``open_store``.

    Raises:
        StoreProblem: The URL is none, or the server can't be reached.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(str(parsed.database)).is_file()
    engine = _engine(url)
    try:
        return revision(engine) is not None
    except SQLAlchemyError as error:
        raise _unusable(url, error) from None
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring a database's tables to a revision.

    Args:
        connection: A connection in a transaction.
        revision: Alembic's name of it.
    """
    command.upgrade(_config(connection), revision)


def revision(engine: Engine) -> str | None:
    """Return the step that a store's tables are at."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _migrate(engine: Engine) -> None:
    newest = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    if revision(engine) == newest:
        return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        upgrade(connection)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreProblem(f"{shown(url)} names no store; {_FORMS}") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreProblem(f"a store is SQLite or PostgreSQL, not {parsed.get_backend_name()}; {_FORMS}")
    if parsed.get_backend_name() == "sqlite" and not parsed.database:
        raise StoreProblem(f"a store is a file, or on a server; {_FORMS}")
    return parsed


def _engine(url: str) -> Engine:
    parsed = _parsed(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, ImportError) as error:
        raise StoreProblem(f"{shown(url)} names no store: {error}; {_FORMS}") from None
    except OSError as error:
        raise StoreProblem(f"{shown(url)}: {error.strerror}: {error.filename}") from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _as_we_need_it)
        event.listen(engine, "begin", _begin)
    return engine


def _as_we_need_it(connection: Any, _: object) -> None:
    """Have SQLite keep foreign keys, let others read while one writes, and leave beginning a transaction to us."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def shown(url: str) -> str:
    """Return a URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the store's URL"


def _unusable(url: str, error: SQLAlchemyError) -> StoreProblem:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    remedy = "see that the server runs and the URL is right" if isinstance(error, OperationalError) else "see its log"
    return StoreProblem(f"the store {shown(url)} can't be used: {reason}; {remedy}")
