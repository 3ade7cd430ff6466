"""What an edge's table lets pass: guests of the fabric on one side, all else on the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest

from tests.firewall.namespaces import Namespace, address, cable, forward, together
from tests.sites import plan_of
from trellis.render.edge import edge_filter

FAMILIES = ("IPv4", "IPv6")
EDGE = {"IPv4": "10.255.0.253", "IPv6": "fd00:0:0:ffff::fffd"}
API = {"IPv4": "10.10.0.200", "IPv6": "fd00:10::200"}
WORLD = {"IPv4": "198.51.100.7", "IPv6": "2001:db8::7"}
APPS, BACKUP, GUESTS, REPLICA = 101, 102, 103, 112


def of(number: int, family: str) -> str:
    return f"10.{number}.0.6" if family == "IPv4" else f"fd00:{number}::6"


@pytest.fixture(scope="module")
def ends(nft: None) -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    """Yield the edge, what has zone ``apps``, and what has all other zones, the infrastructure and the world."""
    with ExitStack() as stack:
        edge, apps, rest = (stack.enter_context(closing(Namespace(name))) for name in ("edge", "apps", "rest"))
        forward(edge)
        for number, end, numbers in ((1, apps, [APPS]), (2, rest, [BACKUP, GUESTS, REPLICA])):
            cable(edge, f"port{number}", end, "eth0")
            address(edge, f"port{number}", f"192.0.2.{8 * number}/31", f"2001:db8:{number}::1/64")
            address(end, "eth0", f"192.0.2.{8 * number + 1}/31", f"2001:db8:{number}::2/64")
            end.run(f"ip route add default via 192.0.2.{8 * number}")
            end.run(f"ip -6 route add default via 2001:db8:{number}::1")
            addresses = [of(zone, family) for zone in numbers for family in FAMILIES]
            addresses += [*API.values(), *WORLD.values()] if end is rest else []
            for found in addresses:
                length = 128 if ":" in found else 32
                address(end, "lo", f"{found}/{length}")
                via = f"2001:db8:{number}::2" if ":" in found else f"192.0.2.{8 * number + 1}"
                edge.run(f"ip route add {found}/{length} via {via}")
        address(edge, "lo", f"{EDGE['IPv4']}/32", f"{EDGE['IPv6']}/128")
        for server in (edge, apps, rest):
            for port in (22, 123, 8006):
                server.listen(port)
        planned = plan_of("leaks")
        edge.run("nft -f -", edge_filter(planned, planned.edges[1]))
        yield edge, apps, rest


@pytest.mark.parametrize("family", FAMILIES)
class TestEdge:
    def test_zones_do_not_meet_on_it(self, ends: tuple[Namespace, Namespace, Namespace], family: str) -> None:
        _, apps, rest = ends
        mine = of(APPS, family)
        assert together(
            partial(apps.connects, of(GUESTS, family), 22, mine),
            partial(apps.connects, of(REPLICA, family), 22, mine),
            partial(rest.connects, mine, 22, of(GUESTS, family)),
            partial(rest.connects, mine, 22, of(REPLICA, family)),
        ) == {False}

    def test_a_leak_passes_both_ways(self, ends: tuple[Namespace, Namespace, Namespace], family: str) -> None:
        _, apps, rest = ends
        assert apps.connects(of(BACKUP, family), 22, of(APPS, family))
        assert rest.connects(of(APPS, family), 22, of(BACKUP, family))

    def test_the_infrastructure_is_reached_by_services_alone(
        self, ends: tuple[Namespace, Namespace, Namespace], family: str
    ) -> None:
        _, apps, _ = ends
        mine = of(APPS, family)
        assert apps.connects(API[family], 8006, mine)
        assert together(
            partial(apps.connects, API[family], 22, mine), partial(apps.connects, EDGE[family], 22, mine)
        ) == {False}

    def test_guests_answer_the_infrastructure(self, ends: tuple[Namespace, Namespace, Namespace], family: str) -> None:
        edge, _, rest = ends
        assert rest.connects(of(APPS, family), 22, API[family])
        assert edge.connects(of(APPS, family), 22, EDGE[family])

    def test_the_rest_of_the_world_is_open(self, ends: tuple[Namespace, Namespace, Namespace], family: str) -> None:
        _, apps, rest = ends
        assert apps.connects(WORLD[family], 22, of(APPS, family))
        assert rest.connects(of(APPS, family), 22, WORLD[family])
