"""History, rollback, repair, freeze and release on real FRR: each through the transaction, each to the very byte."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from tests.agent.conftest import BASE, Host, confirmed
from tests.agent.documents import CONFIG, SYSCTLS, document, file
from trellis.agent.bundle import AGENT_PATH
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

TEXT = "\n".join(BASE) + "\n"
MORE = [*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]


@pytest.fixture
def host(bare_host: Host) -> Host:
    """A host on which the realistic configuration was committed, and then one with a route more."""
    assert bare_host.commit(document(BASE)).outcome == "applied"
    assert bare_host.commit(document(MORE)).outcome == "applied"
    return bare_host


def test_each_commit_is_in_the_history_and_the_last_one_is_in_force(host: Host) -> None:
    told = host.agent("history").report
    assert [(entry["number"], entry["why"]) for entry in told["entries"]] == [(1, "commit"), (2, "commit")]
    assert (told["in_force"], told["frozen"]) == (2, None)
    assert told["committed"] == sealed(document(MORE))["digest"]
    one = host.agent("history", "1").report
    assert one["would_change"]["unexpected"] == ["ip route 10.9.0.0/16 blackhole"]


def test_an_earlier_commit_is_put_into_force_again_and_that_is_a_commit_too(host: Host) -> None:
    status, report = confirmed(host, "rollback", "1")
    assert (status, report["outcome"]) == (0, "applied")
    assert difference(TEXT, host.frr.running_config()) == ([], [])
    told = host.agent("history").report
    assert (told["entries"][-1]["why"], told["in_force"]) == ("rollback 1", 3)
    assert host.commit(document(MORE)).outcome == "applied"


def test_a_rollback_that_nobody_confirms_is_taken_back(host: Host) -> None:
    assert host.commit(document(BASE, confirm_within_s=None)).outcome == "applied"
    first = json.loads(host.frr.read("/var/lib/trellis/history/2.json"))
    text = json.dumps(sealed(document(MORE, confirm_within_s=5)))
    host.frr.write("/var/lib/trellis/history/2.json", json.dumps({**first, "manifest": text}))
    run = host.agent("rollback", "2")
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "confirmation")
    assert difference(TEXT, host.frr.running_config()) == ([], [])


def test_what_was_committed_last_is_told_whole_and_restored_again_after_other_commits(host: Host) -> None:
    kept = host.agent("committed").report["committed"]
    assert kept == {"digest": sealed(document(MORE))["digest"], "manifest": json.dumps(sealed(document(MORE)))}
    assert host.commit(document(BASE)).outcome == "applied"
    host.frr.vtysh("configure", "ip route 10.66.0.0/16 blackhole")
    status, report = confirmed(host, "restore", stdin=kept["manifest"])
    assert (status, report["outcome"], report["digest"]) == (0, "applied", kept["digest"])
    assert difference("\n".join(MORE), host.frr.running_config()) == ([], [])
    told = host.agent("history").report
    assert (told["entries"][-1]["why"], told["committed"]) == ("restore", kept["digest"])
    again = host.agent("restore", stdin=kept["manifest"])
    assert (again.status, again.outcome) == (0, "unchanged")


def test_a_host_that_was_released_or_set_up_anew_takes_a_backup_as_a_first_deploy(host: Host) -> None:
    kept = host.agent("committed").report["committed"]
    assert confirmed(host, "release")[0] == 0
    assert host.agent("committed").report["committed"] is None
    host.frr.run(["rm", "-r", "/var/lib/trellis"])
    status, report = confirmed(host, "restore", stdin=kept["manifest"])
    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    assert "adopt" in [step["name"] for step in report["steps"]]


def test_a_restore_that_nobody_confirms_or_of_another_host_or_cut_off_leaves_the_host_as_it_is(host: Host) -> None:
    before = host.config()
    text = json.dumps(sealed(document(BASE, confirm_within_s=5)))
    run = host.agent("restore", stdin=text)
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "confirmation")
    other = host.agent("restore", stdin=json.dumps(sealed(document(BASE, host="pve02"))))
    assert (other.status, other.failed_step) == (3, "host")
    assert host.agent("restore", stdin=text.replace("blackhole", "reject", 1)).status == 2
    assert host.config() == before
    assert host.agent("history").report["in_force"] == 2


def test_a_number_that_the_history_lacks_is_refused_with_those_it_has(host: Host) -> None:
    run = host.agent("rollback", "7")
    assert run.status == 3
    assert "there is no commit 7 in this host's history: it has 1, 2" in run.said


def test_a_repair_overwrites_a_hand_edit_that_a_deploy_refuses(host: Host) -> None:
    host.frr.vtysh("configure", "ip route 10.66.0.0/16 blackhole")
    refused = host.commit(document(BASE))
    assert (refused.status, refused.failed_step) == (3, "drift")
    status, report = confirmed(host, "repair")
    assert (status, report["outcome"]) == (0, "applied")
    drift = next(step["detail"] for step in report["steps"] if step["name"] == "drift")
    assert "ip route 10.66.0.0/16 blackhole" in drift
    assert host.agent("check").status == 0


def test_a_repair_of_a_host_that_is_as_deployed_changes_nothing(host: Host) -> None:
    run = host.agent("repair")
    assert (run.status, run.outcome) == (0, "unchanged")
    assert len(host.agent("history").report["entries"]) == 2


def test_a_frozen_host_refuses_every_change_and_says_whom_to_ask(host: Host) -> None:
    assert host.agent("freeze", "--reason", "INC-7: guests lose packets", "--owner", "ada").status == 0
    before = host.config()
    for command, stdin in (("commit", json.dumps(sealed(document(BASE)))), ("repair", ""), ("release", "")):
        run = host.agent(command, stdin=stdin)
        assert (run.status, run.failed_step) == (3, "frozen")
        assert "INC-7: guests lose packets (ada, since 2" in run.why
    assert host.config() == before
    assert host.agent("check").report["frozen"]["owner"] == "ada"
    assert host.agent("thaw").report["was"]["owner"] == "ada"
    assert host.commit(document(BASE)).outcome == "applied"


def test_a_release_gives_back_every_file_and_what_frr_ran_before_the_first_deploy(scratch: ScratchFrr) -> None:
    host = Host(scratch)
    original = "! written by hand\nhostname pve01\nip route 10.77.0.0/16 blackhole\n"
    scratch.write(CONFIG, original, 0o640)
    scratch.run(["chown", "frr:frr", CONFIG])
    scratch.run(["/usr/lib/frr/frr-reload.py", "--reload", CONFIG])
    running, daemons = scratch.running_config(), scratch.read("/etc/frr/daemons")
    scratch.run(["sysctl", "-q", "net.ipv4.conf.lo.log_martians=1"])
    settings = file(SYSCTLS, ["net.ipv4.conf.lo.log_martians = 0"])
    told = host.agent("adopt", stdin=json.dumps(sealed(document(BASE)))).report
    assert host.commit(document(BASE, replaces=told["digest"])).outcome == "applied"
    assert host.commit(document(MORE, settings, sysctls=SYSCTLS)).outcome == "applied"
    assert scratch.run(["cat", "/proc/sys/net/ipv4/conf/lo/log_martians"]).out == "0\n"

    status, report = confirmed(host, "release")

    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    assert scratch.read(CONFIG) == original
    assert difference(running, scratch.running_config()) == ([], [])
    assert scratch.read("/etc/frr/daemons") == daemons
    assert not scratch.path(SYSCTLS).exists()
    assert scratch.run(["cat", "/proc/sys/net/ipv4/conf/lo/log_martians"]).out == "1\n"
    assert host.agent("status").report["committed"] is None
    assert host.agent("history").report["entries"][-1]["why"] == "release"
    assert host.agent("release").status == 3


def test_after_a_release_a_rollback_to_the_last_commit_takes_the_host_in_again_as_a_first_deploy(host: Host) -> None:
    assert confirmed(host, "release")[0] == 0
    status, report = confirmed(host, "rollback", "2")
    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    assert "adopt" in [step["name"] for step in report["steps"]]
    assert [entry["why"] for entry in host.agent("history").report["entries"]][-2:] == ["release", "rollback 2"]
    assert host.agent("check").status == 0


def test_a_release_that_is_killed_is_taken_back_and_can_be_done_again(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /run/hung ] || { touch /run/hung; sleep 1000; }")
    argv = host.frr.command(["python3", AGENT_PATH, "release"])
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not host.frr.path("/run/hung").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        pid = host.agent("status").report["lock"].split()[1].rstrip(",")
        host.frr.run(["kill", "-KILL", pid])
        process.communicate(timeout=60)
    assert confirmed(host, "release")[0] == 0
    assert host.config() != before
    assert host.agent("status").report["committed"] is None
