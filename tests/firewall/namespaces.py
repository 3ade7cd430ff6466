"""Network namespaces with real packets: guests, a host and an edge on this machine's own kernel.

The kernel here may have no VRF, so that a host's VNets share one table; what VRFs add is shown in the lab.  A namespace
lives as long as the process that holds it, and nothing of it is left when that ends.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

_NEW_NET = 0x40000000  # CLONE_NEWNET
_WAIT_S = 0.4
"""Seconds until a packet counts as dropped; on one machine it arrives in well under a millisecond."""

Answer = TypeVar("Answer")


def lacking() -> str:
    """Return why no namespaces with filters can be made here; empty if they can."""
    missing = [program for program in ("unshare", "nsenter", "ip", "nft", "ping") if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} missing: tools/setup.sh installs them"
    return "" if os.geteuid() == 0 else "not root"


@dataclass
class Namespace:
    """A machine: a network namespace, held by a process that does nothing else."""

    name: str
    holder: subprocess.Popen[bytes] = field(init=False)
    listening: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start the holder; it ends with its standard input, and so with us."""
        script = "echo ready; read -r _"
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.holder.stdout is not None
        assert self.holder.stdout.readline() == b"ready\n"
        # Addresses are usable at once; nobody else is there who could have them.
        self.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        self.run("ip link set lo up")

    def close(self) -> None:
        """Let go of the namespace and of all sockets in it."""
        for listening in self.listening:
            listening.close()
        self.holder.communicate(b"\n")

    def run(self, command: str, text: str | None = None) -> str:
        """Run a command in the namespace; its standard input is ``text``."""
        argv = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command.split()]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.name}: {command}: {done.stderr}"
        return done.stdout

    def inside(self, act: Callable[[], Answer]) -> Answer:
        """Return what ``act`` returns when it is done by a thread inside the namespace."""
        answers: list[Answer] = []

        def work() -> None:
            with open(f"/proc/{self.holder.pid}/ns/net", "rb") as namespace:  # noqa: PTH123 (setns wants a descriptor)
                assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NET) == 0
            answers.append(act())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert answers, f"{self.name}: it failed in the namespace"
        return answers[0]

    def listen(self, port: int) -> None:
        """Answer on a TCP port, and take datagrams on the UDP port of that number."""

        def both() -> list[socket.socket]:
            stream, datagrams = (
                socket.socket(socket.AF_INET6, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
            )
            for made in (stream, datagrams):
                made.bind(("::", port))
            stream.listen(50)
            datagrams.settimeout(_WAIT_S)
            return [stream, datagrams]

        self.listening += self.inside(both)

    def connects(self, to: str, port: int, source: str | None = None) -> bool:
        """Return whether a TCP connection comes about."""

        def attempt() -> bool:
            with closing(_socket(to, socket.SOCK_STREAM, source)) as client:
                try:
                    client.connect((to, port))
                except (TimeoutError, OSError):
                    return False
                return True

        return self.inside(attempt)

    def sends(self, to: str, port: int, server: Namespace) -> bool:
        """Return whether a datagram arrives at the UDP port of ``server``."""
        receiver = next(
            found for found in server.listening if found.type == socket.SOCK_DGRAM and found.getsockname()[1] == port
        )

        def attempt() -> None:
            with closing(_socket(to, socket.SOCK_DGRAM, None)) as client:
                client.sendto(b"?", (to, port))

        self.inside(attempt)
        try:
            return receiver.recv(10) == b"?"
        except TimeoutError:
            return False

    def pings(self, to: str) -> bool:
        """Return whether a ping is answered."""
        argv = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "ping", "-n", "-c", "1", "-W", str(_WAIT_S), to]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def advertises_itself(self, device: str) -> None:
        """Send a router advertisement to all nodes of a link, as a guest that would be everybody's router."""

        def send() -> None:
            with closing(socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)) as raw:
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
                index = socket.if_nametoindex(device)
                raw.sendto(bytes([134, 0, 0, 0, 64, 0, 7, 8, *bytes(8)]), ("ff02::1", 0, 0, index))

        self.inside(send)


def together(*attempts: Callable[[], bool]) -> set[bool]:
    """Return what the attempts return, made at the same time: one that is dropped takes its whole time."""
    with ThreadPoolExecutor(len(attempts)) as pool:
        return set(pool.map(lambda attempt: attempt(), attempts))


def _socket(to: str, kind: socket.SocketKind, source: str | None) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, kind)
    made.settimeout(_WAIT_S)
    if source is not None:
        made.bind((source, 0))
    return made


def cable(one: Namespace, one_device: str, other: Namespace, other_device: str) -> None:
    """Connect two namespaces by a veth pair, both ends up."""
    one.run(f"ip link add {one_device} type veth peer name {other_device} netns {other.holder.pid}")
    for namespace, device in ((one, one_device), (other, other_device)):
        namespace.run(f"ip link set {device} up")


def forward(namespace: Namespace) -> None:
    """Make a namespace a router."""
    namespace.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0")


def address(namespace: Namespace, device: str, *addresses: str) -> None:
    """Give a device addresses, usable at once."""
    for own in addresses:
        namespace.run(f"ip addr add {own} dev {device}" + (" nodad" if ":" in own else ""))


@cache
def knows_bridges() -> bool:
    """Whether this machine's kernel can tell in nftables which bridge a frame is on; Debian's and Proxmox's can."""
    asked = 'table bridge t { chain c { type filter hook prerouting priority 0; meta ibrname "x" accept; } }'
    return subprocess.run(["unshare", "--net", "nft", asked], capture_output=True, check=False).returncode == 0


def for_this_kernel(text: str) -> str:
    """Return a host's tables as this machine's kernel can load them: where it knows no bridges, without that rule.

    In these tests a host has no other bridges than VNets; in the lab, whose kernel knows bridges, it has.
    """
    lines = text.splitlines(keepends=True)
    return text if knows_bridges() else "".join(line for line in lines if "meta ibrname" not in line)
