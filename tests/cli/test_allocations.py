"""``trellis allocations`` says of every number whose it is, to people, on a page and to programs."""

from __future__ import annotations

import json

from tests.cli.command_line import REPOSITORY, trellis
from tests.sites import EXAMPLES


def test_programs_get_each_table_by_its_name() -> None:
    done = trellis("allocations", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["schema_version"], said["site"]) == (1, "homelab")
    guests = {row["guest"]: row for row in said["tables"]["guests"]}
    assert guests["solcp01"]["asn"] == "4210101011"
    assert guests["solcp01"]["shared"] == ["10.101.0.100", "fd00:101::100"]
    assert {"vnet": "vnet101", "zone": "evpnz1", "tenant": "tenant101", "vni": "10101", "rt": "60904:10101"} in said[
        "tables"
    ]["vnets"]


def test_delegated_prefixes_are_among_the_subnets_with_their_state() -> None:
    done = trellis("allocations", "--file", str(EXAMPLES["delegated"]), "--markdown")
    gone = "2600:1700:ab1a:400e:"
    assert f"| vnet101 | {gone}:/64 | {gone}:fffe | delegated, deprecated |" in done.stdout.splitlines()


def test_the_page_and_the_reference_are_what_the_commands_print() -> None:
    for command, page in ((("allocations", "--markdown"), "allocations.md"), (("schema", "--markdown"), "site.md")):
        committed = (REPOSITORY / "docs/reference" / page).read_text(encoding="utf-8")
        assert trellis(*command).stdout == committed


def test_two_forms_at_once_are_refused() -> None:
    assert trellis("allocations", "--json", "--markdown").returncode == 2
    assert trellis("schema", "--cluster", "--markdown").returncode == 2
