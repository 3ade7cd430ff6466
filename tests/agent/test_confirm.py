"""A commit that waits for its confirmation over a connection of its own."""

from __future__ import annotations

import time

import pytest

from tests.agent.conftest import BASE, WITH_ROUTE, Host
from tests.agent.documents import document
from trellis.agent.manifest import sealed

pytestmark = pytest.mark.frr


def test_a_commit_that_nobody_confirms_is_taken_back(host: Host) -> None:
    before = host.config()
    run = host.commit(document(WITH_ROUTE, confirm_within_s=5))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "confirmation")
    host.assert_untouched(before)


def test_a_confirmation_that_came_first_must_come_again_and_then_lets_the_commit_stand(host: Host) -> None:
    wanted = document(WITH_ROUTE, confirm_within_s=30)
    digest = sealed(wanted)["digest"]
    early = host.start("confirm", digest)
    with early, host.start_commit(wanted) as first:
        _, said = early.communicate(timeout=90)
        assert early.returncode == 75
        assert said == f"pve01: {digest[:12]} is ready to be confirmed over a new connection\n"
        assert host.agent("status").report["under_way"]["phase"] == "awaiting confirmation"
        confirmed = host.agent("confirm", digest)
        assert (confirmed.status, confirmed.outcome) == (0, "confirmed")
        _, said = first.communicate(timeout=60)
    assert first.returncode == 0
    assert f"pve01: awaiting confirmation of {digest}\n" in said
    assert host.agent("confirm", digest).outcome == "already in force"


def test_a_connection_that_several_commands_share_does_not_count_as_a_new_one(host: Host) -> None:
    wanted = document(WITH_ROUTE, confirm_within_s=20)
    digest = sealed(wanted)["digest"]
    # What sshd starts for a connection is known by its name; this one begins before the change.
    host.frr.run(["bash", "-c", "cp /bin/bash /run/sshd-session"])
    serve = "until [ -e /run/serve ]; do sleep 0.1; done; python3 $0 confirm $1; echo $? > /run/told; true"
    command = ["/run/sshd-session", "-c", serve, "/usr/local/lib/trellis/agent.py", digest]
    with host.started(command) as shared, host.start_commit(wanted) as first:
        host.wait_for_confirmation(digest)
        host.frr.write("/run/serve", "")
        host.wait_for("/run/told")
        shared.communicate(timeout=60)
        assert host.frr.read("/run/told") == "75\n"
        first.communicate(timeout=60)
    assert first.returncode == 4


def test_a_confirmation_of_a_change_that_is_refused_fails_at_once_and_says_why(host: Host) -> None:
    wanted = document(WITH_ROUTE, frr_version="9.1", confirm_within_s=30)
    early = host.start("confirm", sealed(wanted)["digest"])
    with early:
        time.sleep(0.5)
        assert host.commit(wanted).outcome == "refused"
        began = time.monotonic()
        _, said = early.communicate(timeout=60)
        assert early.returncode == 3
        assert "refused: host: FRR 10.3 is installed" in said
        assert time.monotonic() - began < 5


def test_an_earlier_failure_of_the_same_digest_does_not_fail_the_next_run(host: Host) -> None:
    wanted = document(WITH_ROUTE, confirm_within_s=30)
    digest = sealed(wanted)["digest"]
    host.drop_on_first_reload()
    assert host.commit(wanted).outcome == "restored"
    early = host.start("confirm", digest)
    with early:
        time.sleep(1)
        with host.start_commit(wanted) as second:
            early.communicate(timeout=90)
            assert early.returncode == 75
            assert host.agent("confirm", digest).status == 0
            second.communicate(timeout=60)
        assert second.returncode == 0


def test_the_confirmation_of_another_digest_confirms_nothing(host: Host) -> None:
    wanted = document(WITH_ROUTE, confirm_within_s=8)
    with host.start_commit(wanted) as first:
        host.wait_for_confirmation(sealed(wanted)["digest"])
        assert host.agent("confirm", "0" * 64, "--within-s", "1").status == 3
        assert host.agent("confirm", sealed(document(BASE))["digest"], "--within-s", "1").status == 0
        first.communicate(timeout=60)
    assert first.returncode == 4
