"""The guard and what is outside FRR: loopbacks, the table, kernel parameters, units, on a scratch host; incident I3."""

from __future__ import annotations

import pytest

from tests.agent.conftest import Host
from tests.agent.documents import SYSCTLS, file
from tests.agent.tables import PATH, UNIT
from tests.agent.test_commit_outside_frr import _outside, _whole, host
from tests.agent.test_interfaces_text import NAME

pytestmark = pytest.mark.frr

__all__ = ["host"]

PARAMETER = "/proc/sys/net/ipv4/tcp_early_demux"


@pytest.fixture
def committed(host: Host) -> Host:
    sysctls = file(SYSCTLS, ["net.ipv4.tcp_early_demux = 0"])
    manifest = _whole()
    run = host.commit({**manifest, "files": [*manifest["files"], sysctls], "sysctls": SYSCTLS})
    assert run.outcome == "applied", run.said
    return host


def test_all_that_others_took_away_is_there_again(committed: Host) -> None:
    before = _outside(committed)
    for spoil in (
        ["ip", "link", "delete", NAME],
        ["nft", "flush", "ruleset"],
        ["rm", PATH],
        ["systemctl", "stop", UNIT],
        ["sh", "-c", f"echo 1 > {PARAMETER}"],
        ["sh", "-c", f"sed -i '/{NAME}/,$d' /etc/network/interfaces"],
    ):
        assert committed.frr.run(spoil).status == 0, spoil
    assert _outside(committed) != before
    run = committed.agent("guard")
    assert (run.status, run.outcome) == (0, "repaired"), run.said
    assert "net/ipv4/tcp_early_demux = 1, not 0" in run.report["ours"]
    assert f"{NAME} is missing" in run.report["ours"]
    assert f"{PATH} (missing)" in run.report["ours"]
    found = _outside(committed)
    assert found["stanza"].split() == before["stanza"].split()
    assert {**found, "stanza": ""} == {**before, "stanza": ""}
    assert committed.frr.run(["cat", PARAMETER]).out == "0\n"
    assert committed.agent("guard").outcome == "same"


def test_an_address_that_somebody_added_is_told_and_stays(committed: Host) -> None:
    assert committed.frr.run(["ip", "address", "add", "10.255.9.9/32", "dev", NAME]).status == 0
    run = committed.agent("guard")
    assert (run.status, run.outcome) == (1, "foreign"), run.said
    assert run.report["foreign"] == [f"{NAME} has 10.255.9.9/32, which it should not"]


def test_a_line_that_somebody_added_to_a_file_of_ours_is_told_and_stays(committed: Host) -> None:
    committed.frr.run(["sh", "-c", f"echo '# mine' >> {SYSCTLS}"])
    run = committed.agent("guard")
    assert (run.status, run.outcome) == (1, "foreign"), run.said
    assert run.report["foreign"] == [f"{SYSCTLS} has lines of somebody else's: # mine"]
    assert committed.frr.read(SYSCTLS).endswith("# mine\n")
