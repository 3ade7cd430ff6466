"""From what was read of a cluster to its site, what the site does not express, and what no text said.

The site is loaded, planned and rendered as any other is; so it is refused for the same reasons, all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trellis.adoption.accounts import Account, Packaged, Unexpressed, accounts
from trellis.adoption.fabric import fabric
from trellis.adoption.given import GivenCluster
from trellis.adoption.guests import guests
from trellis.adoption.owning import owning
from trellis.adoption.passages import passages
from trellis.adoption.policies import policies
from trellis.adoption.reading import read_hosts
from trellis.adoption.tenancy import tenancy
from trellis.plan import plan
from trellis.render import render
from trellis.site import Site, load_site
from trellis.site.refusal import Refusal, raise_if_any


@dataclass(frozen=True, slots=True)
class Adopted:
    """A cluster as a site.

    Attributes:
        data: The object under ``trellis:site``.
        prefixes: What its prefix file says of each VNet; empty if it needs none.
        site: The same, accepted.
        accounts: What became of every line that was read.
        assumed: What no text said, and what the site has for it.
    """

    data: dict[str, Any]
    prefixes: dict[str, Any]
    site: Site
    accounts: tuple[Account, ...]
    assumed: tuple[str, ...]

    @property
    def unexpressed(self) -> tuple[Unexpressed, ...]:
        """What the site does not express, in the order of hosts, files and lines."""
        return tuple(account.unexpressed for account in self.accounts if account.unexpressed is not None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the secrets that the site needs."""
        keys = [self.site.fabric.md5, *(edge.md5 for edge in self.site.edges.values())]
        keys += [tenant.guest_bgp.md5 for tenant in self.site.tenants.values()]
        keys += [vnet.guest_bgp.md5 for vnet in self.site.vnets.values() if vnet.guest_bgp is not None]
        return tuple(sorted({key for key in keys if key is not None}))


def adopted(name: str, cluster: GivenCluster, packaged: Packaged) -> Adopted:
    """Return the site that reproduces a cluster, and what it does not.

    Args:
        name: The site's name.
        cluster: What was read.
        packaged: What hosts have without anybody's doing.

    Raises:
        SiteRefused: Something cannot be read, or contradicts itself; with every reason at once.
    """
    reads = read_hosts(cluster)
    draft = fabric(name, reads, cluster)
    raise_if_any(_without_key(host) for host, entry in draft.data["hosts"].items() if "host_key" not in entry["ssh"])
    networks = tenancy(draft, reads, cluster)
    policies(draft, reads, networks)
    guests(draft, reads, cluster, networks)
    owning(draft, reads, networks)
    passages(draft, reads)
    data = {key: value for key, value in draft.data.items() if value not in ({}, [])}
    site = load_site({**data, "delegated": draft.prefixes})
    planned = plan(site)
    found = accounts(reads, cluster, planned, render(planned), packaged)
    return Adopted(data, draft.prefixes, site, found, tuple(draft.assumed))


def _without_key(host: str) -> Refusal:
    return Refusal(
        f"hosts.{host}.ssh.host_key",
        "nothing",
        "each host's key is pinned in the site",
        "without it nobody could tell the host from somebody in between",
        f"put /etc/ssh/ssh_host_ed25519_key.pub of {host} into its folder, or its line into --known-hosts FILE",
    )
