"""The digital twin of a stack: its machines, edges, Proxmox and guests, and the program run against them.

``up`` brings everything up that exists before the program runs; ``deploy`` runs the very same program as
``pulumi up`` would; ``start_guests`` plugs the guests in, as Proxmox would start its VMs.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trellis.engine import find as find_engine
from trellis.lab import (
    command_line,
    controller,
    edge_filter,
    edge_rest,
    exported,
    from_site,
    network,
    places,
    proxmox,
    proxmox_of_site,
    site_files,
    upstream,
)
from trellis.lab.controller import Lab
from trellis.lab.deployment import Operation, Request, Result, run_in_namespace
from trellis.lab.edge import DAEMONS, UPSTREAM, edge_config
from trellis.lab.edge_rest import EdgeRest
from trellis.lab.errors import LabError
from trellis.lab.guests import plug_script, prepare_script, stop_script
from trellis.lab.kept import kept_secret, secrets_of
from trellis.lab.places import Place
from trellis.lab.plugins.launchers import plugins
from trellis.lab.processes import Say
from trellis.lab.speaker import Speaker
from trellis.lab.status import Status
from trellis.site import AttachedGuest, Site, attached_guests, load_site

_SETTLES_S = 4.0
"""How long bgpd 10.3 holds its neighbours after its configuration was read, which was three seconds and a half."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A stack's digital twin.

    Args:
        stack: The stack's name, and the lab's.
        project: Folder of `Pulumi.yaml` and `__main__.py`.
        site_data: The object under `trellis:site`, as the stack file has it, with what its prefix file says in it.
        site: The same, typed.
        lab: The machines.
    """

    stack: str
    project: Path
    site_data: Mapping[str, Any]
    site: Site
    lab: Lab

    @property
    def guests(self) -> tuple[AttachedGuest, ...]:
        """The site's guests and cluster nodes."""
        return attached_guests(self.site)

    @property
    def upstream(self) -> tuple[str, str]:
        """Addresses behind the edge, IPv4 and IPv6."""
        return UPSTREAM

    @property
    def proxmox_token(self) -> str:
        """The token that Proxmox's API takes: its id and its secret."""
        return proxmox_of_site.token(self.stack)

    @property
    def secrets(self) -> dict[str, str]:
        """The value of each secret that the site names, as its edges and its stack have it."""
        return secrets_of(self.site, self.lab.state / "keys")

    def host_of(self, guest: str) -> str:
        """The host on which a guest runs now: where it was last started, else where the site starts it."""
        place = self._places().get(guest)
        return place.host if place is not None else self._guest(guest).host

    @property
    def rest(self) -> dict[str, EdgeRest]:
        """The REST face of each edge that has one."""
        return edge_rest.rest_of(self.site, self.lab.state)

    def edge(self, name: str) -> Speaker:
        """The FRR of an edge."""
        return Speaker(
            name=name,
            namespace=network.namespace_of(self.stack, name),
            root=self.lab.images.root,
            state=self.lab.state / "edges" / name,
        )

    def load_edge_filters(self, say: Say) -> None:
        """Load each edge's filter as the program renders it, where it is not loaded.

        Raises:
            LabError: It can't be rendered or loaded.
        """
        for name in sorted(self.site.edges):
            state = self.lab.state / "edges" / name
            text = edge_filter.rendered(self.site_data, name, state)
            loaded = edge_filter.load(text, network.namespace_of(self.stack, name), state / "filter.nft")
            say(f"edge {name}: filter of {len(text.splitlines())} lines {'loaded' if loaded else 'is loaded already'}")

    def start_guests(self, say: Say, names: Iterable[str] | None = None) -> None:
        """Start guests on their hosts, those of one host one after the other, the hosts at the same time.

        Args:
            say: Takes progress.
            names: Which ones; by default all that do not run.

        Raises:
            LabError: A guest did not start; it is named.
        """
        self._end_strangers()
        running = self.running_guests()
        chosen = [
            guest for guest in self.guests if (guest.name not in running if names is None else guest.name in names)
        ]
        if not chosen:
            say(f"{len(running)} guests run already")
            return
        by_host: dict[str, list[AttachedGuest]] = {}
        for guest in chosen:
            by_host.setdefault(self.host_of(guest.name), []).append(guest)
        say("starting " + "; ".join(f"{host}: {', '.join(g.name for g in own)}" for host, own in by_host.items()))
        with ThreadPoolExecutor(max_workers=len(by_host)) as pool:
            list(pool.map(lambda entry: self._start_on(*entry), by_host.items()))
        self._remember({guest.name: Place(host, running=True) for host, own in by_host.items() for guest in own})

    def stop_guest(self, name: str) -> None:
        """End a guest at once, as a power cut of its VM.

        Raises:
            LabError: There is no such guest, or its host can't be reached.
        """
        host = self.host_of(self._guest(name).name)
        self.lab.access.run(host, "sh -s", stdin=stop_script(name))
        self._remember({name: Place(host, running=False)})

    def move_guest(self, name: str, host: str, *, speaks: bool = True) -> None:
        """Move a guest to another host, with its MAC and addresses, as a live migration does at its end.

        What can be done before is: its namespace and speaker are ready on the new host when it is unplugged on the
        old one, so that it is away for as long as two commands take.  A migrated speaker has long been running; this
        one is given the seconds for which FRR's bgpd holds its neighbours after it has read its configuration.

        Args:
            name: The guest.
            host: Where it moves to.
            speaks: Whether it sends anything by itself when it is there: asks for its gateway, starts its speaker.

        Raises:
            LabError: There is no such guest or host, it may not run there, or a host can't be reached.
        """
        guest, before = self._guest(name), self.host_of(name)
        if host not in guest.placement:
            raise LabError(
                f"guest {name} on {host}",
                why="the site does not place it there, no session waits for it",
                remedy=f"choose one of {', '.join(guest.placement)}",
            )
        if host == before and name in self.running_guests():
            return
        prepare, plug = self._scripts(guest, speaks=speaks)
        self._run_for(guest, host, prepare)
        time.sleep(_SETTLES_S if speaks else 0)
        if host != before:
            self._run_for(guest, before, stop_script(name))
        self._run_for(guest, host, plug)
        self._remember({name: Place(host, running=True)})

    def look_for_guests(self) -> None:
        """Take note of which guests run still: a host that lost its power has lost its guests."""
        running = self.running_guests()
        self._remember({name: Place(place.host, name in running) for name, place in self._places().items()})

    def running_guests(self) -> set[str]:
        """The names of the guests that run, on whichever host."""
        known = {guest.name for guest in self.guests}
        listed = self.lab.access.run_on_all([machine.name for machine in self.lab.machines], "ls /run/netns")
        return {name for done in listed.values() for name in done.stdout.split()} & known

    def status(self) -> tuple[Status, ...]:
        """Whether each host, edge, the Proxmox API and each guest runs."""
        hosts = [Status("host", m.name, f"pid {m.pid()}", m.booted()) for m in self.lab.machines]
        names = sorted(self.site.edges)
        edges = [Status("edge", n, network.namespace_of(self.stack, n), self.edge(n).running()) for n in names]
        api = []
        if self.site.proxmox is not None:
            running = proxmox.is_running(proxmox_of_site.file_of(self.stack)) is not None
            api.append(Status("Proxmox API", "proxmox", self.site.proxmox.endpoint, running))
        alive = self.running_guests() if all(status.up for status in hosts) else set()
        guests = [Status("guest", g.name, self.host_of(g.name), g.name in alive) for g in self.guests]
        return (*hosts, *edges, *api, *guests)

    def shell_command(self, name: str, command: tuple[str, ...] = ()) -> list[str]:
        """The command line that opens a shell on a host, in an edge or in a guest, or runs a command there.

        Args:
            name: The host, edge or guest.
            command: What to run; a shell if it is empty.

        Raises:
            LabError: There is nothing of that name.
        """
        access = self.lab.access
        if name in access.addresses:
            return [*access.command(name, terminal=not command), *([shlex.join(command)] if command else [])]
        if name in {guest.name for guest in self.guests}:
            inside = shlex.join(("ip", "netns", "exec", name, *(command or ("bash",))))
            return [*access.command(self.host_of(name), terminal=not command), inside]
        if name in self.site.edges:
            return self.edge(name).enter(*(command or ("bash",)))
        known = ", ".join((*access.addresses, *self.site.edges, *(guest.name for guest in self.guests)))
        raise LabError(name, why="the lab has nothing of that name", remedy=f"name one of {known}")

    def deploy(self, operation: Operation, say: Say) -> Result:
        """Run the program on the real engine, from the controller's namespace.

        Args:
            operation: `preview`, `up`, `destroy`, ...
            say: Takes progress.

        Raises:
            DeploymentError: The run failed.
            EngineMissingError: There is no engine, and none could be built.
        """
        request = self.request(operation, say)
        result = run_in_namespace(request, network.namespace_of(self.stack, from_site.CONTROLLER), say)
        if operation == "up":
            exported.keep(self.lab.state, result.outputs)
        return result

    def request(self, operation: Operation, say: Say) -> Request:
        """What `deploy` runs, for who runs it another way; the arguments and errors are its own."""
        engine = find_engine(say)
        config, prefixes = site_files.parted(command_line.site_of(self))
        chosen = plugins(engine, say)
        keys = self.lab.state / "keys"
        return Request(
            operation=operation,
            project_dir=self.project,
            stack=self.stack,
            work_dir=self.lab.state / "pulumi",
            passphrase=kept_secret(keys / "passphrase"),
            engine=engine.path,
            plugin_dir=chosen.folder,
            plugin_home=chosen.home,
            config={"trellis:site": config},
            prefixes=prefixes,
            secrets={
                "trellis:sshPrivateKey": self.lab.program_key.read_text(),
                "trellis:proxmoxApiToken": self.proxmox_token,
                **({"trellis:secrets": json.dumps(self.secrets)} if self.secrets else {}),
            },
            environment={"SSL_CERT_FILE": str(self.lab.state / "proxmox" / "ca.pem")},
        )

    def _end_strangers(self) -> None:
        """End guests that the site no longer has."""
        there = self._places()
        strangers = there.keys() - {guest.name for guest in self.guests}
        for name in strangers:
            self.lab.access.run(there[name].host, "sh -s", stdin=stop_script(name))
        if strangers:
            known = {name: place for name, place in there.items() if name not in strangers}
            places.write(self.lab.state, self.guests, known)

    def _start_on(self, host: str, guests: list[AttachedGuest]) -> None:
        for guest in guests:
            prepare, plug = self._scripts(guest)
            self._run_for(guest, host, prepare + plug)

    def _scripts(self, guest: AttachedGuest, *, speaks: bool = True) -> tuple[str, str]:
        """What makes a guest on a host anew, and what plugs it in there."""
        boot = exported.boot_of(self.lab.state, guest)
        made = prepare_script(guest, boot, self.site.zones[guest.zone].mtu, speaks=speaks)
        return stop_script(guest.name) + made, plug_script(guest, boot, speaks=speaks)

    def _run_for(self, guest: AttachedGuest, host: str, script: str) -> None:
        """Run a guest's script on a host; what goes wrong is said of the guest."""
        done = self.lab.access.run(host, "sh -s", stdin=script, timeout_s=120, check=False)
        if not done.ok:
            words = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-3:]
            raise LabError(
                f"guest {guest.name} on {host}",
                why=" | ".join(words),
                remedy=f"`trellis demo` makes its VNet {guest.vnet}; else trellis lab shell {host}",
            )

    def _guest(self, name: str) -> AttachedGuest:
        for guest in self.guests:
            if guest.name == name:
                return guest
        known = ", ".join(guest.name for guest in self.guests)
        raise LabError(f"guest {name}", why="the site has no such guest", remedy=f"name one of {known}")

    def _places(self) -> dict[str, Place]:
        return places.read(self.lab.state)

    def _remember(self, changes: Mapping[str, Place]) -> None:
        places.write(self.lab.state, self.guests, {**self._places(), **changes})


def up(stack: str, project: Path, site_data: Mapping[str, Any], say: Say, *, frr_suite: str = "trixie") -> Twin:
    """Bring the twin of a stack up: machines, edges, the Proxmox API; what runs already is left alone.

    Args:
        stack: The stack's name.
        project: Folder of the program.
        site_data: The object under `trellis:site`.
        say: Takes progress.
        frr_suite: The Debian suite that FRR is taken from.

    Raises:
        SiteRefused: The site is refused.
        LabError: A tool is missing, or something did not come up.
    """
    site_data = from_site.with_frr_of(site_data, frr_suite)
    site = load_site(site_data)
    topology = proxmox_of_site.topology(site, stack, frr_suite)
    if (there := controller.topology_of(stack)) is not None and there.digest() != topology.digest():
        say("the lab that is there was made for other machines: taking it down first")
        down(stack, say)
        topology = proxmox_of_site.topology(site, stack, frr_suite)
    lab = controller.up(topology, say)
    twin = Twin(stack, project, site_data, site, lab)
    for name, face in twin.rest.items():
        face.start(site, say, prefix=("ip", "netns", "exec", network.namespace_of(stack, name)))
    command_line.install(twin, say)
    for name in sorted(site.edges):
        edge, config = twin.edge(name), edge_config(site, name, twin.secrets)
        if not edge.runs(config):
            say(f"edge {name}: starting FRR")
            edge.start(config, DAEMONS)
    if site.edges:
        upstream.listen(network.namespace_of(stack, "upstream"))
    twin.look_for_guests()
    if site.proxmox is not None:
        inside = ("ip", "netns", "exec", network.namespace_of(stack, from_site.PROXMOX))
        proxmox.start(proxmox_of_site.file_of(stack), prefix=inside, say=say)
    return twin


def find(stack: str, project: Path, site_data: Mapping[str, Any], say: Say) -> Twin:
    """The twin of a stack that is up.

    Raises:
        LabError: It is not.
    """
    lab = controller.find(stack, say)
    site_data = from_site.with_frr_of(site_data, lab.topology.frr_suite)
    return Twin(stack, project, site_data, load_site(site_data), lab)


def down(stack: str, say: Say) -> bool:
    """Take a twin away, whole; returns whether there was one."""
    if proxmox_of_site.file_of(stack).is_file():
        proxmox.stop(proxmox_of_site.file_of(stack))
    topology = controller.topology_of(stack)
    for spec in topology.namespaces if topology is not None else ():
        state = controller.state_dir(stack) / "edges" / spec.name
        if state.is_dir():
            Speaker(spec.name, network.namespace_of(stack, spec.name), Path("/"), state).stop()
            edge_rest.end(state / "rest")
    return controller.down(stack, say)
