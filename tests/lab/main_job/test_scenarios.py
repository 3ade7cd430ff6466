"""What others do to hosts, on the lab that stands: each host gets over it by itself, within its bound."""

from __future__ import annotations

import pytest

from tests.lab.main_job.standing import say
from trellis.lab import scenarios
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.timeout(900)]

ALL = {scenario.name: scenario for scenario in scenarios.SCENARIOS}
IN_EACH_RUN = ("sdn-apply-by-another", "reboot-all")


def within_its_bounds(dev: Twin, name: str) -> scenarios.Outcome:
    outcome = scenarios.run(dev, ALL[name], say)
    assert outcome.failures == ()
    assert outcome.proofs
    return outcome


def test_an_sdn_apply_by_somebody_else_leaves_configuration_and_sessions_as_they_were(dev: Twin) -> None:
    """Incidents I1, I2 and I12: Proxmox writes frr.conf and the daemons file anew on every node, and merges."""
    outcome = within_its_bounds(dev, "sdn-apply-by-another")
    assert outcome.resets == ()
    assert sum("frr.conf was inode" in proof for proof in outcome.proofs) == len(dev.site.hosts)


@pytest.mark.scenario
def test_all_hosts_that_lose_their_power_at_once_come_back_as_intended_without_the_program(dev: Twin) -> None:
    """Incident I1: 75 minutes, where this happened."""
    outcome = within_its_bounds(dev, "reboot-all")
    # A host may be back between two looks: that each has booted is what the scenario's own proofs say.
    assert sum("boot" in proof for proof in outcome.proofs) == len(dev.site.hosts)


@pytest.mark.scenario
@pytest.mark.parametrize("name", [name for name in ALL if name not in IN_EACH_RUN])
def test_every_other_scenario_ends_within_its_bounds(dev: Twin, name: str) -> None:
    within_its_bounds(dev, name)
