"""The lines of interfaces that leave FRR while the kernel keeps the device: which, and on a real FRR."""

from __future__ import annotations

import pytest

from tests.agent.conftest import BASE, Host
from tests.agent.documents import document
from trellis.agent.interface_lines import taken_away

DEVICE = "vnet110"
LINES = [" ipv6 nd prefix fd00:110::/64 off-link no-autoconfig", " ipv6 nd ra-lifetime 0"]
WITH_DEVICE = [*BASE[:-1], f"interface {DEVICE}", *LINES, "exit", "end"]
OTHER = "interface vmbr0\n ip ospf cost 7\nexit\n"


def test_each_line_of_an_interface_that_is_left_out_is_taken_back() -> None:
    stanza = f"interface {DEVICE}\n ipv6 nd ra-interval 60\n no ipv6 nd suppress-ra\nexit\n"
    running = f"{OTHER}{stanza}!\nrouter bgp 1\n bgp log-neighbor-changes\n"
    taken = ("configure terminal", f"interface {DEVICE}", "no ipv6 nd ra-interval 60", "ipv6 nd suppress-ra", "exit")
    assert taken_away(running, OTHER) == [taken]


def test_an_interface_that_stays_is_the_reloads_whatever_changes_of_it() -> None:
    assert taken_away(OTHER, OTHER.replace("7", "8")) == []
    assert taken_away(OTHER, OTHER.replace(" ip ospf cost 7\n", "")) == []
    assert taken_away("interface vmbr0\nexit\n", "") == []


@pytest.mark.frr
@pytest.mark.parametrize("there", [True, False], ids=["the-device-stays", "the-device-is-gone"])
def test_the_lines_of_a_vnet_that_goes_leave_frr_before_its_device(host: Host, there: bool) -> None:
    """A tenant could not be taken away again: `only inactive interfaces can be deleted`, and its host was restored."""
    host.frr.run(["ip", "link", "add", DEVICE, "type", "bridge"])
    host.frr.run(["ip", "link", "set", DEVICE, "up"])
    assert host.commit(document(WITH_DEVICE)).outcome == "applied"
    assert f"interface {DEVICE}" in host.frr.running_config()
    if not there:
        host.frr.run(["ip", "link", "delete", DEVICE])
    run = host.commit(document(BASE))
    assert run.outcome == "applied", run.report
    assert f"interface {DEVICE}" not in host.frr.running_config()
