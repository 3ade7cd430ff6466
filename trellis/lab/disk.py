"""What lies on a host's disk before its first boot: a layer of files over the shared root.

Names and addresses of its interfaces, keys, the units that set them up, and the lab's own way in. What the
program later writes there, and what Proxmox generates, is none of this module's business.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from trellis.lab.topology import FileSpec, MachineSpec, Topology

BOOTED_MARK: Final = "var/lib/trellis-lab/booted"
"""The file that a host makes when its boot is complete; the lab takes it away before each start."""

ACCESS_INTERFACE: Final = "vec0"
"""The kernel's first interface is the lab's own way in; those of the topology come after it."""

LAB_NAMESPACE: Final = "lab"
"""The namespace on a host that holds the lab's way in, out of sight of its routing."""

_MODULES: Final = ("8021q", "bridge", "dummy", "nf_tables", "veth", "vrf", "vxlan")

_NETWORK_UNIT: Final = """\
[Unit]
Description=Interfaces of the lab: names, addresses, loopbacks
DefaultDependencies=no
After=systemd-modules-load.service systemd-sysctl.service
Before=network-pre.target sysinit.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/ip -batch /etc/trellis-lab/network
ExecStart=/usr/sbin/ip -n lab -batch /etc/trellis-lab/access

[Install]
WantedBy=sysinit.target
"""

# The lab watches and breaks hosts: its way in must outlive their routing, firewall and sshd. So it is an
# sshd of its own in a namespace of its own, whose sessions step back into the host's namespace.
_ACCESS_UNIT: Final = """\
[Unit]
Description=The lab's own way in
After=lab-network.service

[Service]
ExecStart=/usr/sbin/sshd -D -f /etc/trellis-lab/sshd_config
NetworkNamespacePath=/run/netns/lab
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
KillMode=process
Restart=always

[Install]
WantedBy=multi-user.target
"""

_ACCESS_SSHD: Final = """\
HostKey /etc/trellis-lab/host_key
AuthorizedKeysFile /etc/trellis-lab/authorized_keys
ForceCommand /etc/trellis-lab/enter
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PerSourcePenalties no
UsePAM no
StrictModes no
MaxSessions 200
MaxStartups 200
LogLevel ERROR
PidFile none
"""

_ACCESS_ENTER: Final = """\
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -n "$SSH_ORIGINAL_COMMAND" ]; then
    exec nsenter --net=/proc/1/ns/net sh -c "$SSH_ORIGINAL_COMMAND"
fi
exec nsenter --net=/proc/1/ns/net bash --login
"""

_READY_UNIT: Final = """\
[Unit]
Description=Tell the lab that the boot is complete, until the next shutdown
After=frr.service ssh.service lab-access.service {after}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/touch /{mark}
ExecStop=/usr/bin/rm --force /{mark}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The keys that a host's disk holds.

    Args:
        host_private: The host's own ed25519 key, in OpenSSH's format.
        host_public: Its public half: `ssh-ed25519 AAAA...`.
        lab_public: The public key that the lab logs in with.
    """

    host_private: str
    host_public: str
    lab_public: str


def files_of(machine: MachineSpec, topology: Topology, keys: HostKeys, access_address: str) -> tuple[FileSpec, ...]:
    """Every file of a host's layer.

    Args:
        machine: The host.
        topology: The lab it belongs to: /etc/hosts names its other machines.
        keys: Host key and the keys that may log in.
        access_address: Address of the lab's own way in, in CIDR notation.

    Returns:
        The files, those of the machine's own spec last.
    """
    identity = hashlib.sha256(f"{topology.name}/{machine.name}".encode()).hexdigest()[:32]
    return (
        FileSpec("/etc/hostname", f"{machine.name}\n"),
        FileSpec("/etc/machine-id", f"{identity}\n", 0o444),
        FileSpec("/etc/hosts", _hosts(topology)),
        FileSpec("/etc/modules-load.d/lab.conf", "\n".join(_MODULES) + "\n"),
        FileSpec("/etc/systemd/system.conf.d/lab.conf", "[Manager]\nDefaultTimeoutStopSec=5s\n"),
        FileSpec("/etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=persistent\nSystemMaxUse=64M\n"),
        # sshd's folder under /run must outlive ssh.service, for the lab's sshd needs it too.
        FileSpec("/etc/systemd/system/ssh.service.d/lab.conf", "[Service]\nRuntimeDirectoryPreserve=yes\n"),
        # An empty file switches a generator off: this one looks for a hypervisor's socket, in vain and aloud.
        FileSpec("/etc/systemd/system-generators/systemd-ssh-generator", ""),
        FileSpec("/etc/ssh/ssh_host_ed25519_key", keys.host_private, 0o600),
        FileSpec("/etc/ssh/ssh_host_ed25519_key.pub", f"{keys.host_public} root@{machine.name}\n"),
        FileSpec("/root/.ssh/authorized_keys", f"{keys.lab_public}\n", 0o600),
        FileSpec("/etc/frr/frr.conf", f"hostname {machine.name}\n", 0o640, "frr"),
        FileSpec("/etc/trellis-lab/network", _network_batch(machine)),
        FileSpec("/etc/trellis-lab/access", _access_batch(access_address)),
        FileSpec("/etc/trellis-lab/host_key", keys.host_private, 0o600),
        FileSpec("/etc/trellis-lab/authorized_keys", f"{keys.lab_public}\n", 0o600),
        FileSpec("/etc/trellis-lab/sshd_config", _ACCESS_SSHD),
        FileSpec("/etc/trellis-lab/enter", _ACCESS_ENTER, 0o755),
        FileSpec("/etc/systemd/system/lab-network.service", _NETWORK_UNIT),
        FileSpec("/etc/systemd/system/lab-access.service", _ACCESS_UNIT),
        FileSpec(
            "/etc/systemd/system/lab-ready.service",
            _READY_UNIT.format(after=" ".join(machine.enabled_units), mark=BOOTED_MARK),
        ),
        *machine.files,
    )


def enabled_units(machine: MachineSpec) -> tuple[tuple[str, str], ...]:
    """The units of a host's layer and the target that wants each."""
    return (
        ("lab-network.service", "sysinit.target"),
        *((unit, "multi-user.target") for unit in ("lab-access.service", "lab-ready.service")),
        *((unit, "multi-user.target") for unit in machine.enabled_units),
    )


def write_layer(layer: Path, root: Path, files: Iterable[FileSpec], units: Iterable[tuple[str, str]]) -> None:
    """Put files into a host's layer, with the owners and folder modes that its root has.

    Args:
        layer: The overlay's upper folder.
        root: The shared root below it.
        files: What to write; a later one of the same path replaces an earlier one.
        units: systemd units to enable, each with the target that wants it.
    """
    for file in files:
        target = _make_room(layer, root, file.path)
        target.write_text(file.content)
        target.chmod(file.mode)
        os.chown(target, *_owner(root, file.owner))
    for unit, wanted_by in units:
        link = _make_room(layer, root, f"/etc/systemd/system/{wanted_by}.wants/{unit}")
        link.unlink(missing_ok=True)
        link.symlink_to(f"/etc/systemd/system/{unit}")
    (layer / BOOTED_MARK).parent.mkdir(parents=True, exist_ok=True)


def _make_room(layer: Path, root: Path, path: str) -> Path:
    """The place of a file in the layer; its folders look as they do in the root, else the layer's would win."""
    for parent in reversed(PurePosixPath(path).relative_to("/").parents):
        folder, original = layer / parent, root / parent
        if folder.is_dir():
            continue
        folder.mkdir()
        if original.is_dir():
            shutil.copystat(original, folder)
            os.chown(folder, original.stat().st_uid, original.stat().st_gid)
        elif folder.name == ".ssh":
            folder.chmod(0o700)
    return layer / path.lstrip("/")


def _owner(root: Path, name: str) -> tuple[int, int]:
    for line in (root / "etc/passwd").read_text().splitlines():
        user, _, uid, gid, *_ = line.split(":")
        if user == name:
            return int(uid), int(gid)
    raise ValueError(f"the hosts' root has no user {name!r}")


def _hosts(topology: Topology) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for machine in topology.machines:
        for interface in machine.interfaces[:1]:  # the first one is the management interface
            lines += [f"{address.partition('/')[0]} {machine.name}" for address in interface.addresses]
    return "\n".join(lines) + "\n"


def _network_batch(machine: MachineSpec) -> str:
    """Lines for `ip -batch`: one process instead of thirty, each of which costs 30 ms on this kernel."""
    lines = [
        "link set dev lo up",
        f"netns add {LAB_NAMESPACE}",
        f"link set dev {ACCESS_INTERFACE} netns {LAB_NAMESPACE}",
    ]
    for number, interface in enumerate(machine.interfaces, start=1):
        lines.append(f"link set dev vec{number} name {interface.name}")
        lines += [f"address add {address} dev {interface.name}" for address in interface.addresses]
        lines.append(f"link set dev {interface.name} up")
    if machine.loopbacks:
        lines.append("link add dummy_underlay type dummy")
        lines += [f"address add {address} dev dummy_underlay" for address in machine.loopbacks]
        lines.append("link set dev dummy_underlay up")
    return "\n".join(lines) + "\n"


def _access_batch(address: str) -> str:
    return f"link set dev lo up\naddress add {address} dev {ACCESS_INTERFACE}\nlink set dev {ACCESS_INTERFACE} up\n"
