"""Changes that fail half-way on real FRR: everything is as before afterwards."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from tests.agent.conftest import BASE, RELOAD, ROUTE, TEXT, WITH_ROUTE, Host, with_line
from tests.agent.documents import CONFIG, SYSCTLS, document, file
from tests.agent.tables import files, firewall
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference

pytestmark = pytest.mark.frr


def test_a_reload_that_hangs_is_ended_and_taken_back(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /run/hung ] || { touch /run/hung; sleep 1000 & wait; }")
    run = host.commit(document(with_line(" passive-interface default", " log-adjacency-changes detail"), timeout_s=10))
    assert (run.outcome, run.failed_step) == ("restored", "reload FRR")
    assert re.search("no end after ([789]|10) s", run.why)
    assert "sleep 1000" not in host.frr.run(["ps", "ax"]).out
    host.assert_untouched(before)


@pytest.mark.parametrize("daemon", ["bgpd", "zebra", "mgmtd"])
def test_a_daemon_that_crashes_during_the_reload_takes_the_change_back(host: Host, daemon: str) -> None:
    before = host.config()
    after = f'{RELOAD}.real "$@"; kill -9 $(cat /run/frr/{daemon}.pid)'
    host.on_reload(f"[ -e /run/killed ] || {{ touch /run/killed; {after}; exit 0; }}")
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome) == (4, "restored")
    # watchfrr may have brought it back before it is missed: then it runs something else.
    assert run.failed_step in {"daemons still alive", "running configuration"}
    assert daemon in run.report["error"]["what"] or run.failed_step == "running configuration"
    host.assert_untouched(before)


def test_a_watchfrr_that_is_restarted_during_the_reload_is_no_failure(host: Host) -> None:
    watch = 'argv=$(tr "\\0" " " < /proc/$(cat /run/frr/watchfrr.pid)/cmdline); kill $(cat /run/frr/watchfrr.pid)'
    host.on_first_reload(f"{watch}; sleep 1; setsid $argv")
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome) == (0, "applied"), run.report


def test_a_reload_that_is_killed_while_it_deletes_is_taken_back_and_the_next_run_converges(host: Host) -> None:
    before = host.config()
    routes = [f"ip route 10.9.{number}.0/24 blackhole" for number in range(40)]
    assert host.commit(document([*BASE[:-1], *routes, "end"])).outcome == "applied"
    many = host.config()
    cut = f'{RELOAD}.real "$@" & sleep 1.5; kill -9 $! $(pgrep -f "vtysh.*-c") 2>/dev/null; exit 137'
    host.on_reload(f"[ -e /run/cut ] || {{ touch /run/cut; {cut}; }}")
    run = host.commit(document(BASE))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "reload FRR"), run.report
    assert host.config() == many
    assert difference("\n".join([*BASE, *routes]), host.frr.running_config()) == ([], [])
    assert host.commit(document(BASE)).outcome == "applied"
    assert host.config()[0] == before[0]


def test_a_configuration_lock_that_somebody_holds_ends_the_reload_and_is_taken_back(host: Host) -> None:
    before = host.config()
    # An operator's vtysh that has locked the configuration and is asked for nothing more.
    host.frr.write("/run/hold.sh", "(echo 'configure terminal file-lock'; sleep 1000) | vtysh\n")
    host.frr.run(["bash", "-c", "setsid bash /run/hold.sh < /dev/null > /dev/null 2>&1 & sleep 1"])
    run = host.commit(document(WITH_ROUTE, timeout_s=12))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "reload FRR"), run.report
    assert "it was killed" in run.why
    host.assert_untouched(before)
    host.frr.run(["pkill", "-f", "sleep 1000"])
    assert host.commit(document(WITH_ROUTE)).outcome == "applied"


def test_a_second_commit_is_refused_while_one_runs_and_a_signal_takes_that_back(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /run/hung ] || { touch /run/hung; sleep 1000; }")
    with host.start_commit(document(with_line(" passive-interface default", " log-adjacency-changes detail"))) as first:
        host.wait_for("/run/hung")
        second = host.commit(document(BASE))
        assert (second.status, second.failed_step) == (3, "lock")
        assert "process " in second.why
        host.kill_agent("TERM")
        out, _ = first.communicate(timeout=60)
        assert first.returncode == 4, out
        assert "got SIGTERM" in out
    host.assert_untouched(before)


def test_what_a_killed_agent_left_half_done_is_taken_back_by_the_next_run(host: Host) -> None:
    before = host.config()
    half = with_line(" passive-interface default", " log-adjacency-changes detail")
    host.hang_on_reload()
    with host.start_commit(document(half)) as first:
        host.wait_for("/run/hung")
        host.kill_agent()
        first.communicate(timeout=60)
    host.frr.write("/run/done", "")
    assert host.config() != before
    assert host.agent("status").report["under_way"]["digest"]
    run = host.commit(document(BASE))
    assert run.outcome == "unchanged"
    assert "recover" in [step["name"] for step in run.report["steps"]]
    host.assert_untouched(before)


def test_a_disk_that_fills_up_during_the_change_is_taken_back_whole(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /filler ] || { head -c 1G /dev/zero > /filler; exit 1; }")
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "reload FRR")
    host.assert_untouched(before)


def test_a_daemon_newly_enabled_is_stopped_again_when_the_change_is_taken_back(host: Host) -> None:
    pids = host.pids()
    vrrp = file("/etc/frr/daemons.conf", ["vrrpd=yes"], "frr", "0640")
    # The first reload is the unit's own, which starts the daemon.
    drop = f'{RELOAD}.real "$@"; vtysh -c configure -c "no {ROUTE}"; exit 0'
    host.on_reload(f"echo >> /run/reloads; [ $(wc -l < /run/reloads) != 2 ] || {{ {drop}; }}")
    run = host.commit(document(WITH_ROUTE, vrrp, daemons=["bgpd", "vrrpd"]))
    assert run.outcome == "restored"
    assert host.pids() == pids
    assert not host.frr.path("/etc/frr/daemons.conf").exists()


def test_kernel_parameters_go_back_with_everything_else(host: Host) -> None:
    assert host.frr.run(["sysctl", "-n", "net.ipv4.conf.lo.rp_filter"]).out.strip() == "0"
    host.drop_on_first_reload()
    run = host.commit(document(WITH_ROUTE, file(SYSCTLS, ["net.ipv4.conf.lo.rp_filter = 2"]), sysctls=SYSCTLS))
    assert run.outcome == "restored"
    assert "1 set" in str(run.report["steps"])
    assert host.frr.run(["sysctl", "-n", "net.ipv4.conf.lo.rp_filter"]).out.strip() == "0"


def test_a_secret_that_frr_does_not_take_is_in_no_report(host: Host) -> None:
    line = " neighbor fd00:0:0:ffff::fffe password "
    [old] = [found for found in BASE if found.startswith(line)]
    host.on_reload('[ -e /run/spoilt ] || { touch /run/spoilt; sed -i "s/canary-4711/canary-4712/" "${@: -1}"; }')
    run = host.commit(document(with_line(old, f"{line}canary-4711")))
    assert (run.outcome, run.failed_step) == ("restored", "running configuration")
    assert "password ****" in run.why
    assert "canary" not in str(run.report) + run.said


def test_a_line_that_only_this_host_s_frr_drops_is_noticed_and_all_is_taken_back(host: Host) -> None:
    before = host.config()
    host.drop_on_first_reload()
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "running configuration")
    assert f"missing: {ROUTE}" in run.why
    host.assert_untouched(before)


def test_a_restore_that_fails_is_loud_and_keeps_the_backup(host: Host) -> None:
    before = host.config()
    fails = '#!/bin/sh\n[ "$1" = restart ] && exit 1\nexit 0\n'
    host.frr.write("/usr/bin/systemctl", fails, 0o755)
    host.on_first_reload(f"chmod a-x /usr/lib/frr/frr-reload.py; vtysh -c configure -c 'no {ROUTE}'")
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (5, "broken", "running configuration")
    assert "then restore:" in run.why
    assert "/var/lib/trellis/backup/2" in run.report["error"]["remedy"]
    assert host.frr.read(f"/var/lib/trellis/backup/2/files{CONFIG}") == TEXT
    assert host.config() == before
    assert host.agent("status").report["under_way"] is not None


def test_the_last_resort_of_a_restore_is_a_restart(host: Host) -> None:
    before = host.config()
    host.on_first_reload(f"chmod a-x /usr/lib/frr/frr-reload.py; vtysh -c configure -c 'no {ROUTE}'")
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome) == (4, "restored")
    assert "restart frr" in host.frr.read("/run/systemctl.log")
    host.assert_untouched(before)


def test_unsaved_changes_of_before_come_back_with_a_change_that_overwrites_them(host: Host) -> None:
    host.frr.vtysh("configure", "ip route 10.8.0.0/16 blackhole")
    before, running = host.config(), host.frr.running_config()
    host.drop_on_first_reload()
    wanted = [*WITH_ROUTE[:-1], "ip route 10.8.0.0/16 blackhole", "end"]
    run = host.commit(document(wanted))
    assert run.outcome == "restored", run.report
    assert host.config() == before
    assert difference(running, host.frr.running_config()) == ([], [])


def test_a_killed_agent_s_change_is_taken_back_by_the_timer(host: Host) -> None:
    before = host.config()
    host.hang_on_reload()
    with host.start_commit(document(WITH_ROUTE)) as first:
        host.wait_for("/run/hung")
        assert host.config() != before
        host.kill_agent()
        first.communicate(timeout=60)
    host.frr.write("/run/done", "")
    host.wait_until_gone("/run/timer")
    # It disarms its timer before it says how it ended.
    host.wait_for_text("/run/take-back.log", "pve01: restored")
    host.assert_untouched(before)
    confirmed = host.agent("confirm", sealed(document(WITH_ROUTE))["digest"], "--within-s", "1")
    assert confirmed.status == 3
    assert host.commit(document(WITH_ROUTE)).outcome == "applied"


def test_the_timer_leaves_a_change_alone_whose_agent_is_at_work(host: Host) -> None:
    wanted = document(WITH_ROUTE, confirm_within_s=30)
    digest = sealed(wanted)["digest"]
    with host.start_commit(wanted) as first:
        host.wait_for_confirmation(digest)
        time.sleep(5)
        assert host.agent("take-back", digest).status == 0
        assert host.agent("confirm", digest).status == 0
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert host.frr.read("/run/take-back.log") == ""


def test_an_agent_that_is_stuck_past_all_its_limits_is_killed_and_its_change_taken_back(host: Host) -> None:
    before = host.config()
    host.hang_on_reload()
    wanted = document(WITH_ROUTE)
    with host.start_commit(wanted) as first:
        host.wait_for("/run/hung")
        host.kill_agent("STOP")
        path = "/var/lib/trellis/under-way.json"
        change = json.loads(host.frr.read(path))
        assert change["over_at_s"] > time.clock_gettime(time.CLOCK_BOOTTIME) + 300
        host.frr.write(path, json.dumps({**change, "over_at_s": 1.0}), 0o600)
        host.frr.write("/run/done", "")
        host.wait_until_gone("/run/timer")
        first.send_signal(signal.SIGCONT)  # nsenter stopped with the agent.
        first.communicate(timeout=60)
    host.wait_for_text("/run/take-back.log", "past all its limits: killed")
    host.assert_untouched(before)


def _cut_off(host: Host) -> dict:
    """A change whose agent and timer died together, as with a power cut; returns what is known of it."""
    host.hang_on_reload()
    with host.start_commit(document(WITH_ROUTE, *files(), **firewall())) as first:
        host.wait_for("/run/hung")
        host.frr.run(["rm", "/run/timer"])
        host.kill_agent()
        first.communicate(timeout=60)
    return json.loads(host.frr.read("/var/lib/trellis/under-way.json"))


def test_a_boot_puts_the_files_of_a_cut_off_change_back_and_nothing_else(host: Host) -> None:
    before = host.config()
    change = _cut_off(host)
    assert host.config() != before
    assert "a change of this boot is under way" in host.agent("recover").said
    assert host.config() != before
    host.frr.write("/var/lib/trellis/under-way.json", json.dumps({**change, "boot": "another"}), 0o600)
    host.frr.run(["rm", "-rf", "/run/trellis", "/run/lock"])
    run = host.agent("recover")
    assert (run.status, "put back: /etc/frr/frr.conf" in run.said) == (0, True), run.said
    assert host.config() == before
    assert not host.frr.path("/etc/trellis/firewall.nft").exists()
    assert host.agent("status").report["under_way"] is None
    assert "disable trellis-firewall.service" in host.frr.read("/run/systemctl.log")
    assert "no change was cut off" in host.agent("recover").said


def test_files_come_back_from_the_backup_where_the_copies_beside_them_are_gone(host: Host) -> None:
    before = host.config()
    _cut_off(host)
    host.frr.run(["find", "/etc", "-name", ".*.trellis-*", "-delete"])
    host.frr.write("/run/done", "")
    assert host.commit(document(BASE)).outcome == "unchanged"
    assert (host.config()[0], host.config()[2]) == (before[0], before[2])
    assert not host.frr.path("/etc/trellis/firewall.nft").exists()


def test_a_backup_that_was_damaged_is_not_put_back(host: Host) -> None:
    change = _cut_off(host)
    host.frr.run(["find", "/etc", "-name", ".*.trellis-*", "-delete"])
    host.frr.write(f"/var/lib/trellis/backup/{change['backup']}/files{CONFIG}", "damaged\n", 0o600)
    host.frr.write("/run/done", "")
    run = host.commit(document(BASE))
    assert (run.status, run.outcome, run.failed_step) == (5, "broken", "recover")
    assert "backup 2 is damaged" in run.why
