"""Strangers: VMs on a VNet that the site does not know, with a port that Proxmox would name after a number of nobody.

A stranger is a network namespace on a host, as the lab's guests are, without a speaker until it attacks.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis.lab.attacks.speakers import Place
from trellis.site import Site


@dataclass(frozen=True, slots=True)
class Stranger:
    """A VM that nobody declared.

    Args:
        name: Its name, which no guest has.
        vnet: The VNet that it is plugged into.
        host: Its host.
        suffix: What its addresses end with, as a guest's do; a decimal number.
        mac: Its MAC.
        vmid: Its VM's number.
        asn: The ASN that it says to have.
    """

    name: str
    vnet: str
    host: str
    suffix: int
    mac: str
    vmid: int
    asn: int

    def place(self, site: Site) -> Place:
        """Where it speaks from, and to whom."""
        vnet = site.vnets[self.vnet]
        subnets = vnet.subnets
        assert subnets.ipv4 is not None
        ipv6 = subnets.ipv6.prefix.network_address + int(str(self.suffix), 16)
        ipv4 = subnets.ipv4.prefix.network_address + self.suffix
        return Place(
            name=self.name,
            host=self.host,
            vnet=self.vnet,
            vrf=f"vrf_{vnet.zone}",
            source=str(ipv6),
            ipv4=str(ipv4),
            mac=self.mac,
            port=f"tap{self.vmid}i0",
            asn=self.asn,
            router_id=str(ipv4),
            gateway=str(subnets.ipv6.gateway),
            gateway_asn=site.fabric.asn,
        )


def start_script(site: Site, stranger: Stranger) -> str:
    """A shell script that plugs a stranger in, unless it is."""
    place, mtu = stranger.place(site), site.zones[site.vnets[stranger.vnet].zone].mtu
    subnets = site.vnets[stranger.vnet].subnets
    assert subnets.ipv4 is not None
    name = stranger.name
    return f"""
set -e
[ ! -e /run/netns/{name} ] || exit 0
ip netns add {name}
ip link add dev {place.port} mtu {mtu} type veth peer name eth0 mtu {mtu} address {place.mac} netns {name}
ip link set dev {place.port} master {stranger.vnet} up
ip netns exec {name} sysctl -qw net.ipv6.conf.eth0.accept_ra=0 net.ipv6.conf.eth0.accept_dad=0
ip -n {name} -batch - <<'END'
link set dev lo up
address add {place.source}/{subnets.ipv6.prefix.prefixlen} dev eth0 nodad
address add {place.ipv4}/{subnets.ipv4.prefix.prefixlen} dev eth0
END
sleep 1
ip -n {name} link set dev eth0 up
ip -n {name} -6 route add default via {place.gateway}
ip -n {name} route add default via {subnets.ipv4.gateway}
"""
