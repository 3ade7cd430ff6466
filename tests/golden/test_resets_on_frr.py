"""Which change of a session resets it: tried on real FRR, one session for each attribute, all in one reload.

What is expected is what ``trellis diff`` tells people (``trellis.diff.resets``).  The lines are in the form in which a
host's are rendered, and `frr-reload.py` brings them, as it does on a host.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.golden.cabled import eventually, run, shown
from trellis.diff.model import Value
from trellis.diff.resets import EFFECTS, Effect, effect
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

SETTLED_S = 3.0
"""Seconds after which a session that is reset has been: BFD needs 1.5 s, all else none."""

FAMILIES = ("ipv4 unicast", "ipv6 unicast")


@dataclass(frozen=True)
class Trial:
    """One attribute of one session, as it was and as it will be.

    Attributes:
        before: Lines of the router; ``{a}`` is the neighbour's address, ``{g}`` its peer-group.
        in_family: The same, of both unicast families.
        internal: Whether the peer is of the same AS.
        peer: What the other side has for it.
    """

    attribute: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    in_family: tuple[str, ...] = ()
    in_family_after: tuple[str, ...] = ()
    internal: bool = False
    peer: tuple[str, ...] = ()


def of_family(attribute: str, before: str | None, after: str | None, *, internal: bool = False) -> Trial:
    """Return a trial of a line of an address family."""
    lines = (tuple(filter(None, (line,))) for line in (before, after))
    return Trial(attribute, (), (), *lines, internal=internal)


SOURCE = "neighbor {a} update-source {s}"
MULTIHOP, SIGNED, BFD = ("ebgp-multihop 5",), ("password secret",), ("bfd", "ebgp-multihop 5")
FAR = "neighbor {a} ebgp-multihop 5"
"""For BFD, which of several sessions on one link takes none for its own but by their addresses, as with edges."""
WITH_OTHER_BFD = (FAR, "neighbor {g} bfd", "neighbor {g} bfd profile changed")
WITH_BFD = (FAR, "neighbor {g} bfd", "neighbor {g} bfd profile fast")

TRIALS = (
    Trial("description", ("neighbor {a} description one",), ("neighbor {a} description two",)),
    Trial("connect timer", ("neighbor {a} timers connect 2",), ("neighbor {a} timers connect 5",)),
    Trial("multihop", ("neighbor {a} ebgp-multihop 5",), ("neighbor {a} ebgp-multihop 9",), peer=MULTIHOP),
    Trial("update source", (SOURCE,), ("neighbor {a} update-source {o}",)),
    Trial("MD5 (on)", (), ("neighbor {a} password secret",)),
    Trial("MD5 (on, of the group)", (), ("neighbor {g} password secret",)),
    Trial("MD5 (off)", ("neighbor {g} password secret",), (), peer=SIGNED),
    Trial("MD5 (another)", ("neighbor {g} password secret",), ("neighbor {g} password other",), peer=SIGNED),
    Trial("BFD (off)", WITH_BFD, (FAR,), peer=BFD),
    Trial("BFD (on)", (FAR,), WITH_BFD, peer=MULTIHOP),  # with BFD, FRR 10.3 may wait for ever for one without
    Trial("BFD (other times)", WITH_OTHER_BFD, WITH_OTHER_BFD, peer=BFD),
    Trial("BFD (another profile)", WITH_OTHER_BFD, WITH_BFD, peer=BFD),
    Trial("passive (off)", ("neighbor {g} passive",), ()),
    Trial("passive (on)", (), ("neighbor {g} passive",)),
    Trial("extended next hop (off)", ("neighbor {g} capability extended-nexthop",), ()),
    Trial("extended next hop (on)", (), ("neighbor {g} capability extended-nexthop",)),
    Trial("graceful restart (allowed)", ("neighbor {a} graceful-restart-disable",), ()),
    Trial("graceful restart (refused)", (), ("neighbor {a} graceful-restart-disable",)),
    Trial("remote AS", ("neighbor {a} remote-as 65001",), ("neighbor {a} remote-as 65009",)),
    Trial("peer-group"),
    of_family("most prefixes", "neighbor {a} maximum-prefix 10 restart 5", "neighbor {a} maximum-prefix 20 restart 5"),
    of_family("penalty", "neighbor {a} maximum-prefix 10 restart 5", "neighbor {a} maximum-prefix 10 restart 9"),
    of_family("filter in", "neighbor {a} route-map ALL in", "neighbor {a} route-map SOME in"),
    of_family("filter out", "neighbor {a} route-map ALL out", "neighbor {a} route-map SOME out"),
    of_family("AS paths in", "neighbor {a} filter-list ANY in", "neighbor {a} filter-list ONE in"),
    of_family("next hop self (on)", None, "neighbor {a} next-hop-self"),
    of_family("next hop self (off)", "neighbor {a} next-hop-self", None),
    of_family("soft reconfiguration (on)", None, "neighbor {a} soft-reconfiguration inbound"),
    of_family("soft reconfiguration (off)", "neighbor {a} soft-reconfiguration inbound", None),
    of_family("route reflector client (on)", None, "neighbor {a} route-reflector-client", internal=True),
    of_family("route reflector client (off)", "neighbor {a} route-reflector-client", None, internal=True),
    Trial("l2vpn evpn", internal=True),
    Trial("ipv4 unicast"),
)


@dataclass(frozen=True)
class Ends:
    """Two FRRs with a cable, and a session for each trial."""

    gateway: ScratchFrr
    peer: ScratchFrr
    seen: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def resets(self) -> set[str]:
        """Return the sessions that were up when this was asked last and have been reset since then."""
        time.sleep(SETTLED_S)
        now = self.sessions()
        reset = {name for name, state in self.seen.items() if state[0] == "Established" and now[name] != state}
        self.seen.update(now)
        return reset

    def sessions(self) -> dict[str, tuple[Any, ...]]:
        """Return what the gateway says of each session by its attribute."""
        known = shown(self.gateway, "show bgp neighbors json")
        keys = "bgpState", "connectionsEstablished", "connectionsDropped"
        return {
            trial.attribute: tuple(known.get(theirs(number), {}).get(key) for key in keys)
            for number, trial in enumerate(TRIALS)
        }

    def all_up(self) -> bool:
        """Whether every session is established."""
        return all(state[0] == "Established" for state in self.sessions().values())


def ours(number: int) -> str:
    return f"fd00::1:{number + 1:x}"


def theirs(number: int) -> str:
    return f"fd00::2:{number + 1:x}"


def other(number: int) -> str:
    return f"fd00::3:{number + 1:x}"


def gateway_text(*, after: bool, timers: str = "10 30", router_id: str = "10.0.0.1", asn: int = 65000) -> str:
    """Return the gateway's configuration, before all changes or after them."""
    lines = [
        "frr defaults datacenter",
        "hostname gateway",
        "bfd",
        " profile changed",
        "  passive-mode",
        *(["  transmit-interval 400", "  receive-interval 400"] if after else []),
        " exit",
        " profile fast",
        "  passive-mode",
        "  transmit-interval 500",
        "  receive-interval 500",
        " exit",
        "exit",
        f"router bgp {asn}",
        f" bgp router-id {router_id}",
        " bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
        f" timers bgp {timers}",
    ]
    for number, trial in enumerate(TRIALS):
        own = trial.after if after else trial.before
        groups = ("g{0}", "h{0}") if trial.attribute == "peer-group" else ("g{0}",)
        lines += [f" neighbor {group.format(number)} peer-group" for group in groups]
        chosen = (groups[-1] if after else groups[0]).format(number)
        if not any("remote-as" in line for line in own):
            lines.append(f" neighbor {theirs(number)} remote-as {65000 if trial.internal else 65001}")
        lines += _filled(number, [line for line in own if "remote-as" in line], " ")
        lines.append(f" neighbor {theirs(number)} peer-group {chosen}")
        own = tuple(line for line in own if "remote-as" not in line)
        if not any("update-source" in line for line in own):
            own = (*own, SOURCE)
        lines += _filled(number, own, " ")
    for family in (*FAMILIES, "l2vpn evpn"):
        lines += [f" address-family {family}", *_in_family(family, after=after), " exit-address-family"]
    lines += ["exit", "bgp as-path access-list ANY seq 5 permit .*", "bgp as-path access-list ONE seq 5 permit ^65001$"]
    lines += ["route-map ALL permit 1", "exit", "route-map SOME permit 1", " match metric 7", "exit"]
    return "\n".join((*lines, ""))


def _in_family(family: str, *, after: bool) -> Iterator[str]:
    for number, trial in enumerate(TRIALS):
        if family == "l2vpn evpn":
            active = trial.attribute == family and after
        else:
            active = not (trial.attribute == family and after)
        if active:
            yield f"  neighbor {theirs(number)} activate"
        if active and family != "l2vpn evpn":
            given = trial.in_family_after if after else trial.in_family
            filters = [f"neighbor {{a}} route-map ALL {way}" for way in ("in", "out")]
            replaced = {line.split()[-1] for line in given if "route-map" in line}
            kept = [line for line in filters if line.split()[-1] not in replaced]
            yield from _filled(number, (*given, *kept), "  ")


def _filled(number: int, lines: tuple[str, ...] | list[str], indent: str) -> list[str]:
    names = {"a": theirs(number), "g": f"g{number}", "s": ours(number), "o": other(number)}
    return [indent + line.format(**names) for line in lines]


def peer_text() -> str:
    """Return the peer's configuration: it has none of the capabilities by which two FRRs could agree on a change."""
    lines = ["frr defaults traditional", "hostname peer", "router bgp 65001", " bgp router-id 10.0.0.2"]
    lines += [" no bgp ebgp-requires-policy", " no bgp default ipv4-unicast"]
    for number, trial in enumerate(TRIALS):
        peer = f" neighbor {ours(number)}"
        lines.append(f"{peer} remote-as 65000")
        if trial.internal:
            lines.append(f"{peer} local-as 65000 no-prepend replace-as")
        own = ("timers connect 1", f"update-source {theirs(number)}", "capability extended-nexthop", *trial.peer)
        lines += [f"{peer} {line}" for line in own]
    for family in FAMILIES:
        lines += [f" address-family {family}"]
        lines += [f"  neighbor {ours(number)} activate" for number in range(len(TRIALS))]
        lines += [" exit-address-family"]
    return "\n".join((*lines, "exit", ""))


@pytest.fixture(scope="module", params=["10.3", "10.7"])
def ends(request: pytest.FixtureRequest, frr_root: Callable[[str], Path]) -> Iterator[Ends]:
    """Yield both ends with every session established."""
    root = frr_root(request.param)
    daemons = ("bgpd", "bfdd")
    with (
        ScratchFrr(root, hostname="gateway", daemons=daemons) as gateway,
        ScratchFrr(root, hostname="peer", daemons=daemons) as peer,
    ):
        made = ["ip", "link", "add", "eth0", "netns", str(gateway.pid), "type", "veth", "peer", "name", "eth0"]
        subprocess.run([*made, "netns", str(peer.pid)], check=True)
        for end, addresses in ((gateway, (ours, other)), (peer, (theirs,))):
            run(end, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
            run(end, "ip", "link", "set", "eth0", "up")
            for number in range(len(TRIALS)):
                for address in addresses:
                    run(end, "ip", "address", "add", f"{address(number)}/64", "dev", "eth0", "nodad")
        for end, text in ((gateway, gateway_text(after=False)), (peer, peer_text())):
            loaded = end.load(text)
            assert loaded.status == 0, loaded.text
        found = Ends(gateway, peer)
        eventually(found.all_up, "all sessions are up", within_s=60)
        assert found.resets() == set()
        yield found


def test_a_session_resets_exactly_where_people_are_told_so(ends: Ends) -> None:
    ends.gateway.reload(gateway_text(after=False, timers="1 3"))
    assert ends.resets() == set()
    assert EFFECTS["keepalive and hold time"] is Effect.KEEPS
    ends.gateway.reload(gateway_text(after=True, timers="1 3"))
    reset, told = ends.resets(), {trial.attribute for trial in TRIALS if _is_told(trial)}
    assert (sorted(reset - told), sorted(told - reset)) == ([], [])
    for attribute, changed in (("router id", {"router_id": "10.0.0.9"}), ("local AS", {"asn": 65099})):
        up = {name for name, state in ends.seen.items() if state[0] == "Established"}
        ends.gateway.reload(gateway_text(after=True, timers="1 3", **changed))  # type: ignore[arg-type]
        assert up
        assert ends.resets() == up
        assert EFFECTS[attribute] is Effect.RESETS


def _is_told(trial: Trial) -> bool:
    """Whether people are told that what a trial changes resets its session."""
    name, _, how = trial.attribute.partition(" (")
    return effect(Value(name, "", "off" if how == "off)" and name == "BFD" else "")) is Effect.RESETS


def test_every_attribute_that_is_told_of_is_tried() -> None:
    tried = {trial.attribute.partition(" (")[0] for trial in TRIALS}
    of_the_router = {"keepalive and hold time", "router id", "local AS"}
    assert EFFECTS.keys() - tried == of_the_router | {"ipv6 unicast"}, "which is as the other family"
