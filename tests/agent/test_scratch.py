"""The scratch FRR itself."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from trellis.lab.scratch import ScratchError, ScratchFrr

pytestmark = pytest.mark.frr


def test_two_at_once_do_not_see_each_other_or_this_machine(frr_root: Path) -> None:
    with ScratchFrr(frr_root, "one") as one, ScratchFrr(frr_root, "two") as two:
        one.load("router bgp 65001\nexit\n")
        assert "router bgp" not in two.running_config()
        one.write("/etc/frr/mine", "x")
        assert not two.path("/etc/frr/mine").exists()
        assert not (frr_root / "etc/frr/mine").exists()
        assert one.run(["ip", "-o", "link"]).out.count("\n") == 1
        assert (one.run(["hostname"]).out, two.run(["hostname"]).out) == ("one\n", "two\n")


def test_stanzas_of_devices_that_do_not_exist_are_kept_and_printed(frr_root: Path) -> None:
    text = "vrf vrf_x\n vni 4096\nexit-vrf\n!\nrouter bgp 65001 vrf vrf_x\n bgp router-id 1.1.1.1\nexit\n!\n"
    with ScratchFrr(frr_root) as frr:
        assert frr.load(text).status == 0
        assert text in frr.running_config()


def test_a_text_is_checked_without_being_loaded(frr_root: Path) -> None:
    with ScratchFrr(frr_root, daemons=()) as frr:
        assert frr.check("hostname x\n").status == 0
        refused = frr.check("hostname x\nnonsense\n")
        assert refused.status != 0
        assert "line 2" in refused.text
        assert "hostname x\n" not in frr.running_config()


def test_what_a_reload_would_still_do_is_listed(frr_root: Path) -> None:
    with ScratchFrr(frr_root, "pve01", ("bgpd",)) as frr:
        text = frr.running_config() + "router bgp 65001\n timers bgp 10 30\nexit\n"
        assert frr.reload(text).status == 0
        assert frr.reload_test(text) == []
        assert " timers bgp 20 60" in frr.reload_test(text.replace("10 30", "20 60"))


def test_nothing_is_left_when_the_process_that_started_it_is_killed(frr_root: Path) -> None:
    use = "print(frr._pid, flush=True); input()"
    script = f"from trellis.lab.scratch import *\nwith ScratchFrr({str(frr_root)!r}) as frr: {use}"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        pid = Path("/proc") / owner.stdout.readline().strip()
        assert pid.exists()
        owner.kill()
    deadline = time.monotonic() + 10
    while pid.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not pid.exists()


def test_a_command_that_does_not_end_is_ended(frr_root: Path) -> None:
    with ScratchFrr(frr_root, daemons=()) as frr, pytest.raises(ScratchError, match=r"no end after 0\.5 s"):
        frr.run(["sleep", "60"], timeout_s=0.5)


def test_a_root_without_frr_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match="there is no FRR in this root"), ScratchFrr(tmp_path):
        pass
