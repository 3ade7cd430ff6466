"""The guests of a lab: a namespace inside their host's kernel, plugged into their VNet's bridge, with a speaker.

A guest comes and goes as Proxmox would start and stop a VM: its tap appears on the bridge with the guest's MAC.
Its speaker is FRR with the seed's configuration, mended by what was measured: `update-source` is the primary
address, `timers connect 1`, BFD or graceful restart as the guest declares.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from trellis.site import AttachedGuest, Site


def vm_number(guest: AttachedGuest) -> int:
    """The VM's number in the lab's Proxmox: the site's, else the last nine digits of its ASN (100-999999999)."""
    return guest.vmid if guest.vmid is not None else guest.asn % 1_000_000_000


def speaker_config(site: Site, guest: AttachedGuest) -> str:
    """The frr.conf of a guest's speaker.

    Args:
        site: The site.
        guest: The guest.
    """
    header = ("frr defaults datacenter", f"hostname {guest.name}", "service integrated-vtysh-config")
    return "\n".join((*header, *_filters(site, guest), *_bfd(site, guest), *_bgp(site, guest), ""))


def _filters(site: Site, guest: AttachedGuest) -> Iterator[str]:
    """In: the default, and the tenant's loopbacks where the site exports them.  Out: the guest's own prefixes."""
    pools = site.tenants[guest.tenant].loopbacks
    yield "ip prefix-list IMPORT seq 5 permit 0.0.0.0/0"
    yield "ipv6 prefix-list IMPORT seq 5 permit ::/0"
    if site.tenants[guest.tenant].guest_bgp.export_peer_loopbacks and pools is not None:
        yield f"ipv6 prefix-list IMPORT seq 10 permit {pools.ipv6} ge 128"
        if pools.ipv4 is not None:
            yield f"ip prefix-list IMPORT seq 10 permit {pools.ipv4} ge 32"
    for number, prefix in enumerate((*guest.loopbacks, *guest.extra, *guest.pods), start=1):
        keyword = "ip" if isinstance(prefix, IPv4Network) else "ipv6"
        yield f"{keyword} prefix-list OWN seq {5 * number} permit {prefix}"
    for name, listed in (("IMPORT-DEFAULT", "IMPORT"), ("ADVERTISE-OWN", "OWN")):
        for seq, keyword in ((10, "ip"), (20, "ipv6")):
            yield from (f"route-map {name} permit {seq}", f" match {keyword} address prefix-list {listed}", "exit")


def _bfd(site: Site, guest: AttachedGuest) -> Iterator[str]:
    if guest.resilience == "fast_failure":
        timers = site.fabric.guest_bfd
        yield from ("bfd", " profile gateway", f"  detect-multiplier {timers.multiplier}")
        yield from (f"  transmit-interval {timers.interval_ms}", f"  receive-interval {timers.interval_ms}")
        yield from (" exit", "exit")


def _bgp(site: Site, guest: AttachedGuest) -> Iterator[str]:
    gateway = site.vnets[guest.vnet].subnets.ipv6.gateway
    yield from (f"router bgp {guest.asn}", f" bgp router-id {guest.router_id}")
    yield from (" no bgp default ipv4-unicast", " no bgp network import-check")
    if guest.resilience == "restart":
        yield from (" bgp graceful-restart", " bgp graceful-restart restart-time 30")
    yield f" timers bgp {site.fabric.keepalive_s} {site.fabric.hold_time_s}"
    yield f" neighbor {gateway} remote-as {site.fabric.asn}"
    yield f" neighbor {gateway} description PVE anycast gateway"
    if guest.resilience == "fast_failure":
        yield from (f" neighbor {gateway} bfd", f" neighbor {gateway} bfd profile gateway")
    yield f" neighbor {gateway} update-source {guest.ipv6}"
    yield f" neighbor {gateway} timers connect 1"
    yield f" neighbor {gateway} capability extended-nexthop"
    for version, family in ((4, "ipv4"), (6, "ipv6")):
        yield from (f" address-family {family} unicast", "  redistribute connected route-map ADVERTISE-OWN")
        yield from (f"  network {prefix}" for prefix in guest.pods if prefix.version == version)
        yield f"  neighbor {gateway} activate"
        yield f"  neighbor {gateway} route-map IMPORT-DEFAULT in"
        yield f"  neighbor {gateway} route-map ADVERTISE-OWN out"
        yield " exit-address-family"
    yield "exit"


def prepare_script(site: Site, guest: AttachedGuest) -> str:
    """A shell script that makes a guest on a host and starts its speaker, its network card still without a link.

    Its tap is on the VNet's bridge from the beginning, as Proxmox has it: zebra (10.3) drops what the bridge learns on
    a port that it has not heard of yet, and never hears of that MAC again.

    Args:
        site: The site.
        guest: The guest.
    """
    name = guest.name
    mtu = site.zones[guest.zone].mtu
    daemons = ["mgmtd", "zebra", "bgpd", *(["bfdd"] if guest.resilience == "fast_failure" else [])]
    batch = "\n".join(("link set dev lo up", *_addresses(site, guest), *_discards(guest)))
    return f"""
set -e
ip netns add {name}
ip link add dev {_tap(guest)} mtu {mtu} type veth peer name eth0 mtu {mtu} address {guest.mac} netns {name}
ip link set dev {_tap(guest)} master {guest.vnet} up
ip netns exec {name} sysctl -qw {" ".join(_SETTINGS)}
ip -n {name} -batch - <<'END'
{batch}
END
mkdir -p /etc/frr/{name} /run/frr/{name}
cat > /etc/frr/{name}/frr.conf <<'END'
{speaker_config(site, guest)}END
touch /etc/frr/{name}/vtysh.conf
chown -R frr:frr /etc/frr/{name} /run/frr/{name}
log=/run/frr/{name}/start.log
ip netns exec {name} nice -n {_NICENESS} unshare --uts sh -s > $log 2>&1 <<'END' || {{ cat $log >&2; exit 1; }}
set -e
hostname {name}
for daemon in {" ".join(daemons)}; do /usr/lib/frr/$daemon -d -N {name} -A 127.0.0.1 </dev/null; done
vtysh -N {name} -b </dev/null
END
ip netns pids {name} | xargs renice -n {_EQUALS} -p > /dev/null
"""


def plug_script(site: Site, guest: AttachedGuest) -> str:
    """A shell script that gives a prepared guest's network card its link.

    The guest asks for its gateway at once, by both families: so its host learns where it is now, and tells the
    others by EVPN, before anybody has to look for it.
    """
    subnets = site.vnets[guest.vnet].subnets
    gateways = [subnets.ipv6.gateway, *([subnets.ipv4.gateway] if guest.ipv4 and subnets.ipv4 else [])]
    asking = "\n".join(
        f"ip netns exec {guest.name} ping -q -c 1 -W 1 {gateway} </dev/null >/dev/null 2>&1 &" for gateway in gateways
    )
    return f"""
set -e
ip -n {guest.name} link set dev eth0 up
{asking}
"""


def stop_script(name: str) -> str:
    """A shell script that ends a guest at once, as a power cut of the VM; nothing to do if it does not run.

    Args:
        name: The guest's; its tap goes with its network card.
    """
    return f"""
if [ -e /run/netns/{name} ]; then
  ip -n {name} link delete dev eth0 2>/dev/null || true
  ip netns pids {name} | xargs -r kill -9
  ip netns delete {name}
fi
rm -rf /run/frr/{name} /etc/frr/{name}
"""


# A router of its own pods, whose addresses are valid at once.
_SETTINGS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
    "net.ipv6.conf.eth0.accept_ra=0",
    "net.ipv6.conf.eth0.accept_dad=0",
)


_NICENESS = 5
"""A host's FRR runs at -5 (Debian's unit): starting guests beside it must not starve its BFD of the one processor."""
_EQUALS = -5
"""Once started they are as the host's: a guest has processors of its own, and BFD gives it less than a second."""


def _tap(guest: AttachedGuest) -> str:
    """The host's end of the guest's network card, named as Proxmox does."""
    return f"tap{vm_number(guest)}i{guest.nic}"


def _addresses(site: Site, guest: AttachedGuest) -> Iterator[str]:
    subnets = site.vnets[guest.vnet].subnets
    yield f"address add {guest.ipv6}/{subnets.ipv6.prefix.prefixlen} dev eth0 nodad"
    if guest.ipv4 is not None and subnets.ipv4 is not None:
        yield f"address add {guest.ipv4}/{subnets.ipv4.prefix.prefixlen} dev eth0"
    for prefix in (*guest.loopbacks, *guest.extra):
        yield f"address add {prefix} dev lo"
    for prefix in guest.pods:  # the first address of a node's pods stands for a pod
        yield f"address add {prefix[1] if prefix.num_addresses > 1 else prefix[0]} dev lo"


def _discards(guest: AttachedGuest) -> Iterator[str]:
    """A pod that is not there is nowhere: without these routes packets for it would circle by the default."""
    for prefix in guest.pods:
        if prefix.num_addresses > 1:
            yield f"route add blackhole {prefix}"
