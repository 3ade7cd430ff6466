"""The seed's homelab as SDN objects."""

from pathlib import Path

from trellis.pve import EvpnController, EvpnZone, Node, SdnState, Subnet, Vnet, pve_version

RELEASES = ("8.4", "9.0", "9.1", "9.2")
GOLDEN = Path(__file__).parent / "golden"


def homelab() -> SdnState:
    """Zone evpnz1 with four VNets and zone evpnz2 with one, as stack dev has them."""
    vnets = tuple(
        Vnet(
            f"vnet{tenant}",
            "evpnz1",
            10000 + tenant,
            subnets=(
                Subnet(f"10.{tenant}.0.0/24", f"10.{tenant}.0.254"),
                Subnet(f"fd00:{tenant}::/64", f"fd00:{tenant}::fffe"),
            ),
        )
        for tenant in (100, 101, 102, 103)
    )
    return SdnState(
        EvpnController("evpn", 4200001000, ("10.255.0.1", "10.255.0.2", "10.255.0.3")),
        (EvpnZone("evpnz1", 4096, "evpn", mtu=8950), EvpnZone("evpnz2", 4097, "evpn", mtu=8950)),
        (*vnets, Vnet("vnet200", "evpnz2", 10200)),
    )


def host(release: str, number: int = 1) -> Node:
    """One of pve01 to pve03."""
    addresses = (f"10.255.0.{number}", f"fd00:0:0:ffff::{number}")
    return Node(f"pve0{number}", addresses[0], addresses, pve_version(release))
