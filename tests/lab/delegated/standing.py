"""The lab that stands while this package's tests run: examples/delegated with plain VMs, whose prefixes change."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from trellis.lab import command_line, network, site_files
from trellis.lab.edge import UPSTREAM
from trellis.lab.edge_rest import EdgeRest
from trellis.lab.plain_vms import PlainVm
from trellis.lab.processes import Completed, run
from trellis.lab.twin import Twin
from trellis.site import load_site, with_prefixes

REPOSITORY = Path(__file__).parents[3]
LAB = "delegated-test"
INTERNET = UPSTREAM[1]
OWN = {f"vnet{number}": f"fd00:{number}::/64" for number in (100, 101, 102, 103)}
FIRST = "2600:1700:ab1a:500e::/64"
"""What is delegated to vnet101 at first, as the example's prefix file says."""
_STEP = re.compile(r"(\S+)-commit: \S+: (replace files|radvd\.service)\b")


def say(text: str) -> None:
    print(text, flush=True)


@dataclass
class Standing:
    """The lab.

    Attributes:
        twin: As it is now: its site changes with what is delegated.
        ann: A VM on vnet101, on pve01.
        ben: One on the same VNet, on pve02.
        cat: One on vnet103, which has lost its prefix.
        hosts_s: Seconds on each host from the first file that was replaced until its VMs were told.
    """

    twin: Twin
    ann: PlainVm = field(init=False)
    ben: PlainVm = field(init=False)
    cat: PlainVm = field(init=False)
    hosts_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ann = PlainVm(self.twin, "ann", "pve01", "vnet101", 5001)
        self.ben = PlainVm(self.twin, "ben", "pve02", "vnet101", 5002)
        self.cat = PlainVm(self.twin, "cat", "pve01", "vnet103", 5003)

    @property
    def rest(self) -> EdgeRest:
        """What the edge says was delegated to it."""
        return self.twin.rest["edge1"]

    def on_the_internet(self, prefix: str) -> tuple[PlainVm, PlainVm]:
        """Both VMs of vnet101, once the internet answers to their addresses of a prefix."""
        for vm in (self.ann, self.ben):
            within(40, lambda vm=vm: is_in(vm.source_to(INTERNET), prefix) and vm.pings(INTERNET) == 3)  # type: ignore[misc]
        return self.ann, self.ben

    def prefixes(self, *words: str) -> Completed:
        """Run `trellis prefixes` as an operator would, and take over what it made of the prefix file."""
        done = command_line.trellis(self.twin, "prefixes", *words)
        self.take_over()
        return done

    def take_over(self) -> None:
        """Have the twin's site be what its files say."""
        folder, stack = self.twin.lab.state, self.twin.stack
        own, _ = site_files.parted(self.twin.site_data)
        file = folder / f"Prefixes.{stack}.yaml"
        data = with_prefixes(own, file.read_bytes() if file.is_file() else None)
        self.twin = replace(self.twin, site_data=data, site=load_site(data))

    def up(self) -> float:
        """Deploy; returns the seconds that it took."""
        self.hosts_s.clear()
        began = time.monotonic()
        self.twin.deploy("up", self._timed)
        self.twin.load_edge_filters(say)
        return time.monotonic() - began

    def _timed(self, line: str) -> None:
        say(line)
        if found := _STEP.search(line):
            self.hosts_s[found[1]] = time.monotonic() - self.hosts_s.get(found[1], 0.0)

    def edge(self, *argv: str) -> str:
        """What a command prints in the edge's namespace."""
        return self.twin.edge("edge1").run([*argv]).stdout

    @contextmanager
    def internet_without_ula(self) -> Iterator[None]:
        """The internet as it is: it has no way back to unique local addresses."""
        inside = ["ip", "netns", "exec", network.namespace_of(self.twin.stack, "upstream"), "nft"]
        text = (
            "table ip6 internet {\n chain in {\n  type filter hook input priority 0\n  ip6 saddr fc00::/7 drop\n }\n}\n"
        )
        run([*inside, "-f", "-"], stdin=text)
        try:
            yield
        finally:
            run([*inside, "delete", "table", "ip6", "internet"])


def within(limit_s: float, what: Callable[[], bool]) -> float:
    """Wait until something holds; returns the seconds that it took.

    Raises:
        AssertionError: It does not in time.
    """
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < limit_s, f"not within {limit_s:g} s"
        time.sleep(0.2)
    return time.monotonic() - began


def is_in(address: str, prefix: str) -> bool:
    """Whether an address is in a prefix."""
    return bool(address) and IPv6Address(address) in IPv6Network(prefix)
