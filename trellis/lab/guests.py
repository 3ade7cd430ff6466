"""The guests of a lab: a namespace inside their host's kernel, plugged into their VNet's bridge, with a speaker.

A guest comes and goes as Proxmox would start and stop a VM: its tap appears on the bridge with the guest's MAC.
What it has inside, it boots from the texts that the program exports (``trellis.lab.boot``); its pods alone, which a
cluster would start, are made here.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.lab import boot as boots
from trellis.lab.boot import Boot
from trellis.site import AttachedGuest


def vm_number(guest: AttachedGuest) -> int:
    """The VM's number in the lab's Proxmox: the site's, else the last nine digits of its ASN (100-999999999)."""
    return guest.vmid if guest.vmid is not None else guest.asn % 1_000_000_000


def prepare_script(guest: AttachedGuest, boot: Boot, mtu: int, *, speaks: bool = True) -> str:
    """A shell script that makes a guest on a host and starts its speaker, its network card still without a link.

    Its tap is on the VNet's bridge from the beginning, as Proxmox has it: zebra (10.3) drops what the bridge learns on
    a port that it has not heard of yet, and never hears of that MAC again.

    Args:
        guest: The guest.
        boot: What it boots with.
        mtu: Its VNet's, in bytes.
        speaks: Whether its speaker starts.
    """
    name, card = guest.name, boot.card.name
    batch = "\n".join((*boots.commands(boot), *_pods(guest)))
    heard = _HEARD if boot.card.slaac else ("accept_ra=0",)
    settings = (*_SETTINGS, *(f"net.ipv6.conf.{card}.{key}" for key in (*heard, "accept_dad=0")))
    return f"""
set -e
ip netns add {name}
ip link add dev {_tap(guest)} mtu {mtu} type veth peer name {card} mtu {mtu} address {guest.mac} netns {name}
ip link set dev {_tap(guest)} master {guest.vnet} up
ip netns exec {name} sysctl -qw {" ".join(settings)}
ip -n {name} -batch - <<'END'
{batch}
END
{_START[boot.speaker](boot) if speaks else ""}
{equal_to_hosts_script(name)}
"""


def equal_to_hosts_script(namespace: str) -> str:
    """A shell script that gives what runs in a namespace the niceness of a host's FRR, each of its threads.

    BIRD's BFD and bgpd's sockets are threads of their own, and renice(1) changes the one that it is told.  A process
    comes before its threads: those that it starts meanwhile have its niceness.

    Args:
        namespace: A guest's.
    """
    renice = f"renice -n {_EQUALS} -p $task > /dev/null || [ ! -e /proc/$task ]"
    return f"""\
tasks=$(ip netns pids {namespace})
for task in $tasks; do {renice}; done
for task in $(for pid in $tasks; do ls /proc/$pid/task; done); do {renice}; done"""


def _start_frr(boot: Boot) -> str:
    """FRR as the host's package brings it, under the guest's name; its folders are the name's."""
    name = boot.hostname
    daemons = ["mgmtd", "zebra", "staticd", "bgpd", *(["bfdd"] if "\nbfd\n" in boot.config else [])]
    return f"""\
mkdir -p /etc/frr/{name} /run/frr/{name}
cat > /etc/frr/{name}/frr.conf <<'END'
{boot.config}END
touch /etc/frr/{name}/vtysh.conf
chown -R frr:frr /etc/frr/{name} /run/frr/{name}
log=/run/frr/{name}/start.log
ip netns exec {name} nice -n {_NICENESS} unshare --uts sh -s > $log 2>&1 <<'END' || {{ cat $log >&2; exit 1; }}
set -e
hostname {name}
for daemon in {" ".join(daemons)}; do /usr/lib/frr/$daemon -d -N {name} -A 127.0.0.1 </dev/null; done
vtysh -N {name} -b </dev/null
END"""


def _start_bird(boot: Boot) -> str:
    name = boot.hostname
    folder = f"/run/bird/{name}"
    return f"""\
mkdir -p {folder}
cat > {folder}/bird.conf <<'END'
{boot.config}END
ip netns exec {name} nice -n {_NICENESS} unshare --uts sh -s > {folder}/start.log 2>&1 <<'END' \
  || {{ cat {folder}/start.log >&2; exit 1; }}
set -e
hostname {name}
bird -c {folder}/bird.conf -s {folder}/bird.ctl -P {folder}/bird.pid </dev/null
END"""


_START = {"frr": _start_frr, "bird": _start_bird}


def plug_script(guest: AttachedGuest, boot: Boot, *, speaks: bool = True) -> str:
    """A shell script that gives a prepared guest's network card its link, and the routes that it boots with.

    The guest asks for its gateway at once, by both families: so its host learns where it is now, and tells the
    others by EVPN, before anybody has to look for it.

    Args:
        guest: The guest.
        boot: What it boots with.
        speaks: Whether it asks for them; one that says nothing has to be found.
    """
    gateways = [route.gateway for route in boot.card.routes if route.gateway and route.destination is None]
    asking = "\n".join(
        f"ip netns exec {guest.name} ping -q -c 1 -W 1 {gateway} </dev/null >/dev/null 2>&1 &" for gateway in gateways
    )
    batch = "\n".join(boots.routes(boot))
    return f"""
set -e
ip -n {guest.name} link set dev {boot.card.name} up
ip -n {guest.name} -batch - <<'END'
{batch}
END
{asking if speaks else ""}
"""


def stop_script(name: str) -> str:
    """A shell script that ends a guest at once, as a power cut of the VM; nothing to do if it does not run.

    Args:
        name: The guest's; its tap goes with its network card.
    """
    return f"""
if [ -e /run/netns/{name} ]; then
  for card in $(ip -n {name} -o link show type veth | cut -d: -f2 | cut -d@ -f1); do
    ip -n {name} link delete dev $card 2>/dev/null || true
  done
  ip netns pids {name} | xargs -r kill -9
  ip netns delete {name}
fi
rm -rf /run/frr/{name} /etc/frr/{name} /run/bird/{name}
"""


# A router of its own pods, whose addresses are valid at once.
_SETTINGS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
)

# Addresses of what is advertised, though it forwards; no gateway, which is its speaker's to find.
_HEARD = ("accept_ra=2", "accept_ra_defrtr=0")


_NICENESS = 5
"""A host's FRR runs at -5 (Debian's unit): starting guests beside it must not starve its BFD of the one processor."""
_EQUALS = -5
"""Once started they are as the host's: a guest has processors of its own, and BFD gives it less than a second."""


def _tap(guest: AttachedGuest) -> str:
    """The host's end of the guest's network card, named as Proxmox does."""
    return f"tap{vm_number(guest)}i{guest.nic}"


def _pods(guest: AttachedGuest) -> Iterator[str]:
    """The first address of a node's pods stands for a pod, and a service's for a service."""
    for prefix in guest.pods:
        yield f"address add {prefix[1] if prefix.num_addresses > 1 else prefix[0]} dev lo"
