"""Bringing the machines of a topology up, telling how they are, and taking all of it away.

What a lab is made of is kept in its state folder, so that any later process can look at it or end it.  What
runs on top of the machines (an edge's FRR, guests, a Proxmox) is `trellis.lab.twin`'s.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trellis.lab import disk, network
from trellis.lab.errors import LabError
from trellis.lab.images import Images, ensure_images
from trellis.lab.machine import BOOT_LIMIT_S, Machine
from trellis.lab.processes import Say, require_tools, run
from trellis.lab.ssh import Access
from trellis.lab.topology import Topology

_TOPOLOGY = "topology.json"
_IMAGES = "images.json"


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab on this machine.

    Args:
        topology: What it consists of.
        state: Folder of its disks, keys and logs.
        images: What its hosts boot from.
    """

    topology: Topology
    state: Path
    images: Images

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Its hosts."""
        return tuple(self.machine(spec.name) for spec in self.topology.machines)

    def machine(self, name: str) -> Machine:
        """The host of that name; LabError if there is none."""
        spec = self.topology.machine(name)
        return Machine(
            name=name,
            lab=self.topology.name,
            namespace=network.fabric_namespace(self.topology.name),
            images=self.images,
            disk=self.state / "hosts" / name,
            connection=self.access.connection(name),
            plugs=network.plugs(self.topology, spec),
            memory_mib=spec.memory_mib,
        )

    @property
    def access(self) -> Access:
        """The lab's own way in to its hosts."""
        return Access(
            namespace=network.fabric_namespace(self.topology.name),
            key=self.state / "keys" / "lab",
            known_hosts=self.state / "keys" / "known_hosts",
            sockets=self.state / "ssh",
            addresses={m.name: network.access_address(self.topology, m.name) for m in self.topology.machines},
        )

    @property
    def program_key(self) -> Path:
        """The private key that the program logs in with, once the agent is installed: the deploy user's."""
        return self.state / "keys" / "program"

    def host_key(self, name: str) -> str:
        """The public host key of a host, as known_hosts has it."""
        return " ".join((self.state / "keys" / f"host-{name}.pub").read_text().split()[:2])


def state_dir(name: str) -> Path:
    """The folder of a lab's state: `$XDG_STATE_HOME/trellis/lab/NAME`, by default under `~/.local/state`."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "trellis" / "lab" / name


def up(topology: Topology, say: Say) -> Lab:
    """Bring a lab's machines up; what runs already is left alone.

    Args:
        topology: The lab.
        say: Takes progress.

    Returns:
        The lab, all of its hosts booted.

    Raises:
        LabError: A tool is missing, or a host did not come up; then nothing is left running.
    """
    _require_root()
    require_tools()
    lab = Lab(topology, state_dir(topology.name), ensure_images(topology.frr_suite, say))
    lab.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _exclusive(lab.state):
        previous = _previous(lab.state)
        if previous is None and network.present(topology.name):
            raise LabError(
                f"lab {topology.name!r}",
                why=f"its namespaces are here, but {lab.state} does not know it: its starter kept its state elsewhere",
                remedy="take it down as who started it, or `trellis lab down` to clear what is left of it",
            )
        if previous is not None and previous.topology.digest() != topology.digest():
            say("the lab that is there was made for another site: taking it down first")
            _take_down(previous)
        elif previous is not None and previous.images != lab.images:
            say("the lab that is there boots from other images: its hosts are made anew")
            _remove_hosts(previous)
        try:
            _bring_up(lab, say)
        except BaseException:
            _take_down(lab)
            raise
    return lab


def find(name: str, say: Say) -> Lab:
    """The lab of that name, as it was brought up.

    Raises:
        LabError: There is none.
    """
    lab = _previous(state_dir(name))
    if lab is None:
        raise LabError(f"lab {name!r}", why="it is not there", remedy="trellis lab up")
    if not lab.images.root.is_dir():
        say(f"{lab.images.root} is gone: the hosts of lab {name!r} can't be trusted until the next `trellis lab up`")
    return lab


def down(name: str, say: Say) -> bool:
    """Take a lab's machines, cables and disks away; what a broken start left, too.

    Returns:
        Whether there was anything to take away.
    """
    state = state_dir(name)
    if not state.is_dir():
        return network.demolish(name)
    with _exclusive(state):
        lab = _previous(state)
        if lab is not None:
            say(f"taking lab {name!r} down")
            _take_down(lab)
        cleared = network.demolish(name)
    shutil.rmtree(state)
    return lab is not None or cleared


def topology_of(name: str) -> Topology | None:
    """What the lab of that name was made of; None if there is no such lab."""
    lab = _previous(state_dir(name))
    return lab.topology if lab is not None else None


def _bring_up(lab: Lab, say: Say) -> None:
    topology = lab.topology
    # What it is made of is written first: a start that is cut short anywhere can then be cleared away.
    (lab.state / _IMAGES).write_text(lab.images.to_json())
    (lab.state / _TOPOLOGY).write_text(topology.to_json())
    if not network.exists(topology):
        for machine in lab.machines:
            machine.power_cut()
        network.demolish(topology.name)
        network.build(topology, say)
    _make_keys(lab)
    for spec in topology.machines:
        if not lab.machine(spec.name).disk.exists():
            _make_disk(lab, spec.name)
    waiting = [machine for machine in lab.machines if not machine.booted()]
    if not waiting:
        say(f"{len(lab.machines)} hosts are up already")
        return
    started = time.monotonic()
    kernel = lab.images.kernel.release
    say(f"booting {', '.join(machine.name for machine in waiting)} (Linux {kernel}, systemd, FRR)")
    for machine in waiting:
        machine.power_on()
    for machine in waiting:
        machine.wait_until_booted(started + BOOT_LIMIT_S)
        say(f"  {machine.name} is up after {time.monotonic() - started:.0f} s")


def _make_keys(lab: Lab) -> None:
    keys = lab.state / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    (lab.state / "ssh").mkdir(mode=0o700, exist_ok=True)
    for name in ("lab", "program", *(f"host-{machine.name}" for machine in lab.topology.machines)):
        if not (keys / name).exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"trellis-lab-{name}", "-f", str(keys / name)])
    known = []
    for spec in lab.topology.machines:
        places = [network.access_address(lab.topology, spec.name)]
        places += [address.partition("/")[0] for entry in spec.interfaces for address in entry.addresses]
        known.append(f"{','.join(places)} {lab.host_key(spec.name)}\n")
    (keys / "known_hosts").write_text("".join(known))


def _make_disk(lab: Lab, name: str) -> None:
    machine, spec = lab.machine(name), lab.topology.machine(name)
    keys = lab.state / "keys"
    unfinished = machine.disk.with_name(f".{name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder in ("upper", "work"):
        (unfinished / folder).mkdir(parents=True)
    held = disk.HostKeys(
        host_private=(keys / f"host-{name}").read_text(),
        host_public=lab.host_key(name),
        lab_public=(keys / "lab.pub").read_text().strip(),
    )
    address = f"{network.access_address(lab.topology, name)}/24"
    files = disk.files_of(spec, lab.topology, held, address)
    disk.write_layer(unfinished / "upper", lab.images.root, files, disk.enabled_units(spec))
    unfinished.rename(machine.disk)


def _take_down(lab: Lab) -> None:
    _remove_hosts(lab)
    network.demolish(lab.topology.name)
    for entry in lab.state.iterdir():
        if entry.name != ".lock":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _remove_hosts(lab: Lab) -> None:
    for machine in lab.machines:
        machine.power_cut()
    shutil.rmtree(lab.state / "hosts", ignore_errors=True)


def _previous(state: Path) -> Lab | None:
    """The lab that a state folder was written for."""
    topology, images = state / _TOPOLOGY, state / _IMAGES
    if not topology.is_file():
        return None
    return Lab(Topology.from_json(topology.read_text()), state, Images.from_json(images.read_text()))


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab", why="it needs network namespaces and mounts", remedy="run it as root")


@contextmanager
def _exclusive(state: Path) -> Iterator[None]:
    with (state / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                f"lab {state.name!r}", why="another process is bringing it up or down", remedy="wait for its end"
            ) from None
        yield
