"""A commit on real FRR: all of a manifest is in force afterwards, or none of it."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.agent.conftest import BASE, RELOAD, Host
from tests.agent.documents import CONFIG, SYSCTLS, document, file
from tests.agent.mutations import unnoticed
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

TEXT = "\n".join(BASE) + "\n"


def _with(old: str, new: str) -> list[str]:
    """The realistic configuration with one line replaced by others."""
    assert BASE.count(old) == 1
    at = BASE.index(old)
    return [*BASE[:at], *new.splitlines(), *BASE[at + 1 :]]


@pytest.fixture
def host(bare_host: Host) -> Host:
    """A host that runs the realistic configuration, committed."""
    assert bare_host.commit(document(BASE)).outcome == "applied"
    return bare_host


def _assert_untouched(host: Host, before: tuple[str, int, int]) -> None:
    assert host.config() == before
    assert difference(TEXT, host.frr.running_config()) == ([], [])
    assert host.agent("status").report["under_way"] is None
    leftovers = host.frr.run(["find", "/etc", "-name", ".*.trellis-*"]).out
    assert leftovers == ""


def test_a_new_configuration_is_in_force_and_nothing_is_left_to_reload(bare_host: Host) -> None:
    run = bare_host.commit(document(BASE))
    assert (run.status, run.outcome) == (0, "applied")
    assert difference(TEXT, bare_host.frr.running_config()) == ([], [])
    assert bare_host.frr.reload_test(TEXT) == []
    assert bare_host.config()[0] == TEXT
    assert [step["name"] for step in run.report["steps"]][-2:] == ["verify", "commit"]
    assert "pve01: applied" in run.said
    assert unnoticed(TEXT, bare_host.frr.running_config()) == []


def test_a_second_commit_of_the_same_writes_nothing(host: Host) -> None:
    listing = ["find", "/etc", "/var/lib/trellis", "-newer", "/run/before"]
    host.frr.write("/run/before", "")
    host.on_reload("touch /run/reloaded")
    before, pids = host.config(), host.pids()
    run = host.commit(document(BASE))
    assert (run.status, run.outcome) == (0, "unchanged")
    assert not host.frr.path("/run/reloaded").exists()
    assert (host.config(), host.pids()) == (before, pids)
    assert host.frr.run(listing).out == ""


def test_a_hand_edit_is_undone_by_the_next_commit(host: Host) -> None:
    host.frr.vtysh("configure", "router ospf", "no passive-interface default")
    run = host.commit(document(BASE))
    assert run.outcome == "applied"
    assert difference(TEXT, host.frr.running_config()) == ([], [])


def test_a_line_that_frr_does_not_know_is_refused(host: Host) -> None:
    before = host.config()
    run = host.commit(document(_with(" passive-interface default", " passive-interface defaulty x")))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "syntax")
    assert "passive-interface defaulty" in run.why
    _assert_untouched(host, before)


def test_a_stray_exit_after_which_frr_would_ignore_the_rest_is_refused(host: Host) -> None:
    before = host.config()
    run = host.commit(document(_with("hostname pve01", "hostname pve01\nexit")))
    assert (run.outcome, run.failed_step) == ("refused", "syntax")
    assert "early exit" in run.why
    _assert_untouched(host, before)


def test_a_line_that_frr_drops_without_an_error_is_noticed_and_all_is_taken_back(host: Host) -> None:
    before = host.config()
    intent = _with("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    run = host.commit(document(intent))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "running configuration")
    assert "missing: interface dummy_underlay > ip ospf bfd profile LINK" in run.why
    assert "ip ospf bfd has not been set" in run.why
    _assert_untouched(host, before)


def test_a_reload_that_fails_half_way_is_taken_back(host: Host) -> None:
    before = host.config()
    intent = _with(" neighbor 10.255.0.2 peer-group fabric", " neighbor 10.255.0.2 peer-group none")
    run = host.commit(document([*intent[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "reload FRR")
    assert "Configure the peer-group first" in run.why
    _assert_untouched(host, before)


def test_a_reload_that_hangs_is_ended_and_taken_back(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /run/hung ] || { touch /run/hung; sleep 1000 & wait; }")
    run = host.commit(document(_with(" passive-interface default", " log-adjacency-changes detail"), timeout_s=10))
    assert (run.outcome, run.failed_step) == ("restored", "reload FRR")
    assert "no end after 10 s" in run.why
    assert "sleep 1000" not in host.frr.run(["ps", "ax"]).out
    _assert_untouched(host, before)


def test_a_daemon_that_was_dead_before_refuses_the_commit(host: Host) -> None:
    before = host.config()
    host.frr.run(["bash", "-c", "kill -9 $(cat /run/frr/watchfrr.pid) $(cat /run/frr/bgpd.pid)"])
    run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "daemons alive")
    assert "bgpd" in run.report["error"]["what"]
    assert host.config() == before


def test_a_daemon_that_crashes_during_the_reload_takes_the_change_back(host: Host) -> None:
    before = host.config()
    after = f'{RELOAD}.real "$@"; kill -9 $(cat /run/frr/bgpd.pid)'
    host.on_reload(f"[ -e /run/killed ] || {{ touch /run/killed; {after}; exit 0; }}")
    run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "daemons still alive")
    assert "bgpd crashed" in run.report["error"]["what"]
    _assert_untouched(host, before)


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"host": "pve02"}, "this host is pve01"), ({"frr_version": "9.1"}, "FRR 10.3 is installed")],
)
def test_a_manifest_for_another_host_or_another_frr_is_refused(host: Host, changes: dict, what: str) -> None:
    before = host.config()
    run = host.commit(document(BASE, **changes))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "host")
    assert what in run.report["error"]["what"]
    _assert_untouched(host, before)


@pytest.mark.parametrize(
    ("says", "package", "what"),
    [
        ("pve-manager/9.2.1/lab", None, "this host runs Proxmox VE 9.2"),
        ("nothing known", None, "(pveversion names none)"),
        ("pve-manager/9.1.4/lab", "1.2.5", "libpve-network-perl 1.2.5 is installed"),
        ("pve-manager/9.1.4/lab", "1.4.0-1", "libpve-network-perl 1.4.0-1 is installed"),
    ],
)
def test_a_host_with_another_proxmox_is_refused(host: Host, says: str, package: str | None, what: str) -> None:
    before = host.config()
    _be_proxmox(host, says, package)
    run = host.commit(document(BASE, kind="pve", pve_version="9.1", pve_network=["1.3", "1.4"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "host")
    assert what in run.report["error"]["what"]
    _assert_untouched(host, before)


@pytest.mark.parametrize("package", [None, "1.3.0", "1.3.2-1"])
def test_a_host_with_the_proxmox_that_was_computed_for_is_served(host: Host, package: str | None) -> None:
    _be_proxmox(host, "pve-manager/9.1.4/lab (running kernel: 7.2.7)", package)
    run = host.commit(document(BASE, kind="pve", pve_version="9.1", pve_network=["1.3", "1.4"]))
    assert (run.status, run.failed_step) == (0, None)


def _be_proxmox(host: Host, says: str, package: str | None) -> None:
    """Have the host answer as a Proxmox node: what `pveversion` prints, and the package's version, if any."""
    asked = f"printf '%s' '{package}'" if package else "exit 1"
    for name, does in (("pveversion", f"echo '{says}'"), ("dpkg-query", asked)):
        host.frr.write(f"/usr/bin/{name}", f"#!/bin/sh\n{does}\n", mode=0o755)


def test_a_bad_manifest_is_refused_with_a_report(host: Host) -> None:
    run = host.agent("commit", stdin='{"host": "pve01"}')
    assert (run.status, run.outcome, run.failed_step) == (2, "refused", "manifest")
    assert "files: missing" in run.why


def _wait_for(host: Host, path: str) -> None:
    deadline = time.monotonic() + 30
    while not host.frr.path(path).exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.05)


def test_a_second_commit_is_refused_while_one_runs_and_a_signal_takes_that_back(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /run/hung ] || { touch /run/hung; sleep 1000; }")
    with host.start_commit(document(_with(" passive-interface default", " log-adjacency-changes detail"))) as first:
        _wait_for(host, "/run/hung")
        second = host.commit(document(BASE))
        assert (second.status, second.failed_step) == (3, "lock")
        assert "process " in second.why
        lock = host.agent("status").report["lock"]
        assert lock is not None
        pid = lock.split()[1].rstrip(",")
        host.frr.run(["kill", "-TERM", pid])
        out, _ = first.communicate(timeout=60)
        assert first.returncode == 4, out
        assert "got SIGTERM" in out
    _assert_untouched(host, before)


def test_a_reload_by_somebody_else_is_waited_for(host: Host) -> None:
    other = host.frr.command(["bash", "-c", "exec -a /usr/lib/frr/frr-reload.py sleep 3"])
    began = time.monotonic()
    with subprocess.Popen(other):
        run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert run.outcome == "applied"
    assert time.monotonic() - began > 3


def test_what_a_killed_agent_left_half_done_is_taken_back_by_the_next_run(host: Host) -> None:
    before = host.config()
    half = _with(" passive-interface default", " log-adjacency-changes detail")
    host.on_reload("[ -e /run/done ] || { touch /run/hung; sleep 1000; }")
    with host.start_commit(document(half)) as first:
        _wait_for(host, "/run/hung")
        pid = host.agent("status").report["lock"].split()[1].rstrip(",")
        host.frr.run(["kill", "-KILL", pid])
        first.communicate(timeout=60)
    host.frr.write("/run/done", "")
    assert host.config() != before
    assert host.agent("status").report["under_way"]["digest"]
    run = host.commit(document(BASE))
    assert run.outcome == "unchanged"
    assert "recover" in [step["name"] for step in run.report["steps"]]
    _assert_untouched(host, before)


def test_a_full_file_system_is_met_before_anything_changes(host: Host) -> None:
    copy = "cp -a /etc/frr /run/copy; mount -t tmpfs -o size=96k,mode=0755 none /etc/frr; cp -a /run/copy/. /etc/frr/"
    host.frr.run(["bash", "-c", f"{copy}; head -c 1M /dev/zero > /etc/frr/filler"])
    before = host.config()
    run = host.commit(document([*BASE[:-1], *(f"ip route 10.9.{n}.0/24 blackhole" for n in range(200)), "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "stage files")
    assert "No space left" in run.why
    _assert_untouched(host, before)


def test_a_disk_that_is_full_everywhere_changes_nothing_and_hides_nothing(host: Host) -> None:
    before = host.config()
    host.frr.run(["bash", "-c", "head -c 1G /dev/zero > /filler"])
    assert host.agent("check").status == 0
    run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "backup")
    _assert_untouched(host, before)
    host.frr.run(["rm", "/filler"])
    assert host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"])).outcome == "applied"


def test_a_disk_that_fills_up_during_the_change_is_taken_back_whole(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /filler ] || { head -c 1G /dev/zero > /filler; exit 1; }")
    run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "reload FRR")
    _assert_untouched(host, before)


def test_a_read_only_file_system_is_met_before_anything_changes(host: Host) -> None:
    host.frr.run(["bash", "-c", "mount --bind /etc /etc; mount -o remount,ro,bind /etc"])
    before = host.config()
    run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "stage files")
    assert "Read-only" in run.why
    _assert_untouched(host, before)


def test_a_daemon_newly_enabled_starts_and_the_others_keep_their_processes(host: Host) -> None:
    pids = host.pids()
    vrrp = file("/etc/frr/daemons.conf", ["vrrpd=yes"], "frr", "0640")
    run = host.commit(document(BASE, vrrp, daemons=["bgpd", "ospfd", "ospf6d", "bfdd", "vrrpd"]))
    assert run.outcome == "applied"
    after = host.pids()
    assert after.pop("vrrpd")
    assert after == pids


def test_a_daemon_newly_enabled_is_stopped_again_when_the_change_is_taken_back(host: Host) -> None:
    pids = host.pids()
    vrrp = file("/etc/frr/daemons.conf", ["vrrpd=yes"], "frr", "0640")
    intent = _with("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    run = host.commit(document(intent, vrrp, daemons=["bgpd", "vrrpd"]))
    assert run.outcome == "restored"
    assert host.pids() == pids
    assert not host.frr.path("/etc/frr/daemons.conf").exists()


def test_defaults_reach_every_daemon_when_the_first_commit_starts_some(frr_root) -> None:
    with ScratchFrr(frr_root, "pve01", daemons=(), supervised=True) as frr:
        host = Host(frr)
        daemons = file("/etc/frr/daemons.conf", ["bgpd=yes", "ospfd=yes", "ospf6d=yes", "bfdd=yes"], "frr", "0640")
        run = host.commit(document(BASE, daemons))
        assert run.outcome == "applied", run.report
        assert frr.running_config().count("frr defaults") == 1


def _sysctl(*lines: str) -> dict:
    return file(SYSCTLS, list(lines))


def _rp_filter(host: Host) -> str:
    # Read inside: what a process sees of the network below /proc/sys is its own namespace's.
    return host.frr.run(["sysctl", "-n", "net.ipv4.conf.lo.rp_filter"]).out.strip()


def test_kernel_parameters_are_set_and_a_missing_device_is_named(host: Host) -> None:
    lines = ["net.ipv4.conf.lo.rp_filter = 2", "net.ipv4.conf.vrf_x.rp_filter = 0"]
    run = host.commit(document(BASE, _sysctl(*lines), sysctls=SYSCTLS))
    assert run.outcome == "applied"
    assert _rp_filter(host) == "2"
    [step] = [step for step in run.report["steps"] if step["name"] == "kernel parameters"]
    assert "vrf_x" in step["detail"]


def test_kernel_parameters_go_back_with_everything_else(host: Host) -> None:
    assert _rp_filter(host) == "0"
    intent = _with("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    run = host.commit(document(intent, _sysctl("net.ipv4.conf.lo.rp_filter = 2"), sysctls=SYSCTLS))
    assert run.outcome == "restored"
    assert "1 set" in str(run.report["steps"])
    assert _rp_filter(host) == "0"


def test_a_kernel_parameter_that_somebody_changed_is_set_again(host: Host) -> None:
    wanted = document(BASE, _sysctl("net.ipv4.conf.lo.rp_filter = 2"), sysctls=SYSCTLS)
    assert host.commit(wanted).outcome == "applied"
    host.frr.run(["sysctl", "-w", "net.ipv4.conf.lo.rp_filter=0"])
    assert host.agent("check").status == 1
    assert host.commit(wanted).outcome == "applied"
    assert host.agent("check").status == 0


def test_a_secret_that_frr_does_not_take_is_in_no_report(host: Host) -> None:
    line = " neighbor fd00:0:0:ffff::fffe password "
    [old] = [found for found in BASE if found.startswith(line)]
    host.on_reload('[ -e /run/spoilt ] || { touch /run/spoilt; sed -i "s/canary-4711/canary-4712/" "${@: -1}"; }')
    run = host.commit(document(_with(old, f"{line}canary-4711")))
    assert (run.outcome, run.failed_step) == ("restored", "running configuration")
    assert "password ****" in run.why
    assert "canary" not in str(run.report) + run.said


def test_unsaved_changes_of_before_come_back_too(host: Host) -> None:
    host.frr.vtysh("configure", "ip route 10.8.0.0/16 blackhole")
    before, running = host.config(), host.frr.running_config()
    intent = _with("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    assert host.commit(document(intent)).outcome == "restored"
    assert host.config() == before
    assert difference(running, host.frr.running_config()) == ([], [])


def test_a_restore_that_fails_is_loud_and_keeps_the_backup(host: Host) -> None:
    host.on_reload("[ -e /run/once ] && exit 1; touch /run/once")
    host.frr.write("/usr/bin/systemctl", "#!/bin/sh\nexit 1\n", 0o755)
    intent = _with("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    before = host.config()
    run = host.commit(document([*intent[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (5, "broken", "running configuration")
    assert "then restore:" in run.why
    assert "/var/lib/trellis/backup/2" in run.report["error"]["remedy"]
    assert host.frr.read(f"/var/lib/trellis/backup/2/files{CONFIG}") == TEXT
    assert host.config() == before
    assert host.agent("status").report["under_way"] is not None


def test_the_last_resort_of_a_restore_is_a_restart(host: Host) -> None:
    before = host.config()
    host.on_reload("[ -e /run/once ] && exit 1; touch /run/once")
    intent = _with("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    run = host.commit(document([*intent[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome) == (4, "restored")
    assert "restart frr" in host.frr.read("/run/systemctl.log")
    _assert_untouched(host, before)


def test_a_commit_that_nobody_confirms_is_taken_back(host: Host) -> None:
    before = host.config()
    run = host.commit(document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"], confirm_within_s=5))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "confirmation")
    _assert_untouched(host, before)


def test_a_confirmation_may_come_first_and_lets_the_commit_stand(host: Host) -> None:
    wanted = document([*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"], confirm_within_s=30)
    digest = sealed(wanted)["digest"]
    with host.start_commit(wanted) as first:
        confirmed = host.agent("confirm", digest, "--within-s", "30")
        assert (confirmed.status, confirmed.outcome) == (0, "confirmed")
        first.communicate(timeout=60)
        assert first.returncode == 0
    assert host.agent("confirm", digest).outcome == "already in force"
    assert host.agent("confirm", "0" * 64, "--within-s", "1").status == 3


def test_a_check_names_every_difference_and_changes_nothing(host: Host) -> None:
    assert host.agent("check").status == 0
    host.frr.vtysh("configure", "no router ospf6", "hostname pve01", "ip route 10.8.0.0/16 blackhole")
    host.frr.run(["chmod", "0644", CONFIG])
    running = host.frr.running_config()
    run = host.agent("check")
    assert run.status == 1
    found = run.report["differences"]
    assert found["files"] == {CONFIG: ["mode"]}
    assert "router ospf6 > ospf6 router-id 10.255.0.1" in found["missing"]
    assert found["unexpected"] == ["ip route 10.8.0.0/16 blackhole"]
    assert host.frr.running_config() == running


def test_on_a_proxmox_host_frr_conf_may_be_laid_out_differently_but_must_say_the_same(host: Host) -> None:
    wanted = document(BASE, file("/etc/frr/frr.conf.local", ["!"]), kind="pve")
    assert host.commit(wanted).outcome == "applied"
    host.frr.write(CONFIG, "!\n! by Proxmox\n" + TEXT + "line vty\n", 0o600)
    assert host.commit(wanted).outcome == "unchanged"
    host.frr.write(CONFIG, TEXT.replace(" passive-interface default\n", ""), 0o640)
    assert host.agent("check").report["differences"]["files"] == {CONFIG: ["content"]}
