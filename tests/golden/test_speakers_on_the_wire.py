"""On the wire: a guest's speaker, started from what is rendered for it, against its host's own sessions and filters."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.golden.cabled import (
    birdc,
    cable,
    end_bird,
    eventually,
    gateway_text,
    heard,
    is_up,
    kernel_routes,
    neighbor,
    planned_guest,
    run,
    start_speaker,
    taken,
)
from tests.sites import site_data
from trellis.lab.scratch import ScratchFrr
from trellis.plan import plan
from trellis.plan.model import GuestPlan
from trellis.render.speakers import speaker_text
from trellis.site import load_site

pytestmark = pytest.mark.frr

NODE = "solcp01"
OWN = {"10.101.254.11/32", "fd00:101:fe::11/128", "10.101.240.0/24", "fd00:101:244::/64"}
OUTSIDE = ("ip route 192.0.2.0/24 blackhole", "ipv6 route 2001:db8::/32 blackhole")
PEER = ("ip route 10.101.254.99/32 blackhole", "ipv6 route fd00:101:fe::99/128 blackhole")

CILIUM = """\
neighbor ::1 {{
  router-id 10.9.9.9; local-address ::1; local-as {asn}; peer-as {asn}; hold-time 90;
  family {{ ipv4 unicast; ipv6 unicast; }}
  capability {{ nexthop enable; }}
  nexthop {{ ipv4 unicast ipv6; }}
  static {{
    route 10.101.250.7/32 next-hop ::1 large-community [ 4200001000:0:4242 ];
    route fd00:101:250::7/128 next-hop ::1 large-community [ 4200001000:0:4242 ];
    route 10.101.240.0/24 next-hop ::1 large-community [ 4200001000:0:4243 ];
    route 192.0.2.7/32 next-hop ::1;
    route 2001:db8:7::/64 next-hop ::1;
    route 10.101.254.12/32 next-hop ::1;
  }}
}}
"""


@dataclass(frozen=True)
class Ends:
    """A guest and its gateway, cabled."""

    planned: GuestPlan
    gateway: ScratchFrr
    guest: ScratchFrr

    def up(self) -> bool:
        return is_up(self.gateway, self.planned)

    def await_up(self, within_s: float = 20.0) -> None:
        eventually(self.up, "the session is up", within_s)

    def await_taken(self, wanted: set[str]) -> None:
        eventually(lambda: set(taken(self.gateway, self.planned)) == wanted, f"the gateway takes {sorted(wanted)}")


@contextmanager
def ends(
    root: Path, kind: str, resilience: str, *, open_gateway: bool = False, cilium: bool = False, md5: bool = False
) -> Iterator[Ends]:
    """Yield node solcp01 of the homelab with another speaker, and its gateway, before the speaker is started."""
    data = site_data("homelab")
    sol: dict[str, Any] = data["clusters"]["sol"]
    sol["speaker"], sol["nodes"][NODE]["resilience"] = kind, resilience
    sol.pop("cilium", None)  # FRR takes nothing of Cilium's, and a site that says so is refused
    if cilium:
        sol["cilium"] = {}
    if md5:
        data["tenants"]["tenant101"]["guest_bgp"]["md5"] = "guest-key"
    whole = plan(load_site(data))
    planned = planned_guest(whole, NODE)
    text = gateway_text(whole, planned, tells_all=True)
    if open_gateway:
        text = re.sub(rf"(?ms)^route-map TL-G-{NODE}-IN .*?^exit\n", "", text)
        text += f"route-map TL-G-{NODE}-IN permit 1\nexit\n"
    daemons = ("bgpd", "bfdd") if kind == "frr" else ()
    with (
        ScratchFrr(root, hostname="gateway", daemons=("bgpd", "bfdd")) as gateway,
        ScratchFrr(root, hostname=NODE, daemons=daemons) as guest,
        cable(gateway, guest, planned),
    ):
        # Else FRR waits for 5 s with what changes of a route-map.
        loaded = gateway.load("\n".join(("bgp route-map delay-timer 0", text, *OUTSIDE, *PEER, "")))
        assert loaded.status == 0, loaded.text
        yield Ends(planned, gateway, guest)


def default_by_speaker(guest: ScratchFrr) -> bool:
    """Whether both families' defaults are the speaker's, at a better metric than the one that the guest boots with."""
    return len(re.findall(r"^default .* proto (?:bird metric 32|bgp metric 20)\b", by_line(guest), re.M)) == 2


def by_line(guest: ScratchFrr) -> str:
    return "\n".join(kernel_routes(guest))


@pytest.mark.parametrize("resilience", ["fast_failure", "restart"])
@pytest.mark.parametrize("kind", ["bird2", "frr"])
def test_a_guest_says_its_own_and_takes_the_default_and_its_peers(
    kind: str, resilience: str, frr_root: Callable[[str], Path]
) -> None:
    with ends(frr_root("10.3"), kind, resilience) as both:
        for address in ("192.0.2.66/32", "2001:db8::66/128", "10.101.254.98/32"):  # not its own to announce
            run(both.guest, "ip", "address", "add", address, "dev", "lo")
        start_speaker(both.guest, both.planned)
        both.await_up()
        both.await_taken(OWN)
        assert heard(both.gateway, both.planned) == OWN
        eventually(lambda: default_by_speaker(both.guest), f"both defaults by BGP: {by_line(both.guest)}")
        routes = by_line(both.guest)
        assert re.search(r"(?m)^10\.101\.254\.99 .* proto (bird|bgp)", routes)
        assert re.search(r"(?m)^fd00:101:fe::99 .* proto (bird|bgp)", routes)
        assert not re.search(r"(?m)^(192\.0\.2\.0/24|2001:db8::/32)", routes)
        known = neighbor(both.gateway, both.planned)
        if resilience == "fast_failure":
            eventually(lambda: neighbor(both.gateway, both.planned)["peerBfdInfo"]["status"] == "Up", "BFD is up")
            assert known["gracefulRestartInfo"]["localGrMode"] == "Disable"
        else:
            assert "peerBfdInfo" not in known
            assert known["gracefulRestartInfo"]["remoteGrMode"] == "Restart"
            assert known["gracefulRestartInfo"]["timers"]["receivedRestartTimer"] == 30


@pytest.mark.parametrize("kind", ["bird2", "frr"])
def test_a_signed_session_comes_up_with_the_key_and_not_without(kind: str, frr_root: Callable[[str], Path]) -> None:
    with ends(frr_root("10.3"), kind, "restart", md5=True) as both:
        unsigned = replace(both.planned, speaker=replace(both.planned.speaker, md5=None))
        start_speaker(both.guest, unsigned)
        time.sleep(6)
        assert not both.up()
        if kind == "bird2":
            end_bird(both.guest, "TERM")
        start_speaker(both.guest, both.planned)
        both.await_up()


def test_cilium_beside_bird_is_handed_on_with_its_communities_and_told_nothing(
    frr_root: Callable[[str], Path],
) -> None:
    with ends(frr_root("10.3"), "bird2", "fast_failure", open_gateway=True, cilium=True) as both:
        # As Cilium has them: of its pods, by its own device; of IPv6 at the kernel's default metric.
        for family, prefix in (("-4", "10.101.240.0/24"), ("-6", "fd00:101:244::/64")):
            run(both.guest, "ip", family, "route", "add", prefix, "dev", "eth0", "proto", "kernel")
        start_speaker(both.guest, both.planned)
        both.await_up()
        both.guest.write("/run/cilium.conf", CILIUM.format(asn=both.planned.speaker.asn))
        settings = ("exabgp.daemon.user=root", "exabgp.daemon.daemonize=true", "exabgp.log.destination=/run/cilium.log")
        run(both.guest, "env", *settings, "exabgp", "/run/cilium.conf")
        both.await_taken({*OWN, "10.101.250.7/32", "fd00:101:250::7/128"})
        found = taken(both.gateway, both.planned)
        communities = {prefix: route.get("largeCommunity", {}).get("string") for prefix, route in found.items()}
        assert communities["10.101.250.7/32"] == communities["fd00:101:250::7/128"] == "4200001000:0:4242"
        assert communities["10.101.240.0/24"] == "4200001000:0:4243"
        assert {route["aspath"]["string"] for route in found.values()} == {"4210101011"}
        assert re.findall(
            r"Routes:\s+\d+ imported, (\d+) exported", birdc(both.guest, "show", "protocols", "all", "cilium")
        ) == ["0", "0"]
        # A pod and a packet to it go by Cilium's route; a service that Cilium's programs do not take ends here.
        assert "dev eth0" in run(both.guest, "ip", "route", "get", "10.101.240.9")
        assert "dev eth0" in run(both.guest, "ip", "route", "get", "fd00:101:244::9")
        assert both.guest.run(["ip", "route", "get", "10.101.250.7"]).status != 0
        assert both.guest.run(["ip", "route", "get", "fd00:101:250::7"]).status != 0


def test_a_packet_for_a_pod_that_is_not_there_is_nowhere(frr_root: Callable[[str], Path]) -> None:
    with ends(frr_root("10.3"), "bird2", "restart") as both:
        start_speaker(both.guest, both.planned)
        both.await_up()
        eventually(lambda: default_by_speaker(both.guest), "both defaults by BGP")
        assert both.guest.run(["ip", "route", "get", "10.101.240.9"]).status != 0
        assert both.guest.run(["ip", "route", "get", "fd00:101:244::9"]).status != 0
        end_bird(both.guest, "KILL")
        assert "blackhole 10.101.240.0/24" in by_line(both.guest)


def test_a_guest_whose_gateway_has_no_default_goes_on_with_the_one_that_it_booted_with(
    frr_root: Callable[[str], Path],
) -> None:
    with ends(frr_root("10.3"), "bird2", "fast_failure") as both:
        start_speaker(both.guest, both.planned)
        eventually(lambda: default_by_speaker(both.guest), "both defaults by BGP")
        for keyword, prefix in (("ip", "0.0.0.0/0"), ("ipv6", "::/0")):
            both.gateway.vtysh("configure", f"no {keyword} route {prefix} blackhole")
        eventually(lambda: not re.search(r"(?m)^default .* proto bird", by_line(both.guest)), "BIRD's are gone")
        assert len(re.findall(r"(?m)^default .* proto static metric ", by_line(both.guest))) == 2


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_a_restart_guests_routes_stay_while_bird_is_away(how: str, frr_root: Callable[[str], Path]) -> None:
    with ends(frr_root("10.3"), "bird2", "restart") as both:
        start_speaker(both.guest, both.planned)
        both.await_up()
        both.await_taken(OWN)
        eventually(lambda: default_by_speaker(both.guest), "both defaults by BGP")
        if how == "killed":
            end_bird(both.guest, "KILL")
        else:  # as its unit stops it
            birdc(both.guest, "graceful", "restart")
        eventually(lambda: not both.up(), "the session is down")
        assert {prefix for prefix, route in taken(both.gateway, both.planned).items() if route.get("stale")} == OWN
        watching = ["sh", "-c", "timeout 60 ip monitor route > /run/changes 2>&1 &"]
        run(both.gateway, *watching)
        start_speaker(both.guest, both.planned)
        both.await_up()
        eventually(lambda: not any("stale" in r for r in taken(both.gateway, both.planned).values()), "all are fresh")
        assert set(taken(both.gateway, both.planned)) == OWN
        assert [line for line in both.gateway.read("/run/changes").splitlines() if "Deleted" in line] == []
        eventually(lambda: default_by_speaker(both.guest), "both defaults by BGP again")


def test_a_guest_that_loses_it_fast_is_withdrawn_when_bird_dies(frr_root: Callable[[str], Path]) -> None:
    with ends(frr_root("10.3"), "bird2", "fast_failure") as both:
        start_speaker(both.guest, both.planned)
        both.await_taken(OWN)
        end_bird(both.guest, "KILL")
        eventually(lambda: not taken(both.gateway, both.planned), "its routes are gone", 3)


def test_a_guest_that_boots_before_its_gateway_speaks_with_it_soon_after(frr_root: Callable[[str], Path]) -> None:
    with ends(frr_root("10.3"), "bird2", "fast_failure") as both:
        device = both.planned.guest.vnet
        run(both.gateway, "ip", "link", "set", device, "down")
        start_speaker(both.guest, both.planned)
        time.sleep(12)
        assert not both.up()
        run(both.gateway, "ip", "link", "set", device, "up")
        run(both.gateway, "ip", "address", "replace", f"{both.planned.gateway_ipv6}/64", "dev", device, "nodad")
        both.await_up(within_s=8)


def test_bird_parses_the_same_text_again_where_it_is_told_to_reload(frr_root: Callable[[str], Path]) -> None:
    with ends(frr_root("10.3"), "bird2", "fast_failure") as both:
        start_speaker(both.guest, both.planned)
        both.await_taken(OWN)
        fewer = replace(both.planned.speaker, announces=both.planned.speaker.announces[:1])
        both.guest.write("/run/bird.conf", speaker_text(fewer))
        birdc(both.guest, "configure")
        both.await_taken({"10.101.254.11/32"})
        assert both.up(), "a filter changed, and the session with it"
