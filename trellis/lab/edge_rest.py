"""The REST face of an edge that the site calls a RouterOS: what `trellis prefixes` asks, in the edge's own namespace.

An edge of the lab forwards and speaks BGP by FRR; what was delegated to it, this face says.  At first that is what
the prefix file has; from then on whatever a scenario writes (`EdgeRest.become`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from trellis.lab.kept import kept_secret
from trellis.lab.proxmox.tls import identity
from trellis.lab.routeros import Face, Lease, router
from trellis.lab.service import Say, Service
from trellis.site import Site

_STEM, _FACE = "face", "face.json"
UPLINK = "ether1"
"""The interface on which its DHCPv6 clients ask, as they would at home."""


@dataclass(frozen=True, slots=True)
class EdgeRest:
    """An edge's REST face.

    Args:
        edge: Its name.
        folder: Where its certificate and what it says are kept.
        password_file: Holds its user's password.
        address: Where it listens.
        port: There.
        user: Who may read.
    """

    edge: str
    folder: Path
    password_file: Path
    address: str
    port: int
    user: str

    @property
    def endpoint(self) -> str:
        """Where it is asked."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}"

    @property
    def certificate(self) -> str:
        """SHA-256 of its certificate, which is made here if there is none."""
        pem = identity(self.folder, [self.address]).certificate.read_bytes()
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()

    @property
    def face(self) -> Face:
        """What it says now."""
        return router.read(self._file)

    def become(self, face: Face) -> None:
        """Say this from now on."""
        router.write(face, self._file)

    def delegate(self, **prefixes: str | None) -> None:
        """Have pools hold other prefixes from now on.

        Args:
            prefixes: By VNet's pool, its name with `_` for `-`; None where the delegation is lost.
        """
        wanted = {pool.replace("_", "-"): prefix for pool, prefix in prefixes.items()}
        face = self.face
        leases = tuple(
            replace(lease, prefixes=tuple(filter(None, [wanted[lease.pool]]))) if lease.pool in wanted else lease
            for lease in face.leases
        )
        self.become(replace(face, leases=leases))

    def start(self, site: Site, say: Say, *, prefix: Sequence[str] = ()) -> None:
        """Start it, if it does not run.

        Args:
            site: Says what is delegated at first.
            say: Takes progress.
            prefix: What the command is put behind, for example `ip netns exec NAME`.

        Raises:
            LabError: It did not start.
        """
        service = self._service
        if service.pid() is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._file.is_file():
            self.become(Face(self.user, kept_secret(self.password_file), tuple(_leases(site, self.edge))))
        say(f"edge {self.edge}: REST face starting at {self.endpoint}")
        before = service.log.stat().st_size if service.log.is_file() else 0
        where = ("--folder", str(self.folder), "--address", self.address, "--port", str(self.port))
        program = (sys.executable, "-m", "trellis.lab.routeros", "--face", str(self._file), *where)
        service.start(
            [*prefix, *program],
            lambda: service.log.is_file() and self.endpoint in service.log.read_text()[before:],
        )

    @property
    def _file(self) -> Path:
        return self.folder / _FACE

    @property
    def _service(self) -> Service:
        return Service(f"the REST face of {self.edge} at {self.endpoint}", self.folder, _STEM, str(self._file))


def end(folder: Path) -> None:
    """End the face that is kept in a folder, if it runs.

    Args:
        folder: Where.
    """
    Service("a REST face", folder, _STEM, str(folder / _FACE)).stop()


def rest_of(site: Site, state: Path) -> dict[str, EdgeRest]:
    """The REST face of each edge that the site says has one, by the edge's name.

    Args:
        site: The site.
        state: The lab's folder.
    """
    found = {}
    for name, edge in sorted(site.edges.items()):
        if edge.rest_api is not None:
            asked = urlsplit(edge.rest_api.endpoint)
            folder, password = state / "edges" / name / "rest", state / "keys" / f"routeros-{name}"
            address = _address(site, name, asked.hostname or "")
            found[name] = EdgeRest(name, folder, password, address, asked.port or 443, edge.rest_api.user)
    return found


def _address(site: Site, name: str, asked: str) -> str:
    """Where an edge is asked: what the site says, if that is the edge's own; else its loopback."""
    ends = [link.ends[name] for link in site.links.values() if name in link.ends]
    own = {address.ip for end in ends for address in (end.ipv4, end.ipv6) if address is not None}
    loopback = site.edges[name].loopback
    try:
        said = ip_address(asked)
    except ValueError:
        said = None  # a name, which nobody resolves here
    return str(said if said in own | {loopback.ipv4, loopback.ipv6} else loopback.ipv4)


def _leases(site: Site, edge: str) -> Iterator[Lease]:
    """The DHCPv6 client of each VNet whose prefix comes from an edge."""
    only = next(iter(site.edges), "")
    for name, vnet in sorted(site.vnets.items()):
        if vnet.delegation is not None and (vnet.delegation.edge or only) == edge:
            current = site.delegated[name].current if name in site.delegated else None
            yield Lease(vnet.delegation.pool, UPLINK, (str(current),) if current is not None else ())
