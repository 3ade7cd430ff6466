"""Whom a site asks for its delegated prefixes and for routes, and what each VNet was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Network

from trellis.routeros.client import Patience, Router
from trellis.routeros.merging import Answered
from trellis.routeros.problem import RouterosProblem
from trellis.routeros.reading import read, read_routes
from trellis.routeros.routes import Route
from trellis.site import Site
from trellis.site.advertising import RouterAdvertisements
from trellis.site.refusal import Refusal

_UNADVERTISED = RouterAdvertisements()
"""How long a prefix is remembered where nothing is advertised: addresses of it stand in machine configurations."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a VNet's prefix comes from.

    Attributes:
        vnet: Its id.
        edge: The edge that has it.
        pool: The pool there.
    """

    vnet: str
    edge: str
    pool: str


def sources(site: Site) -> tuple[Source, ...]:
    """Return where the prefix of each VNet comes from that has one, by VNet.

    Args:
        site: The site; an edge that is not named is the only one.
    """
    only = next(iter(site.edges), "")
    return tuple(
        Source(name, vnet.delegation.edge or only, vnet.delegation.pool)
        for name, vnet in sorted(site.vnets.items())
        if vnet.delegation is not None
    )


def lifetimes(site: Site) -> dict[str, int]:
    """Return how many seconds guests of each VNet remember a prefix that they hear of no more."""
    return {name: (vnet.router_advertisements or _UNADVERTISED).valid_lifetime_s for name, vnet in site.vnets.items()}


def asked(
    site: Site, password_of: Callable[[str], str], patience: Patience, say: Callable[[str], None]
) -> dict[str, Answered]:
    """Ask each edge for its VNets' prefixes: all answer, or there is no answer.

    Args:
        site: The site.
        password_of: The password with which an edge is asked.
        patience: How long each is waited for.
        say: Is told of attempts that failed.

    Raises:
        RouterosProblem: An edge can't be asked, or does not answer.
    """
    wanted = sources(site)
    edges = sorted({source.edge for source in wanted})
    if unreachable := [*_without_rest_api(site, edges)]:
        raise RouterosProblem(", ".join(one.path.split(".")[1] for one in unreachable), unreachable)
    found: dict[tuple[str, str], IPv6Network | None] = {}
    for edge in edges:
        pools = {one.pool: f"vnets.{one.vnet}.delegation.pool" for one in wanted if one.edge == edge}
        answered = read(_router(site, edge, password_of(edge)), pools, patience, say)
        found |= {(edge, pool): prefix for pool, prefix in answered.items()}
    lasting = lifetimes(site)
    return {one.vnet: Answered(found[one.edge, one.pool], lasting[one.vnet]) for one in wanted}


def routes_of_edges(
    site: Site, password_of: Callable[[str], str], patience: Patience, say: Callable[[str], None]
) -> dict[str, tuple[Route, ...]]:
    """Ask each edge that says where it is asked for the routes by which it forwards; see `asked` for the arguments."""
    edges = sorted(name for name, edge in site.edges.items() if edge.rest_api is not None)
    return {edge: read_routes(_router(site, edge, password_of(edge)), patience, say) for edge in edges}


def _without_rest_api(site: Site, edges: list[str]) -> Iterator[Refusal]:
    for edge in edges:
        if site.edges[edge].rest_api is None:
            rule, why = "an edge that has VNets' pools says where it is asked", "nobody else knows what is delegated"
            remedy = "set its endpoint and its certificate's fingerprint there; or write the prefix file by hand"
            yield Refusal(f"edges.{edge}.rest_api", "nothing", rule, why, remedy)


def _router(site: Site, edge: str, password: str) -> Router:
    api = site.edges[edge].rest_api
    assert api is not None, "refused above"
    return Router(edge, api.endpoint, api.certificate, api.user, password)
