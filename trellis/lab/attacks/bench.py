"""The lab that is attacked: its machines, its guests, and strangers whom the site does not know.

It is the digital twin of a stack of its own, `tests/lab/attacks/Pulumi.attacks.yaml`, beside any other lab.
"""

from __future__ import annotations

import base64
import io
import json
import shlex
import tarfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from trellis.lab import twin as twins
from trellis.lab.attacks import speakers, strangers
from trellis.lab.attacks.speakers import Place
from trellis.lab.attacks.strangers import Stranger
from trellis.lab.guests import vm_number
from trellis.lab.processes import Completed, Say
from trellis.lab.proof import wait_until_converged
from trellis.lab.speaker import Speaker
from trellis.lab.twin import Twin
from trellis.site import AttachedGuest, site_data_of_stack

STACK: Final = "attacks"
"""The lab's name, and the stack's."""
TOOLS: Final = "/run/attacks"
"""Where the attackers' programs are on a host."""
_CONVERGED_WITHIN_S = 180.0
_NOTICED_WITHIN_S = 15.0

STRANGERS: Final = (
    Stranger("peggy", "vnet200", "pve01", 99, "02:00:00:00:02:99", 9299, 65201),
    Stranger("trent", "vnet101", "pve01", 98, "02:00:00:00:01:98", 9198, 65202),
)
"""One on the open VNet, who may speak there, and one on a bound VNet, who may not."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The lab of the attacks, deployed and converged, its guests started.

    Args:
        twin: The lab.
        say: Takes progress.
    """

    twin: Twin
    say: Say
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its hosts' names."""
        return tuple(sorted(self.twin.site.hosts))

    @property
    def edge(self) -> Speaker:
        """Its one edge."""
        return self.twin.edge(next(iter(sorted(self.twin.site.edges))))

    def place(self, name: str) -> Place:
        """Where a guest or a stranger is."""
        return self.places[name]

    def sh(self, host: str, script: str, *, check: bool = True, timeout_s: float = 60) -> Completed:
        """Run a shell script on a host."""
        return self.twin.lab.access.run(host, "sh -s", stdin=script, check=check, timeout_s=timeout_s)

    def inside(self, name: str, script: str, *, check: bool = True, timeout_s: float = 60) -> Completed:
        """Run a shell script in the namespace of a guest or stranger."""
        return self.sh(
            self.place(name).host, f"ip netns exec {name} sh -c {shlex.quote(script)}", check=check, timeout_s=timeout_s
        )

    def tool(self, name: str, program: str, asked: Mapping[str, Any], *, timeout_s: float = 120) -> str:
        """Run one of the attackers' programs in a namespace to its end; returns what it printed."""
        line = f"PYTHONPATH={TOOLS} ip netns exec {name} python3 -m trellis.lab.attacks.wire.{program}"
        host = self.place(name).host
        return self.twin.lab.access.run(host, line, stdin=json.dumps(asked), timeout_s=timeout_s).stdout

    def begin_tool(self, name: str, program: str, asked: Mapping[str, Any], log: str) -> None:
        """Start one of the attackers' programs in a namespace; what it prints goes into a file on the host."""
        line = f"PYTHONPATH={TOOLS} setsid ip netns exec {name} python3 -m trellis.lab.attacks.wire.{program}"
        script = f"mkdir -p {TOOLS}/{name}; cat > {log}.asked; {line} < {log}.asked > {log} 2>&1 &"
        self.twin.lab.access.run(self.place(name).host, script, stdin=json.dumps(asked))

    def vtysh(self, host: str, *commands: str, check: bool = True) -> str:
        """What `vtysh` prints for commands."""
        words = ["vtysh", *(word for command in commands for word in ("-c", command))]
        return self.twin.lab.access.run(host, words, check=check).stdout

    def vtysh_json(self, host: str, command: str) -> Any:
        """What `vtysh` prints for a command as JSON; nothing where it is none."""
        try:
            return json.loads(self.vtysh(host, command, check=False) or "{}")
        except ValueError:
            return {}

    def end_speakers(self, name: str) -> None:
        """End everything that runs in a namespace, wait until its host has noticed, and speak BFD for who comes next.

        What a host still holds of a speaker's BFD would end the next session instead; and FRR (10.3) leaves a
        neighbour Idle whose BFD has gone down, until it is up again, which not every speaker has.
        """
        place = self.place(name)
        self.sh(place.host, f"ip netns pids {name} | xargs -r kill -9; rm -rf {place.folder}")
        deadline = time.monotonic() + _NOTICED_WITHIN_S
        while time.monotonic() < deadline:
            said = self.vtysh_json(place.host, f"show bgp vrf {place.vrf} neighbors {place.source} json")
            bfd = said.get(place.source, {}).get("peerBfdInfo", {}).get("status", "")
            if said.get(place.source, {}).get("bgpState") != "Established" and bfd.lower() != "up":
                break
            time.sleep(0.3)
        if name in {guest.name for guest in self.twin.guests}:
            self.speak_bfd(name, place.source)

    def speak_bfd(self, name: str, source: str) -> None:
        """Have a guest or stranger speak BFD with its gateway, and nothing else, from an address that it has."""
        place = replace(self.place(name), source=source)
        text = speakers.bfd_alone(place, self.twin.site.fabric.guest_bfd)
        run = f"setsid ip netns exec {name} bird -c {place.folder}/bfd -s {place.folder}/bfd.ctl"
        script = f"mkdir -p {place.folder}; cat > {place.folder}/bfd <<'END'\n{text}END\n"
        self.sh(place.host, f"{script}{run} > {place.folder}/bfd.log 2>&1 < /dev/null &\nsleep 3")

    def restore(self, names: Iterable[str]) -> None:
        """Start guests anew as the site has them, end what strangers run, and wait until everything is as it was."""
        known = {guest.name for guest in self.twin.guests}
        for name in names:
            self.end_speakers(name)
            if name not in known:
                stranger = next(one for one in STRANGERS if one.name == name)
                stop = f"ip netns delete {name} 2>/dev/null; ip link delete {self.place(name).port} 2>/dev/null; true\n"
                self.sh(stranger.host, stop + "(" + strangers.start_script(self.twin.site, stranger) + ")")
        self.lift_penalties()
        if again := [name for name in names if name in known]:
            self.twin.start_guests(self.say, again)
        wait_until_converged(self.twin, self.say, _CONVERGED_WITHIN_S)

    def lift_penalties(self) -> None:
        """Have hosts forget whom they keep off: the next attack is another day's."""
        for host in self.hosts:
            self.sh(
                host,
                "nft flush set inet trellis_peers penalized_ip6; nft flush set inet trellis_peers dialling_ip6;"
                " nft flush set inet trellis_peers talking_ip6 2>/dev/null; true",
            )
        for place in self.places.values():
            for host in self.hosts:
                state = self.vtysh_json(host, f"show bgp vrf {place.vrf} neighbors {place.source} json")
                if "Maximum" in json.dumps(state) and place.source in state:
                    self.vtysh(host, f"clear bgp vrf {place.vrf} {place.source}", check=False)


def up(folder: Path, project: Path, say: Say, name: str = STACK) -> Bench:
    """Bring the lab up, deployed and converged, with its guests and strangers; what is there already stays.

    Args:
        folder: Where its stack file is.
        project: Folder of the program.
        say: Takes progress.
        name: The lab's.

    Raises:
        LabError: It did not come up.
        DeploymentError: The program failed on it.
    """
    site_data = site_data_of_stack((folder / f"Pulumi.{STACK}.yaml").read_bytes())
    twin = twins.up(name, project, site_data, say)
    twin.deploy("up", say)
    twin.load_edge_filters(say)
    twin.start_guests(say)
    wait_until_converged(twin, say, _CONVERGED_WITHIN_S)
    bench = Bench(twin, say, {place.name: place for place in _places(twin)})
    tools = _tools()
    for host in bench.hosts:
        unpack = f"mkdir -p {TOOLS} && base64 -d | tar -x -C {TOOLS}"
        twin.lab.access.run(host, unpack, stdin=tools)
    for stranger in STRANGERS:
        bench.sh(stranger.host, strangers.start_script(twin.site, stranger))
    return bench


def down(say: Say, name: str = STACK) -> bool:
    """Take the lab away; returns whether there was one."""
    return twins.down(name, say)


def _places(twin: Twin) -> Iterable[Place]:
    yield from (_of_guest(twin, guest) for guest in twin.guests)
    yield from (stranger.place(twin.site) for stranger in STRANGERS)


def _of_guest(twin: Twin, guest: AttachedGuest) -> Place:
    vnet = twin.site.vnets[guest.vnet]
    return Place(
        name=guest.name,
        host=twin.host_of(guest.name),
        vnet=guest.vnet,
        vrf=f"vrf_{vnet.zone}",
        source=str(guest.ipv6),
        ipv4=str(guest.ipv4),
        mac=guest.mac,
        port=f"tap{vm_number(guest)}i{guest.nic}",
        asn=guest.asn,
        router_id=str(guest.router_id),
        gateway=str(vnet.subnets.ipv6.gateway),
        gateway_asn=twin.site.fabric.asn,
    )


def _tools() -> str:
    """The attackers' programs as a package of their own, packed for a shell."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("trellis", "trellis/lab", "trellis/lab/attacks"):
            archive.addfile(tarfile.TarInfo(f"{folder}/__init__.py"))
        for path in sorted((Path(__file__).parent / "wire").glob("*.py")):
            archive.add(path, f"trellis/lab/attacks/wire/{path.name}")
    return base64.b64encode(packed.getvalue()).decode()
