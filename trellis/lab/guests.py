"""The guests of a lab: a namespace inside their host's kernel, plugged into their VNet's bridge, with a speaker.

A guest comes and goes as Proxmox would start and stop a VM: its tap appears on the bridge with the guest's MAC.
Its speaker is FRR with the seed's configuration, mended by what was measured: `update-source` is the primary
address, `timers connect 1`, BFD or graceful restart as the guest declares.
"""

from __future__ import annotations

from ipaddress import IPv4Network

from trellis.site import AttachedGuest, Site


def vm_number(guest: AttachedGuest) -> int:
    """The VM's number in the lab's Proxmox: the last nine digits of its ASN (Proxmox: 100-999999999)."""
    return guest.asn % 1_000_000_000


def speaker_config(site: Site, guest: AttachedGuest) -> str:
    """The frr.conf of a guest's speaker.

    Args:
        site: The site.
        guest: The guest.
    """
    gateway = site.vnets[guest.vnet].subnets.ipv6.gateway
    exported = site.tenants[guest.tenant].guest_bgp.export_peer_loopbacks
    pools = site.tenants[guest.tenant].loopbacks
    lines = [
        "frr defaults datacenter",
        f"hostname {guest.name}",
        "service integrated-vtysh-config",
        "!",
        "ip prefix-list IMPORT seq 5 permit 0.0.0.0/0",
        "ipv6 prefix-list IMPORT seq 5 permit ::/0",
    ]
    if exported and pools is not None:
        lines.append(f"ipv6 prefix-list IMPORT seq 10 permit {pools.ipv6} ge 128")
        lines += [f"ip prefix-list IMPORT seq 10 permit {pools.ipv4} ge 32"] if pools.ipv4 else []
    for number, prefix in enumerate((*guest.loopbacks, *guest.extra, *guest.pods), start=1):
        keyword = "ip" if isinstance(prefix, IPv4Network) else "ipv6"
        lines.append(f"{keyword} prefix-list OWN seq {5 * number} permit {prefix}")
    for name, listed in (("IMPORT-DEFAULT", "IMPORT"), ("ADVERTISE-OWN", "OWN")):
        for seq, keyword in ((10, "ip"), (20, "ipv6")):
            lines += [f"route-map {name} permit {seq}", f" match {keyword} address prefix-list {listed}", "exit"]
    fast = guest.resilience == "fast_failure"
    if fast:
        bfd = site.fabric.guest_bfd
        lines += ["bfd", " profile gateway", f"  detect-multiplier {bfd.multiplier}"]
        lines += [f"  transmit-interval {bfd.interval_ms}", f"  receive-interval {bfd.interval_ms}", " exit", "exit"]
    lines += [
        f"router bgp {guest.asn}",
        f" bgp router-id {guest.router_id}",
        " no bgp default ipv4-unicast",
        " no bgp network import-check",
        *([] if fast else [" bgp graceful-restart", " bgp graceful-restart restart-time 30"]),
        f" timers bgp {site.fabric.keepalive_s} {site.fabric.hold_time_s}",
        f" neighbor {gateway} remote-as {site.fabric.asn}",
        f" neighbor {gateway} description PVE anycast gateway",
        *([f" neighbor {gateway} bfd", f" neighbor {gateway} bfd profile gateway"] if fast else []),
        f" neighbor {gateway} update-source {guest.ipv6}",
        f" neighbor {gateway} timers connect 1",
        f" neighbor {gateway} capability extended-nexthop",
    ]
    for version, family in ((4, "ipv4"), (6, "ipv6")):
        lines += [
            f" address-family {family} unicast",
            "  redistribute connected route-map ADVERTISE-OWN",
            *(f"  network {prefix}" for prefix in guest.pods if prefix.version == version),
            f"  neighbor {gateway} activate",
            f"  neighbor {gateway} route-map IMPORT-DEFAULT in",
            f"  neighbor {gateway} route-map ADVERTISE-OWN out",
            " exit-address-family",
        ]
    return "\n".join((*lines, "exit", ""))


def start_script(site: Site, guest: AttachedGuest) -> str:
    """A shell script that makes a guest on the host where it runs, and starts its speaker."""
    name, tap = guest.name, f"tap{vm_number(guest)}i0"
    subnets = site.vnets[guest.vnet].subnets
    mtu = site.zones[guest.zone].mtu
    daemons = ["mgmtd", "zebra", "bgpd", *(["bfdd"] if guest.resilience == "fast_failure" else [])]
    own = [*guest.loopbacks, *guest.extra]
    # The first address of a node's pods stands for a pod.
    pods = [type(prefix)((int(prefix.network_address) + 1, prefix.max_prefixlen)) for prefix in guest.pods]
    addresses = [f"address add {guest.ipv6}/{subnets.ipv6.prefix.prefixlen} dev eth0 nodad"]
    if guest.ipv4 is not None and subnets.ipv4 is not None:
        addresses.append(f"address add {guest.ipv4}/{subnets.ipv4.prefix.prefixlen} dev eth0")
    addresses += [f"address add {prefix} dev lo" for prefix in (*own, *pods)]
    batch = "\n".join(("link set dev lo up", *addresses, "link set dev eth0 up"))
    return f"""
set -e
ip netns add {name}
ip link add dev {tap} mtu {mtu} type veth peer name eth0 mtu {mtu} address {guest.mac} netns {name}
ip -n {name} -batch - <<'END'
{batch}
END
ip link set dev {tap} master {guest.vnet} up
ip netns exec {name} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.accept_ra=0
mkdir -p /etc/frr/{name} /run/frr/{name}
cat > /etc/frr/{name}/frr.conf <<'END'
{speaker_config(site, guest)}END
touch /etc/frr/{name}/vtysh.conf
chown -R frr:frr /etc/frr/{name} /run/frr/{name}
for daemon in {" ".join(daemons)}; do
  ip netns exec {name} /usr/lib/frr/$daemon -d -N {name} -A 127.0.0.1 </dev/null >/dev/null 2>&1
done
vtysh -N {name} -b </dev/null >/dev/null 2>&1
"""


def stop_script(guest: AttachedGuest) -> str:
    """A shell script that ends a guest at once, as a power cut of the VM; nothing to do if it does not run."""
    return f"""
if [ -e /run/netns/{guest.name} ]; then
  ip netns pids {guest.name} | xargs -r kill -9
  ip link delete dev tap{vm_number(guest)}i0 2>/dev/null || true
  ip netns delete {guest.name}
fi
rm -rf /run/frr/{guest.name} /etc/frr/{guest.name}
"""
