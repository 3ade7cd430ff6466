"""The seed's success criteria for IPv6 on VNets, one by one, with VMs of which the site knows nothing."""

from __future__ import annotations

import time

import pytest

from tests.lab.delegated.standing import FIRST, INTERNET, OWN, Standing, is_in, say, within
from tests.lab.main_job.standing import failing
from trellis.lab.proof import prove

pytestmark = [pytest.mark.lab, pytest.mark.engine, pytest.mark.scenario, pytest.mark.timeout(900)]

SLAAC_S = 15.0
"""A kernel asks at once, and thrice, four seconds apart (RFC 4861: RTR_SOLICITATION_INTERVAL); then DAD takes one."""


def test_vms_make_addresses_of_the_vnets_own_prefix_and_of_the_delegated_one(standing: Standing) -> None:
    for machine in (standing.ann, standing.ben):
        seconds = within(SLAAC_S, lambda m=machine: set(m.addresses()) == {OWN["vnet101"], FIRST})  # type: ignore[misc]
        assert not any(address.deprecated for address in machine.addresses().values())
        assert len(machine.routers()) == 1
        assert machine.routers()[0].startswith("fe80::")
        say(f"{machine.name}: both addresses and a router, {seconds:.1f} s after it was first looked at")
    within(SLAAC_S, lambda: set(standing.cat.addresses()) == {OWN["vnet103"]})


def test_they_reach_the_internet_from_their_global_address(standing: Standing) -> None:
    for machine in (standing.ann, standing.ben):
        assert is_in(machine.source_to(INTERNET), FIRST)
        within(10, lambda m=machine: m.pings(INTERNET) == 3)  # type: ignore[misc]
    assert standing.ann.pings(standing.ben.addresses()[FIRST].text) == 3


def test_the_edge_has_each_delegated_subnet_by_both_hosts_and_everything_else_is_as_the_site_says(
    standing: Standing,
) -> None:
    rows = prove(standing.twin, say)
    assert failing(rows) == []
    assert [row.name for row in rows if FIRST in row.name and "edge" in row.group] == [f"vnet101 {FIRST} at edge1"]


def test_a_vm_hears_its_own_host_alone_and_keeps_its_way_out_when_another_one_ceases(standing: Standing) -> None:
    access = standing.twin.lab.access

    def dropped(host: str) -> int:
        listed = access.run(host, "nft list table bridge trellis | grep 'R13 other host'").stdout
        return sum(int(words[words.index("packets") + 1]) for words in map(str.split, listed.splitlines()))

    capture = "timeout 12 tcpdump -n -p -i eth0 icmp6 and 'ip6[40] == 134' 2>/dev/null"
    heard_at_ann, before = standing.ann.addresses(), dropped("pve01")
    access.run("pve02", "systemctl stop radvd")
    try:
        within(10, lambda: standing.ben.routers() == [])  # it took its leave, of its own VMs
        access.run("pve01", "systemctl reload radvd")
        said = standing.ben.run("sh", "-c", capture).strip()
        assert said == "", "ben hears pve01"
        assert standing.ann.addresses().keys() == heard_at_ann.keys()
        assert len(standing.ann.routers()) == 1
        assert standing.ann.pings(INTERNET) == 3
    finally:
        access.run("pve02", "systemctl start radvd")
    assert dropped("pve01") > before, "pve01 sent ben's VNet an advertisement, and it went no further"
    within(SLAAC_S, lambda: len(standing.ben.routers()) == 1)


def test_a_host_that_boots_again_advertises_again(standing: Standing) -> None:
    machine = standing.twin.lab.machine("pve01")
    machine.power_cut()
    machine.power_on()
    machine.wait_until_booted(time.monotonic() + 120)
    within(90, lambda: standing.twin.lab.access.run("pve01", "ip link show dev vnet103", check=False).ok)
    for vm in (standing.ann, standing.cat):
        vm.start()
    seconds = within(90, lambda: standing.ann.pings(INTERNET, count=1) == 1)
    assert is_in(standing.ann.source_to(INTERNET), FIRST)
    say(f"ann is on the internet {seconds:.1f} s after she was started on the host that booted")
