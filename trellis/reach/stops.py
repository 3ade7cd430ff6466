"""Why a packet goes no further where no packet filter stops it: in words, with what would help."""

from __future__ import annotations

from trellis.plan.model import GuestPlan, VnetPlan
from trellis.reach.fabric import Address, Fabric
from trellis.reach.packets import Packet
from trellis.reach.path import Stop


class Stops:
    """Explains.

    Args:
        fabric: The fabric, with what is down.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric

    def without_power(self, node: str, planned: GuestPlan | None = None) -> Stop:
        """Return why nothing comes from or to a router that is down, or a guest on it."""
        if planned is None:
            return Stop(node, "down", f"{node} is down")
        others = [name for name in planned.hosts if self._fabric.is_up(name)]
        remedy = f"start it on {' or '.join(others)}" if others else "no host of its placement is up"
        return Stop(node, "down", f"{planned.guest.name} is on {node}, which is down", remedy)

    def nobody(self, host: str, address: Address, vnet: VnetPlan) -> Stop:
        """Return why an address of a subnet does not answer."""
        return Stop(
            host, "no such guest", f"no guest of {vnet.name} has {address}", "declare the guest that shall have it"
        )

    def no_overlay(self, host: str, other: str) -> Stop:
        """Return why two hosts do not share a VNet."""
        why = f"{host} and {other} hear nothing of each other's EVPN routes"
        return Stop(host, "no EVPN", why, "bring up a path between them, or a route reflector that both reach")

    def unreachable(self, node: str, target: str) -> Stop:
        """Return why a next hop is out of reach."""
        if not self._fabric.is_up(target):
            return self.without_power(target)
        return Stop(node, "no path", f"no link leads from {node} to {target}")

    def circle(self, node: str, packet: Packet) -> Stop:
        """Return why a packet goes round."""
        why = f"back at {node}: a router on the way has no route of its own to {packet.target}"
        owner = self._fabric.guests_by_address.get(packet.target)
        remedy = None if owner is None else f"give {owner.guest.host} a link of its own to each edge"
        return Stop(node, "forwarding loop", why, remedy)

    def guest_without_route(self, planned: GuestPlan, packet: Packet) -> Stop:
        """Return why a guest has no route."""
        guest = planned.guest
        why = f"the guest is told no route to {packet.target}"
        edges = [edge for edge in self._fabric.edges if self._fabric.is_up(edge)]
        if not edges:
            why += ": no edge is up, and the default goes with it (R10)"
        return Stop(guest.name, "no route", why, None if edges else "bring up an edge")

    def no_route(self, node: str, zone: str | None, packet: Packet) -> Stop:
        """Return why a table has no route to a packet's target."""
        table = "the main table" if zone is None else self._fabric.zones[zone].vrf
        why = f"{table} of {node} has no route to {packet.target}"
        planned = self._fabric.guests_by_address.get(packet.target)
        if planned is not None and not self._fabric.is_up(planned.guest.host):
            return self.without_power(planned.guest.host, planned)
        if not any(self._fabric.is_up(edge) for edge in self._fabric.edges):
            return Stop(node, "no route", f"{why}: there is no edge, and no default", "bring up an edge")
        return Stop(node, "no route", f"{why}, and no default")
