"""Kernel parameters: read from a sysctl.d text, set, put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis.agent import sysctl
from trellis.agent.report import Fault


@pytest.fixture(autouse=True)
def proc(tmp_path: Path, monkeypatch) -> Path:
    """A folder in the place of /proc/sys."""
    monkeypatch.setattr(sysctl, "PROC_SYS", tmp_path)
    for key, value in {
        "net/ipv4/ip_forward": "0",
        "net/ipv4/conf/vmbr0.10/rp_filter": "2",
        "net/tcp_mem": "1\t2\t3",
    }.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text(f"{value}\n")
    return tmp_path


def test_a_dot_in_a_device_s_name_is_written_as_a_slash() -> None:
    keys = [
        setting.key
        for setting in sysctl.settings("net.ipv4.conf.vmbr0/10.rp_filter = 0\nnet/ipv4/conf/a.b/rp_filter=0\n")
    ]
    assert keys == ["net/ipv4/conf/vmbr0.10/rp_filter", "net/ipv4/conf/a.b/rp_filter"]


def test_comments_and_empty_lines_set_nothing() -> None:
    assert sysctl.settings("# one\n; two\n\n") == []


@pytest.mark.parametrize("line", ["net.ipv4.ip_forward", "net.ipv4.../x = 1", "a b = 1", "../../x = 1"])
def test_a_line_that_is_no_setting_is_named(line: str) -> None:
    with pytest.raises(Fault, match="not of the form"):
        sysctl.settings(f"# first\n{line}\n")


def test_only_what_differs_is_set_and_the_earlier_values_come_back(proc: Path) -> None:
    wanted = sysctl.settings("net.ipv4.ip_forward = 1\nnet.tcp_mem = 1 2 3\n")
    earlier = sysctl.earlier(wanted)
    assert sysctl.differing(wanted) == [("net/ipv4/ip_forward", "1", "0")]
    assert sysctl.load(wanted) == 1
    assert sysctl.differing(wanted) == []
    sysctl.put_back(earlier)
    assert (proc / "net/ipv4/ip_forward").read_text() == "0\n"


def test_a_parameter_of_a_missing_device_is_named_and_passed_over() -> None:
    wanted = sysctl.settings("net.ipv4.conf.vrf_x.rp_filter = 0\n-net.none = 1\n")
    assert sysctl.absent(wanted) == ["net/ipv4/conf/vrf_x/rp_filter", "net/none"]
    assert sysctl.load(wanted) == 0


def test_a_parameter_that_the_kernel_itself_lacks_is_a_fault() -> None:
    with pytest.raises(Fault, match="this kernel has no net/ipv4/tcp_l3mdev_accept"):
        sysctl.absent(sysctl.settings("net.ipv4.tcp_l3mdev_accept = 1\n"))
