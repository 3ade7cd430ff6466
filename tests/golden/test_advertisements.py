"""On the wire: what FRR advertises to a VNet of guests offers neither a router nor a prefix to make addresses from.

Two real FRRs and a cable, which comes up after the configurations are loaded, as VNets do at boot.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.golden.files import bundle_of
from trellis.lab.scratch import ScratchFrr
from trellis.render import FRR_CONF

pytestmark = pytest.mark.frr

VNET, GATEWAY, GUEST = "k8snet", "2a01:b000:1046:10::1", "2a01:b000:1046:10::11"
_CAPTURE_S = 25


def _speaker(own: str, asn: int, peer: str, peer_asn: int, interfaces: str) -> str:
    return f"""frr defaults datacenter
{interfaces}
router bgp {asn}
 bgp router-id {own}
 no bgp ebgp-requires-policy
 neighbor {peer} remote-as {peer_asn}
 neighbor {peer} capability extended-nexthop
 address-family ipv6 unicast
  neighbor {peer} activate
 exit-address-family
exit
"""


def _stanza() -> str:
    """Return what is rendered for the VNet's interface."""
    found = re.search(rf"^interface {VNET}\n(?: .*\n)*exit\n", bundle_of("guest-peering", "vr1").text(FRR_CONF), re.M)
    assert found is not None
    return found[0]


@contextmanager
def _cable(host: ScratchFrr, guest: ScratchFrr) -> Iterator[None]:
    names = {host: VNET, guest: "eth0"}
    with ExitStack() as holders:
        pids = {}
        for frr in names:
            holder = subprocess.Popen(frr.command(["sleep", "120"]), stdin=subprocess.DEVNULL)
            holders.callback(holder.wait)
            holders.callback(holder.kill)
            pids[frr] = holder.pid
        time.sleep(0.5)
        made = ["ip", "link", "add", VNET, "netns", str(pids[host]), "type", "veth", "peer", "name", "eth0"]
        subprocess.run([*made, "netns", str(pids[guest])], check=True)
        for frr, address in ((host, GATEWAY), (guest, GUEST)):
            frr.run(["sysctl", "-qw", f"net.ipv6.conf.{names[frr]}.accept_dad=0"])
            frr.run(["ip", "address", "add", f"{address}/64", "dev", names[frr]])
            frr.run(["ip", "link", "set", names[frr], "up"])
        yield


def _advertisements(stanza: str, root: Path) -> list[str]:
    """Return what `tcpdump` shows of the advertisements that the host sends once the session is up."""
    with (
        ScratchFrr(root, hostname="host", daemons=("bgpd",)) as host,
        ScratchFrr(root, hostname="guest", daemons=("bgpd",)) as guest,
    ):
        host.load(_speaker("10.0.0.1", 65101, GUEST, 65201, stanza))
        guest.load(_speaker("10.0.0.2", 65201, GATEWAY, 65101, ""))
        with _cable(host, guest):
            words = [
                "timeout",
                str(_CAPTURE_S),
                "tcpdump",
                "-vv",
                "-n",
                "-Q",
                "out",
                "-i",
                VNET,
                "icmp6 and ip6[40] == 134",
            ]
            captured = host.run(words, timeout_s=_CAPTURE_S + 30).out
            assert '"state":"Established"' in host.vtysh("show bgp ipv6 summary json").replace(" ", "")
    return [block for block in captured.split(" IP6 ") if "router advertisement" in block]


@pytest.mark.parametrize("version", ["10.3", "10.7"])
def test_what_frr_advertises_to_guests_offers_nothing(version: str, frr_root: Callable[[str], Path]) -> None:
    sent = _advertisements(_stanza(), frr_root(version))
    assert sent, "the session made FRR advertise nothing: is the stanza still needed?"
    for advertisement in sent:
        assert "router lifetime 0s" in advertisement
        assert "2a01:b000:1046:10::/64, Flags [none]" in advertisement


def test_without_the_stanza_guests_would_take_addresses_and_a_default(frr_root: Callable[[str], Path]) -> None:
    sent = _advertisements("", frr_root("10.3"))
    assert any("Flags [onlink, auto]" in block and "router lifetime 30s" in block for block in sent)
