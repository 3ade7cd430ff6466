"""`trellis prefixes`, as a user runs it: over real TLS to the lab's RouterOS, with the example's four VNets."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.command_line import trellis
from tests.cli.stack_of_edge import OTHER, VNETS, Stack
from tests.routeros.conftest import edge  # noqa: F401 (a fixture)
from tests.routeros.edge import FACE, PASSWORD, PREFIXES, failing, with_pool
from trellis.lab.routeros import Served
from trellis.site.delegated import prefixes_text, read_prefixes


@pytest.fixture
def stack(tmp_path: Path, edge: Served) -> Stack:  # noqa: F811 (the fixture)
    folder = tmp_path / "stack"
    folder.mkdir()
    return Stack(folder, edge)


def in_force(stack: Stack) -> dict[str, str]:
    return {name: str(vnet.current) for name, vnet in stack.prefixes().vnets.items()}


def test_reading_prints_what_would_be_written_and_writes_nothing(stack: Stack) -> None:
    code, printed, said = stack.run("read")
    assert code == 0
    assert {name: str(one.current) for name, one in read_prefixes(printed).vnets.items()} == VNETS
    assert "would change" in said
    assert not stack.file.exists()


def test_what_was_printed_is_what_is_written(stack: Stack) -> None:
    _, printed, _ = stack.run("read")
    code, written, said = stack.run("read", "--write")
    assert (code, written) == (0, printed)
    assert stack.file.read_text() == printed
    assert "was written" in said
    assert stat.S_IMODE(stack.file.stat().st_mode) == 0o644
    assert [path.name for path in stack.folder.iterdir() if path.name.startswith(".")] == []


def test_a_file_that_says_so_already_is_not_touched(stack: Stack) -> None:
    stack.good()
    os.utime(stack.file, (1, 1))
    code, _, said = stack.run("read", "--write")
    assert code == 0
    assert "says so already" in said
    assert stack.file.stat().st_mtime == 1


def test_a_changed_delegation_is_shown_and_its_old_prefix_kept_for_its_lifetime(stack: Stack) -> None:
    stack.file.write_text(prefixes_text(read_prefixes(stack.good())))
    stack.served.face.become(with_pool("pd-v101", OTHER))
    code, printed, _ = stack.run("diff")
    assert code == 1
    lines = printed.splitlines()
    assert lines[:2] == ["--- a/Prefixes.home.yaml", "+++ b/Prefixes.home.yaml"]
    assert f"-    current: {VNETS['vnet101']}" in lines
    assert f"+    current: {OTHER}" in lines
    before = datetime.now(UTC)
    stack.run("read", "--write")
    (old,) = stack.prefixes().vnets["vnet101"].deprecated
    assert str(old.prefix) == VNETS["vnet101"]
    waits = datetime.fromisoformat(old.remove_after) - before
    assert timedelta(seconds=3600) <= waits <= timedelta(seconds=3660)
    assert stack.run("diff") == (0, "", "")


def test_drift_fails_and_is_shown_for_each_vnet(stack: Stack) -> None:
    stack.good()
    assert stack.run("check")[0] == 0
    stack.served.face.become(with_pool("pd-v102", face=with_pool("pd-v101", OTHER)))
    code, printed, _ = stack.run("check")
    assert code == 1
    assert re.search(rf"vnet101.*{VNETS['vnet101']}.*{OTHER}.*changed", printed)
    assert re.search(rf"vnet102.*{VNETS['vnet102']}.*-.*lost", printed)
    assert re.search(r"vnet100.*as delegated", printed)
    code, text, _ = stack.run("check", "--json")
    found = json.loads(text)
    assert (code, found["same"]) == (1, False)
    assert [row["state"] for row in found["vnets"]] == ["as delegated", "changed", "lost", "as delegated"]


def test_a_lost_delegation_is_written_as_lost(stack: Stack) -> None:
    stack.good()
    stack.served.face.become(with_pool("pd-v101"))
    assert stack.run("read", "--write")[0] == 0
    vnet = stack.prefixes().vnets["vnet101"]
    assert (vnet.current, [str(one.prefix) for one in vnet.deprecated]) == (None, [VNETS["vnet101"]])
    stack.served.face.become(FACE)
    assert stack.run("read", "--write")[0] == 0
    assert stack.prefixes().vnets["vnet101"].deprecated == ()
    assert in_force(stack) == VNETS


BAD = {
    "hangs": failing("hang"),
    "drips": failing("drip"),
    "is cut off": failing("cut"),
    "is truncated": failing("truncate", path="ipv6/dhcp-client"),
    "fails": failing("status", status=500),
    "has a range instead of a prefix": with_pool("pd-v101", "2600:1700:ab1a::/56"),
    "has two prefixes": with_pool("pd-v101", OTHER, "2600:1700:ab1a:7778::/64"),
    "gives one twice": with_pool("pd-v101", PREFIXES["pd-v100"]),
}


@pytest.mark.parametrize(
    ("how", "command"),
    [*((how, ("read", "--write")) for how in BAD), ("is cut off", ("diff",)), ("has two prefixes", ("check",))],
)
def test_the_last_good_file_stays_when_the_router(stack: Stack, how: str, command: tuple[str, ...]) -> None:
    good = stack.good()
    stack.served.face.become(BAD[how])
    code, printed, said = stack.run(*command, wait_s=1)
    assert (code, printed) == (1, "")
    assert "nothing was changed" in said
    assert all(part in said for part in ("rule:", "why:", "remedy:"))
    assert stack.file.read_bytes() == good


def test_the_last_good_file_stays_where_the_site_would_not_bear_the_new_one(stack: Stack) -> None:
    good = stack.good()
    stack.site["fabric"]["infrastructure"].append(OTHER)
    stack.write()
    stack.served.face.become(with_pool("pd-v101", OTHER))
    code, printed, said = stack.run("read", "--write")
    assert (code, printed) == (2, "")
    assert "delegated.vnet101.current" in said
    assert stack.file.read_bytes() == good


def test_a_prefix_file_that_cannot_be_read_is_not_written_over(stack: Stack) -> None:
    stack.file.write_text("schema_version: 1\nvnets: {vnet101: {current: fd00::/64}}\n")
    before = stack.file.read_bytes()
    code, _, said = stack.run("read", "--write")
    assert code == 2
    assert "2000::/3" in said
    assert stack.file.read_bytes() == before


def test_a_password_that_others_can_read_is_not_used(stack: Stack) -> None:
    stack.password.chmod(0o644)
    code, _, said = stack.run("read")
    assert code == 2
    assert "chmod 0600" in said
    assert stack.served.face.asked == []


def test_a_password_may_come_from_the_environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stack.run("read", asks=False)[0] == 2
    monkeypatch.setenv("TRELLIS_ROUTEROS_PASSWORD", "wrong")
    code, _, said = stack.run("read", asks=False)
    assert (code, "401 Unauthorized" in said) == (1, True)
    monkeypatch.setenv("TRELLIS_ROUTEROS_PASSWORD_EDGE1", PASSWORD)
    assert stack.run("read", asks=False)[0] == 0


def test_an_edge_that_says_not_where_it_is_asked_is_told(stack: Stack) -> None:
    del stack.site["edges"]["edge1"]["rest_api"]
    stack.write()
    code, _, said = stack.run("read")
    assert code == 1
    assert "edges.edge1.rest_api: nothing" in said


def test_a_prefix_past_its_date_is_pruned_and_no_router_is_asked(stack: Stack) -> None:
    old = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ahead = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    stack.file.write_text(
        f"schema_version: 1\nvnets:\n  vnet101:\n    current: '{VNETS['vnet101']}'\n    deprecated:\n"
        f"      - {{prefix: '{OTHER}', remove_after: '{old}'}}\n"
        f"      - {{prefix: '2600:1700:ab1a:7778::/64', remove_after: '{ahead}'}}\n"
    )
    before = stack.file.read_bytes()
    stack.run("expire", "--dry-run", asks=False)
    assert stack.file.read_bytes() == before
    code, _, said = stack.run("expire", asks=False)
    assert (code, "was written" in said) == (0, True)
    assert [str(one.prefix) for one in stack.prefixes().vnets["vnet101"].deprecated] == ["2600:1700:ab1a:7778::/64"]
    assert "says so already" in stack.run("expire", asks=False)[2]
    assert stack.served.face.asked == []


def test_a_stack_file_of_another_folder_has_its_prefix_file_beside_it(stack: Stack, tmp_path: Path) -> None:
    file = str(stack.folder / "Pulumi.home.yaml")
    done = trellis("prefixes", "read", "--write", "--file", file, "--password-file", str(stack.password), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert in_force(stack) == VNETS
