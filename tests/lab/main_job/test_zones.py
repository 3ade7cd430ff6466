"""Zones kept apart, and guests from the infrastructure: opened by the site, closed again, broken on purpose."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from tests.lab.main_job.standing import REPOSITORY, STACK, failing, say
from trellis.lab import main_job, mutants
from trellis.lab.main_job import Outcome
from trellis.lab.proof import Group
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.timeout(900)]

OPENED = {
    "leaks": {"between-the-two": {"between": ["evpnz1", "evpnz2"]}},
    "firewall": {
        "ssh-to-the-host": {"vnets": ["vnet101"], "protocol": "tcp", "ports": [22]},
        "ssh-to-pve03": {"vnets": ["vnet101"], "protocol": "tcp", "ports": [22], "to": ["10.255.0.3/32"]},
    },
}


def counted(outcome: Outcome) -> Counter[Group]:
    return Counter(row.group for row in outcome.rows)


@pytest.mark.scenario
def test_a_leak_and_a_service_open_what_they_name_and_nothing_else(first: Outcome, site_data: dict[str, Any]) -> None:
    opened = main_job.run(STACK, REPOSITORY, {**copy.deepcopy(site_data), **OPENED}, say)
    assert failing(opened.rows) == []
    assert opened.resets == ()
    before, now = counted(first), counted(opened)
    # Ping and TCP, both ways, both families; and for each of these ways that no edge saw the packets.
    assert (before[Group.ZONES], before[Group.LEAKS]) == (8, 0)
    assert (now[Group.ZONES], now[Group.LEAKS]) == (0, 8 + 4)
    # The host by the gateway's two addresses, and one host's loopback; all else that was closed still is.
    assert now[Group.SERVICES] == 2 + 1
    assert now[Group.HOST_PORTS] == before[Group.HOST_PORTS] - 2
    assert now[Group.INFRASTRUCTURE] == before[Group.INFRASTRUCTURE] - 1
    closed = main_job.run(STACK, REPOSITORY, site_data, say)
    assert failing(closed.rows) == []
    assert closed.resets == ()
    assert counted(closed) == before


@pytest.mark.scenario  # `make mutants` seeds them all
def test_a_defect_in_the_filters_turns_exactly_its_rows_red_and_the_lab_is_whole_afterwards(dev: Twin) -> None:
    chosen = [mutant for mutant in mutants.MUTANTS if mutant.name == "both-zones"]
    outcome = mutants.run(dev, chosen, say)
    (verdict,) = outcome.verdicts
    assert (verdict.unnoticed, verdict.strange) == ((), ())
    assert outcome.ok
