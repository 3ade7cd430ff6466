"""What the proof shows: a table for people, and for programs JSON with the evidence of each row."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from tests.lab.proof_defects import SOLCP01, set_state
from tests.lab.recorded import Recording, recording
from trellis.lab import proof
from trellis.lab.proof import ask


@pytest.fixture(scope="module")
def twin() -> Recording:
    return recording()


def rendered(recorded: Recording) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(proof.as_table(recorded.rows(), {"apply": 31.4}))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_table_has_a_line_per_group_and_spells_out_what_fails(twin: Recording) -> None:
    healthy = rendered(twin)
    assert all(group.value in healthy for group in {row.group for row in twin.rows()})
    assert "28/28" in healthy
    assert "31.4 s" in healthy
    assert "expected" not in healthy
    red = rendered(twin.altered(ask.neighbour("pve01", SOLCP01, "evpnz1"), set_state(SOLCP01, "Idle")))
    assert "7/8" in red
    assert (
        "solcp01 (AS4210101011) on pve01: expected Established: ipv4Unicast + ipv6Unicast; seen on pve01: Idle" in red
    )


def test_the_json_form_carries_the_raw_evidence_of_each_row(twin: Recording) -> None:
    rows = twin.rows()
    report = json.loads(json.dumps(proof.as_json(rows, {"apply": 31.4})))
    assert report["holds"] is True
    assert report["counts"] == {"rows": len(rows), "failing": 0}
    row = next(row for row in report["rows"] if row["name"] == "solcp01 (AS4210101011) on pve01")
    assert row["host"] == "pve01"
    (evidence,) = row["evidence"]
    assert evidence["command"] == "vtysh -c 'show bgp vrf vrf_evpnz1 neighbors fd00:101::11 json'"
    assert json.loads(evidence["output"])["fd00:101::11"]["bgpState"] == "Established"
    assert all(row["evidence"] for row in report["rows"])
