"""On the wire: guests make addresses of what their host advertises, and other hosts' guests hear none of it.

A bridge in a network namespace has the names that Proxmox gives a VNet's; one port leads to a guest, one to another
host.  The sender is real, of the Debian release that Proxmox is built on; the guest is this machine's kernel.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.whole_site import WHOLE
from tests.sites import plan_of
from trellis.lab.scratch import ScratchFrr
from trellis.plan import plan
from trellis.plan.delegated import AdvertisedPrefix, AdvertisementPlan
from trellis.plan.model import VnetPlan
from trellis.render.ports import own_advertisements
from trellis.render.stanzas import Stanzas
from trellis.site import load_site

pytestmark = pytest.mark.frr

VNET, PORT, TUNNEL = "vnet101", "tap106i0", "vxlan_vnet101"
ULA, CURRENT, DEPRECATED = "fd00:101::/64", "2600:1700:ab1a:500e::/64", "2600:1700:ab1a:400e::/64"


class Bench:
    """A host with a VNet's bridge, a guest at one port, and another host at the other.

    Attributes:
        host: The host; its daemons are real.
    """

    def __init__(self, host: ScratchFrr, pids: dict[str, int]) -> None:
        self.host = host
        self._pids = pids

    def at(self, place: str, *argv: str) -> str:
        """Run a command in a place's network."""
        command = ["nsenter", "--net", "--target", str(self._pids[place]), *argv]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def addresses(self, place: str) -> dict[str, tuple[int, int]]:
        """Return the prefixes of a place's addresses, each with what is left of its valid and preferred lifetime."""
        shown = json.loads(self.at(place, "ip", "-json", "-6", "address", "show", "dev", "eth0", "scope", "global"))
        found = [info for link in shown for info in link.get("addr_info", ()) if "local" in info]
        return {
            prefix: (info["valid_life_time"], info["preferred_life_time"])
            for info in found
            for prefix in (ULA, CURRENT, DEPRECATED)
            if info["local"].startswith(prefix.removesuffix(":/64").removesuffix(":") + ":")
        }

    def default_routes(self, place: str) -> list[str]:
        """Return a place's default routes."""
        return self.at(place, "ip", "-6", "route", "show", "default").splitlines()

    def await_addresses(self, place: str, wanted: set[str]) -> dict[str, tuple[int, int]]:
        """Return a place's addresses once it has those that are wanted, or whatever it has after 15 s."""
        ends = time.monotonic() + 15
        while (found := self.addresses(place)).keys() != wanted and time.monotonic() < ends:
            time.sleep(0.2)
        return found


@pytest.fixture
def bench(frr_root: Callable[[str], Path]) -> Iterator[Bench]:
    """Yield a bench whose host lets no advertisement pass between hosts."""
    with ExitStack() as held:
        host = held.enter_context(ScratchFrr(frr_root("10.3"), hostname="host", daemons=("bgpd",)))
        pids = {}
        elsewhere = ["unshare", "--net", "sleep", "120"]
        for place, argv in (("host", host.command(["sleep", "120"])), ("guest", elsewhere), ("other", elsewhere)):
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
            held.callback(process.wait)
            held.callback(process.kill)
            pids[place] = process.pid
        time.sleep(0.5)
        made = Bench(host, pids)
        made.at("host", "ip", "link", "add", VNET, "type", "bridge")
        made.at("host", "sysctl", "-qw", f"net.ipv6.conf.{VNET}.accept_dad=0", f"net.ipv6.conf.{VNET}.forwarding=1")
        for place, port in (("guest", PORT), ("other", TUNNEL)):
            link = ("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(pids[place]))
            made.at("host", *link)
            made.at("host", "ip", "link", "set", port, "master", VNET, "up")
        made.at("host", "ip", "link", "set", VNET, "up")
        for prefix in (ULA, CURRENT, DEPRECATED):
            made.at("host", "ip", "address", "add", prefix.replace("::/", "::fffe/"), "dev", VNET)
        text = own_advertisements(Stanzas(), (VNET,), first=True)
        subprocess.run([*_net(pids["host"]), "nft", "-f", "-"], input=text, text=True, check=True)
        yield made


def _net(pid: int) -> list[str]:
    return ["nsenter", "--net", "--target", str(pid)]


def _listen(bench: Bench) -> None:
    """Have the guests' interfaces come up, with no wait for duplicates."""
    for place in ("guest", "other"):
        bench.at(place, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0", "net.ipv6.conf.eth0.accept_ra=1")
        bench.at(place, "ip", "link", "set", "eth0", "up")


def _vnet() -> VnetPlan:
    return next(vnet for vnet in plan_of("delegated").vnets if vnet.name == VNET)


def _told() -> AdvertisementPlan:
    told = _vnet().advertisement
    assert told is not None
    return replace(told, max_interval_s=4, min_interval_s=3, router_lifetime_s=12)


def _radvd(bench: Bench, told: AdvertisementPlan, *, again: bool = False) -> None:
    bench.host.write("/etc/radvd.conf", Stanzas().fill("host/radvd.conf.j2", advertised=(told,)))
    if again:
        ended = bench.host.run(["sh", "-c", "kill -HUP $(cat /run/radvd.pid)"])
    else:
        ended = bench.host.run(["radvd", "--pidfile", "/run/radvd.pid", "--username", "root"])
    assert ended.status == 0, ended.text


def test_a_guest_makes_addresses_of_its_own_and_the_current_prefix_and_no_other_hosts_guest_hears_of_it(
    bench: Bench,
) -> None:
    _radvd(bench, _told())
    _listen(bench)
    assert bench.await_addresses("guest", {ULA, CURRENT}).keys() == {ULA, CURRENT}
    assert len(bench.default_routes("guest")) == 1
    time.sleep(5)
    assert (bench.addresses("other"), bench.default_routes("other")) == ({}, [])


def test_an_address_of_a_deprecated_prefix_is_kept_for_what_is_left_and_not_preferred(bench: Bench) -> None:
    told = _told()
    before = replace(told, prefixes=tuple(AdvertisedPrefix(prefix, 5400, 2700) for prefix in (ULA, DEPRECATED)))
    _radvd(bench, before)
    _listen(bench)
    assert bench.await_addresses("guest", {ULA, DEPRECATED})[DEPRECATED][1] > 2600
    _radvd(bench, told, again=True)
    found = bench.await_addresses("guest", {ULA, CURRENT, DEPRECATED})
    assert found[DEPRECATED][1] == 0
    assert 5300 < found[DEPRECATED][0] <= 5400, "a session that began there goes on"
    time.sleep(5)
    assert bench.addresses("guest")[DEPRECATED][0] < found[DEPRECATED][0], "nothing makes it last longer"


@pytest.mark.parametrize("version", ["10.3", "10.7"])
def test_frr_prints_back_what_it_advertises_where_guests_are_heard(
    version: str, frr_root: Callable[[str], Path]
) -> None:
    defaults = {"max_interval_s": 600, "valid_lifetime_s": 2592000, "preferred_lifetime_s": 604800}
    for told in ({"max_interval_s": 60}, defaults):
        vnet1 = {**WHOLE["vnets"]["vnet1"], "router_advertisements": {"resolvers": ["2620:fe::fe"], **told}}
        site = load_site({**WHOLE, "vnets": {**WHOLE["vnets"], "vnet1": vnet1}})
        host = next(found for found in plan(site).hosts if found.name == "rtr02")
        assert [(found.vnet, found.sender) for found in host.advertised] == [("vnet1", "frr")]
        text = "frr defaults datacenter\n" + Stanzas().interfaces(replace(host, interfaces=(), silenced=()))
        text = text.split("router ospf")[0]
        assert "no ipv6 nd suppress-ra" in text
        with ScratchFrr(frr_root(version), hostname="host", daemons=("bgpd",)) as frr:
            frr.load(text)
            running = set(frr.running_config().splitlines())
            assert {line for line in text.splitlines() if line.startswith((" ", "interface"))} <= running
            assert not [line for line in running if " nd " in line and line not in text.splitlines()]


def test_frr_advertises_to_guests_what_radvd_would(bench: Bench) -> None:
    host = next(found for found in plan_of("delegated").hosts if found.name == "pve01")
    told = replace(_told(), sender="frr")
    stanza = Stanzas().interfaces(replace(host, interfaces=(), silenced=(), advertised=(told,))).split("router ospf")[0]
    bench.host.load("frr defaults datacenter\n" + stanza)
    _listen(bench)
    found = bench.await_addresses("guest", {ULA, CURRENT})
    assert found.keys() == {ULA, CURRENT}
    assert len(bench.default_routes("guest")) == 1
    assert bench.addresses("other") == {}
