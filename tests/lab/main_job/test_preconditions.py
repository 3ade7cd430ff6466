"""What a host must have before it is touched: the loopbacks are brought to it, all else is asked for by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.main_job.standing import REPOSITORY, STACK, agent_differences, await_sessions_back, say
from trellis.lab import twin
from trellis.lab.deployment import DeploymentError
from trellis.lab.main_job import Outcome
from trellis.lab.twin import Twin

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.timeout(900)]

HOST = "pve01"  # the canary: what stops there has stopped everywhere
_BREAK = """
set -e
sed -i.kept '/^Package: nftables$/,/^$/s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status
ip link set vmbr1v21 down
ip link set vmbr1v21 name unplugged
"""
_MEND = """
set -e
mv /var/lib/dpkg/status.kept /var/lib/dpkg/status
ip link set unplugged name vmbr1v21
ip address replace fc00:21::1/64 dev vmbr1v21 nodad  # the kernel drops it from a device that goes down
ip link set vmbr1v21 up
"""


def test_a_host_that_boots_without_loopbacks_has_been_given_them(first: Outcome, dev: Twin) -> None:
    assert first.first_apply
    for host in dev.site.hosts:
        assert dev.lab.topology.machine(host).loopbacks == ()
        shown = json.loads(dev.lab.access.run(host, "ip -json address show dev dummy_underlay").stdout)
        number = dev.site.hosts[host].id
        held = {f"{one['local']}/{one['prefixlen']}" for one in shown[0]["addr_info"] if one["scope"] == "global"}
        assert held == {f"10.255.0.{number}/32", f"fd00:0:0:ffff::{number}/128"}
        assert "iface dummy_underlay inet static" in dev.lab.access.run(host, "cat /etc/network/interfaces").stdout


def test_what_a_host_lacks_is_named_all_at_once_and_nothing_is_changed(dev: Twin, site_data: dict[str, Any]) -> None:
    changed = copy.deepcopy(site_data)
    changed["links"]["mesh-pve01-pve02"]["mtu"] = 9001  # a lab's cable never gets more than it had at its boot back
    with lacking(dev):
        held = running(dev)
        with pytest.raises(DeploymentError) as refused:
            twin.find(STACK, REPOSITORY, changed, say).deploy("up", say)
        assert running(dev) == held
    for named in ("nftables", "vmbr1v20 has MTU 9000", "vmbr1v21"):
        assert named in str(refused.value)
    dev.deploy("up", say)
    await_sessions_back(dev)
    for host in dev.site.hosts:
        assert agent_differences(dev, host) == {}


@contextmanager
def lacking(dev: Twin) -> Iterator[None]:
    dev.lab.access.run(HOST, _BREAK)
    try:
        yield
    finally:
        dev.lab.access.run(HOST, _MEND)


def running(dev: Twin) -> dict[str, str]:
    """What each host's FRR runs, and its filter."""
    command = "vtysh -c 'show running-config'; nft --stateless list table inet trellis"
    return {host: done.stdout for host, done in dev.lab.access.run_on_all(tuple(dev.site.hosts), command).items()}
