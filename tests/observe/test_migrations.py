"""The steps of the store's tables: they end in what the program uses, and keep what an older store holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.observe.seen import GOOD, Store, line, peer
from trellis.observe import store as opening
from trellis.observe.store import StoreProblem, default_url, is_there, open_store, revision, shown, upgrade
from trellis.observe.tables import Base, Peering

MIGRATIONS = Path(opening.__file__).with_name("migrations")


def test_a_new_store_has_the_tables_that_the_program_uses(url: str) -> None:
    engine = open_store(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_store_of_the_first_step_is_brought_up_to_date_and_keeps_what_it_holds(url: str) -> None:
    engine = opening._engine(url)
    with engine.begin() as connection:
        upgrade(connection, "0001")
        connection.execute(text(
            "INSERT INTO bgp_guest_peering (uuid, network_id, tenant, guest, vm_id, nic_id, host, mode, guest_asn, "
            "guest_ip, vr_asn, vr_ip, state, prefixes_received, prefixes_sent, created) VALUES ('u', 'vnet101', "
            "'acme', 'web', 'unknown', 'unknown', 'pve01', 'bound', 4200101006, 'fd00:101::6', 4200001000, "
            "'fd00:101::fffe', 'Established', 1, 1, '2026-11-01 00:00:00+00:00')"
        ))  # fmt: skip
    assert revision(engine) == "0001"
    engine.dispose()
    again = open_store(url)
    assert revision(again) == ScriptDirectory(str(MIGRATIONS)).get_current_head() != "0001"
    with again.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    store = Store(again).declared()
    (row,) = [row for row in store.all(Peering) if row.guest == "web"]
    assert (row.uuid, row.guest_asn, row.mac) == ("u", 4200101006, "bc:24:11:00:00:06")
    store.saw(line(1, "pve01", peer("Established", 1, GOOD)))
    assert store.state() == "Established"
    again.dispose()


def test_opening_it_again_changes_nothing(url: str) -> None:
    first = open_store(url)
    Store(first).declared().saw(line(1, "pve01", peer("Established", 1, GOOD)))
    first.dispose()
    second = open_store(url)
    assert Store(second).state() == "Established"
    second.dispose()


def test_a_store_of_a_newer_release_is_refused(url: str) -> None:
    engine = open_store(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreProblem, match="of another release"):
        open_store(url)


def test_asking_for_a_store_makes_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none/guests.db"
    assert not is_there(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "names no store"),
        ("mysql://host/name", "a store is SQLite or PostgreSQL"),
        ("sqlite://", "a store is a file"),
        ("sqlite:////proc/none/guests.db", "/proc/none"),
        ("postgresql+psycopg://u:secret@/name?host=/nowhere", "can't be used"),
    ],
)
def test_what_is_no_store_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(StoreProblem, match=why) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_where_the_store_is_follows_the_variable_and_then_the_state_folder() -> None:
    assert default_url({"TRELLIS_STORE": "sqlite:////x.db", "HOME": "/h"}) == "sqlite:////x.db"
    assert default_url({"HOME": "/h"}) == "sqlite:////h/.local/state/trellis/guests.db"
    assert default_url({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == "sqlite:////s/trellis/guests.db"
    assert shown("postgresql+psycopg://u:secret@h/n") == "postgresql+psycopg://u:***@h/n"
