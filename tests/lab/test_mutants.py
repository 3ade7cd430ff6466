"""The mutants: each finds its rules in the product's own filters, and a verdict tells who noticed."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from tests.firewall.namespaces import for_this_kernel
from tests.lab.recorded import recording
from tests.sites import site_of
from trellis.lab import edge_filter
from trellis.lab.mutants import MUTANTS, Mutant, Outcome, Removal, Verdict, as_json, as_table
from trellis.lab.mutants.seeding import HOST_FILTER, Seeded, rules_of
from trellis.lab.proof import Group, Row
from trellis.plan import plan
from trellis.render import render
from trellis.render.edge import edge_filter as render_edge_filter

needs_nft = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("unshare") is None,
    reason="loading a filter needs root, nft and unshare",
)


def loaded(text: str) -> Any:
    """What nft makes of a filter, in a network namespace that ends with the question."""
    script = 'nft --file /dev/stdin && exec nft --json --handle list table "$@"'
    command = ["unshare", "--net", "sh", "-c", script, "sh", *edge_filter.TABLE]
    return json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def filters() -> dict[str, Any]:
    planned = plan(site_of("homelab"))
    (bundle,) = (bundle for bundle in render(planned) if bundle.host == "pve01")
    edge = next(edge for edge in planned.edges if edge.name == "edge1")
    return {
        "hosts": loaded(for_this_kernel(bundle.text(HOST_FILTER))),
        "edges": loaded(render_edge_filter(planned, edge, "nftables")),
    }


@needs_nft
@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_every_mutant_finds_rules_to_take_away_in_the_products_own_filters(
    filters: dict[str, Any], mutant: Mutant
) -> None:
    for removal in mutant.removals:
        assert list(rules_of(filters[removal.where], removal)) != []


@needs_nft
def test_a_removal_takes_what_it_names_and_no_rule_beside_it(filters: dict[str, Any]) -> None:
    zones = list(rules_of(filters["hosts"], Removal("hosts", comment="R12 other zone")))
    assert {rule.chain for rule in zones} == {"zone_evpnz1", "zone_evpnz2"}
    assert {rule.comment for rule in zones} == {"R12 other zone"}
    ways_back = list(rules_of(filters["hosts"], Removal("hosts", "input", goes_to="from_outside")))
    assert [(rule.chain, rule.goes_to) for rule in ways_back] == [("input", "from_outside")] * 2
    assert list(rules_of(filters["hosts"], Removal("hosts", comment="no such rule"))) == []


def test_every_mutant_has_a_name_of_its_own_and_rows_that_watch_for_it() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.red and mutant.removals for mutant in MUTANTS)


def rows_of(group: Group) -> tuple[Row, ...]:
    return tuple(replace(row, ok=False) for row in recording().rows() if row.group is group)


def verdict(*red: Row) -> Verdict:
    (mutant,) = (mutant for mutant in MUTANTS if mutant.name == "host-zones")
    return Verdict(mutant, (Seeded("pve01", "zone_evpnz1", "R12 other zone"),), red, 200, 9.5)


def test_a_mutant_is_noticed_if_exactly_its_rows_turn_red() -> None:
    found = verdict(*rows_of(Group.ZONES_HOST))
    assert (found.killed, found.unnoticed, found.strange) == (True, (), ())


def test_a_mutant_that_nobody_noticed_has_survived() -> None:
    found = verdict()
    assert (found.killed, found.unnoticed) == (False, (Group.ZONES_HOST,))


def test_a_row_that_is_not_its_own_spoils_a_mutant() -> None:
    strange = rows_of(Group.CONFIG)[0]
    found = verdict(*rows_of(Group.ZONES_HOST), strange)
    assert (found.killed, found.strange) == (False, (strange,))


def shown(outcome: Outcome) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(as_table(outcome))
    return console.export_text()


def test_the_table_says_which_rows_turned_red_how_many_did_not_and_how_long_it_took() -> None:
    text = shown(Outcome((verdict(*rows_of(Group.ZONES_HOST)),), (), restored=True))
    for told in ("host-zones", "(1 rules gone)", Group.ZONES_HOST.value, "200", "9.5 s"):
        assert told in text


def test_the_table_names_who_did_not_notice_and_what_fails_afterwards() -> None:
    text = shown(Outcome((verdict(),), rows_of(Group.CONFIG)[:1], restored=True))
    assert f"not noticed by: {Group.ZONES_HOST.value}" in text
    assert "fails when all are gone again" in text


def test_the_json_carries_the_raw_evidence_of_each_red_row_and_the_rules_that_went() -> None:
    outcome = Outcome((verdict(*rows_of(Group.ZONES_HOST)),), (), restored=True)
    said = json.loads(json.dumps(as_json(outcome)))
    (mutant,) = said["mutants"]
    assert (said["ok"], mutant["killed"]) == (True, True)
    assert mutant["rules_gone"] == [{"node": "pve01", "chain": "zone_evpnz1", "name": "R12 other zone"}]
    assert all(row["evidence"] for row in mutant["red"])


@pytest.mark.parametrize("broken", ["survived", "red afterwards", "not restored"])
def test_a_run_fails_for_a_mutant_that_survived_or_a_lab_that_is_not_as_it_was(broken: str) -> None:
    noticed = verdict() if broken == "survived" else verdict(*rows_of(Group.ZONES_HOST))
    after = rows_of(Group.CONFIG)[:1] if broken == "red afterwards" else ()
    assert not Outcome((noticed,), after, restored=broken != "not restored").ok
