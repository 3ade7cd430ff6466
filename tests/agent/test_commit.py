"""A commit on real FRR: all of a manifest is in force afterwards; where there is nothing to do, nothing is done."""

from __future__ import annotations

import pytest

from tests.agent.conftest import BASE, TEXT, WITH_ROUTE, Host
from tests.agent.documents import CONFIG, SYSCTLS, document, file
from tests.agent.mutations import unnoticed
from tests.agent.tables import UNIT, files, firewall
from trellis.agent.normalise import difference
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr


def test_a_new_configuration_is_in_force_and_nothing_is_left_to_reload(bare_host: Host) -> None:
    run = bare_host.commit(document(BASE))
    assert (run.status, run.outcome) == (0, "applied")
    assert difference(TEXT, bare_host.frr.running_config()) == ([], [])
    assert bare_host.frr.reload_test(TEXT) == []
    assert bare_host.config()[0] == TEXT
    assert [step["name"] for step in run.report["steps"]][-2:] == ["commit", "disarm"]
    assert not bare_host.frr.path("/run/timer").exists()
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


def test_a_daemon_newly_enabled_starts_and_the_others_keep_their_processes(host: Host) -> None:
    pids = host.pids()
    vrrp = file("/etc/frr/daemons.conf", ["vrrpd=yes"], "frr", "0640")
    run = host.commit(document(BASE, vrrp, daemons=["bgpd", "ospfd", "ospf6d", "bfdd", "vrrpd"]))
    assert run.outcome == "applied"
    after = host.pids()
    assert after.pop("vrrpd")
    assert after == pids


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


def test_a_kernel_parameter_that_somebody_changed_is_set_again(host: Host) -> None:
    wanted = document(BASE, _sysctl("net.ipv4.conf.lo.rp_filter = 2"), sysctls=SYSCTLS)
    assert host.commit(wanted).outcome == "applied"
    host.frr.run(["sysctl", "-w", "net.ipv4.conf.lo.rp_filter=0"])
    assert host.agent("check").status == 1
    assert host.commit(wanted).outcome == "applied"
    assert host.agent("check").status == 0


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


def test_a_file_that_leaves_the_manifest_goes_and_comes_back_with_a_change_that_fails(host: Host) -> None:
    extra = file("/etc/frr/frr.conf.local", ["! ours"])
    assert host.commit(document(BASE, extra)).outcome == "applied"
    path = host.frr.path("/etc/frr/frr.conf.local")
    before = path.read_text(), path.stat().st_mtime_ns
    host.drop_on_first_reload()
    assert host.commit(document(WITH_ROUTE)).outcome == "restored"
    assert (path.read_text(), path.stat().st_mtime_ns) == before
    run = host.commit(document(WITH_ROUTE))
    assert run.outcome == "applied", run.report
    assert not path.exists()
    assert "removed /etc/frr/frr.conf.local" in str(run.report["steps"])


def test_a_unit_that_leaves_the_manifest_is_stopped_and_starts_again_when_that_is_taken_back(host: Host) -> None:
    assert host.commit(document(BASE, *files(), **firewall())).outcome == "applied"
    up = host.frr.run(["systemctl", "show", "--property=UnitFileState,ActiveState", UNIT]).out
    assert up.split() == ["UnitFileState=enabled", "ActiveState=active"]
    host.drop_on_first_reload()
    run = host.commit(document(WITH_ROUTE))
    assert run.outcome == "restored", run.report
    assert host.frr.run(["systemctl", "show", "--property=UnitFileState,ActiveState", UNIT]).out == up
    assert "10.103.0.0/24" in host.frr.run(["nft", "list", "ruleset"]).out
    assert host.commit(document(WITH_ROUTE)).outcome == "applied"
    down = host.frr.run(["systemctl", "show", "--property=UnitFileState,ActiveState", UNIT]).out
    assert down.split() == ["UnitFileState=disabled", "ActiveState=inactive"]
    assert host.frr.run(["nft", "list", "ruleset"]).out == ""


def test_what_the_firewall_reads_lies_where_others_may_look_and_what_is_remembered_does_not(host: Host) -> None:
    assert host.commit(document(BASE, *files(), **firewall())).outcome == "applied"
    assert host.frr.path("/etc/trellis").stat().st_mode & 0o777 == 0o755
    assert host.frr.path("/var/lib/trellis").stat().st_mode & 0o777 == 0o700
    assert host.frr.path("/run/trellis").stat().st_mode & 0o777 == 0o700


def test_the_backup_from_before_the_first_deploy_outlives_all_others(host: Host) -> None:
    for number in range(31):
        host.frr.run(["cp", "-a", "/var/lib/trellis/backup/1", f"/var/lib/trellis/backup/{number + 2}"])
    assert host.commit(document(WITH_ROUTE)).outcome == "applied"
    left = sorted(int(name) for name in host.frr.run(["ls", "/var/lib/trellis/backup"]).out.split())
    assert (left[0], left[1], left[-1], len(left)) == (1, 4, 33, 31)
