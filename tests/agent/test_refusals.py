"""What a commit refuses on real FRR, before anything on the host changes."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.agent.conftest import BASE, WITH_ROUTE, Host, with_line
from tests.agent.documents import document

pytestmark = pytest.mark.frr


def test_a_line_that_frr_does_not_know_is_refused(host: Host) -> None:
    before = host.config()
    run = host.commit(document(with_line(" passive-interface default", " passive-interface defaulty x")))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "syntax")
    assert "passive-interface defaulty" in run.why
    host.assert_untouched(before)


def test_a_stray_exit_after_which_frr_would_ignore_the_rest_is_refused(host: Host) -> None:
    before = host.config()
    run = host.commit(document(with_line("hostname pve01", "hostname pve01\nexit")))
    assert (run.outcome, run.failed_step) == ("refused", "syntax")
    assert "early exit" in run.why
    host.assert_untouched(before)


def test_a_line_that_frr_drops_without_an_error_is_noticed_by_the_scratch_frr(host: Host) -> None:
    before = host.config()
    intent = with_line("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    run = host.commit(document(intent))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "preflight")
    assert "missing: interface dummy_underlay > ip ospf bfd profile LINK" in run.why
    assert "ip ospf bfd has not been set" in run.why
    host.assert_untouched(before)


def test_what_would_fail_half_way_through_a_reload_is_refused_by_the_scratch_frr(host: Host) -> None:
    before = host.config()
    intent = with_line(" neighbor 10.255.0.2 peer-group fabric", " neighbor 10.255.0.2 peer-group none")
    run = host.commit(document([*intent[:-1], "ip route 10.9.0.0/16 blackhole", "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "preflight")
    assert "Configure the peer-group first" in run.why
    host.assert_untouched(before)


def test_a_daemon_that_was_dead_before_refuses_the_commit(host: Host) -> None:
    before = host.config()
    host.frr.run(["bash", "-c", "kill -9 $(cat /run/frr/watchfrr.pid) $(cat /run/frr/bgpd.pid)"])
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "daemons alive")
    assert "bgpd" in run.report["error"]["what"]
    assert host.config() == before


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"host": "pve02"}, "this host is pve01"), ({"frr_version": "9.1"}, "FRR 10.3 is installed")],
)
def test_a_manifest_for_another_host_or_another_frr_is_refused(host: Host, changes: dict, what: str) -> None:
    before = host.config()
    run = host.commit(document(BASE, **changes))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "host")
    assert what in run.report["error"]["what"]
    host.assert_untouched(before)


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
    host.assert_untouched(before)


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


def test_a_reload_by_somebody_else_is_waited_for(host: Host) -> None:
    other = host.frr.command(["bash", "-c", "exec -a /usr/lib/frr/frr-reload.py sleep 3"])
    began = time.monotonic()
    with subprocess.Popen(other):
        run = host.commit(document(WITH_ROUTE))
    assert run.outcome == "applied"
    assert time.monotonic() - began > 3


def test_a_full_file_system_is_met_before_anything_changes(host: Host) -> None:
    copy = "cp -a /etc/frr /run/copy; mount -t tmpfs -o size=96k,mode=0755 none /etc/frr; cp -a /run/copy/. /etc/frr/"
    host.frr.run(["bash", "-c", f"{copy}; head -c 1M /dev/zero > /etc/frr/filler"])
    before = host.config()
    run = host.commit(document([*BASE[:-1], *(f"ip route 10.9.{n}.0/24 blackhole" for n in range(200)), "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "stage files")
    assert "No space left" in run.why
    host.assert_untouched(before)


def test_a_disk_that_is_full_everywhere_changes_nothing_and_hides_nothing(host: Host) -> None:
    before = host.config()
    host.frr.run(["bash", "-c", "head -c 1G /dev/zero > /filler"])
    assert host.agent("check").status == 0
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "backup")
    host.assert_untouched(before)
    host.frr.run(["rm", "/filler"])
    assert host.commit(document(WITH_ROUTE)).outcome == "applied"


def test_a_read_only_file_system_is_met_before_anything_changes(host: Host) -> None:
    host.frr.run(["bash", "-c", "mount --bind /etc /etc; mount -o remount,ro,bind /etc"])
    before = host.config()
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "stage files")
    assert "Read-only" in run.why
    host.assert_untouched(before)


def test_a_second_vni_for_a_vrf_that_has_one_is_refused_by_the_scratch_frr(host: Host) -> None:
    before = host.config()
    twice = ["vrf one", " vni 10101", "exit-vrf", "vrf two", " vni 10101", "exit-vrf"]
    run = host.commit(document([*BASE[:-1], *twice, "end"]))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "preflight")
    assert "vni 10101" in run.why
    host.assert_untouched(before)


def test_the_scratch_frr_leaves_nothing_and_is_not_heard_of(host: Host) -> None:
    def seen() -> list[str]:
        listings = [
            "ls /run/frr /run/trellis /var/lib/frr /var/tmp /etc/frr",
            "ip -brief link",
            "pgrep -l zebra; mount",
        ]
        return [host.frr.run(["bash", "-c", listing]).out for listing in listings]

    assert host.agent("check").status == 0
    before, pids = seen(), host.pids()
    intent = with_line("interface dummy_underlay", "interface dummy_underlay\n ip ospf bfd profile LINK")
    assert host.commit(document(intent)).failed_step == "preflight"
    assert [text.replace("last.json\n", "") for text in seen()] == [text.replace("last.json\n", "") for text in before]
    assert host.pids() == pids


def test_a_host_whose_timer_cannot_be_set_is_not_touched(host: Host) -> None:
    before = host.config()
    host.frr.write("/run/no-timers", "")
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "arm timer")
    assert "Failed to start transient timer unit" in run.why
    host.assert_untouched(before)


def test_a_frozen_host_is_not_touched(host: Host) -> None:
    before = host.config()
    frozen = '{"reason": "exams", "owner": "ada", "since": "2026-11-21T10:00:00Z"}'
    host.frr.write("/var/lib/trellis/frozen.json", frozen, 0o600)
    run = host.commit(document(WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "frozen")
    assert "exams (ada" in run.why
    host.assert_untouched(before)
