"""``trellis plan``, ``render`` and ``schema``: the pure core at the command line."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated

import typer
from rich.table import Table

from trellis.cli.console import Mistake, out, print_json
from trellis.cli.policy import held_plan
from trellis.cli.stack import FileOption, StackOption
from trellis.contract.schema import cluster_schema_text
from trellis.plan import Plan
from trellis.plan.model import EdgePlan
from trellis.policy.model import schema_text as policy_schema_text
from trellis.render import FRR_CONF, FRR_CONF_LOCAL, Bundle
from trellis.render import render as make_bundles
from trellis.render.bundle import secrets_of
from trellis.render.documents import edge_document
from trellis.render.edge import edge_filter
from trellis.render.edge_sessions import edge_sessions
from trellis.render.routeros import edge_script
from trellis.site.reference import reference_text
from trellis.site.schema import schema_text

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class EdgeFormat(Enum):
    """Who reads an edge's filter; or all that a RouterOS edge runs, as one script."""

    NFTABLES = "nftables"
    ROUTEROS = "routeros"
    RSC = "rsc"


def add_to(app: typer.Typer) -> None:
    """Add this module's commands to ``app``."""
    app.command()(plan)
    app.command()(render)
    app.command()(schema)


def plan(stack: StackOption = "dev", file: FileOption = None, json: Json = False) -> None:
    """Show what a site resolves to: hosts, sessions, VNIs and every guest's numbers.

    Examples:

      trellis plan

      trellis plan --stack prod --json | jq '.guests[].guest.asn'
    """
    planned = held_plan(stack, file)
    make_bundles(planned)  # a line that Proxmox's merge would change is refused here too
    if json:
        print_json(planned)
        return
    for table in (
        _hosts(planned),
        _rollout(planned),
        _vnets(planned),
        _told(planned),
        _guests(planned),
        _exceptions(planned),
        _secrets(planned),
    ):
        if table.row_count:
            out.print(table)


def render(
    name: Annotated[str | None, typer.Argument(help="One host or edge; all hosts if none is named.")] = None,
    effective: Annotated[
        bool, typer.Option("--effective", help="frr.conf as it will be after Proxmox's merge.")
    ] = False,
    path: Annotated[str | None, typer.Option("--path", help="Another file of the bundle, by its path.")] = None,
    written_for: Annotated[
        EdgeFormat | None,
        typer.Option("--format", help="Who shall read an edge's filter, by default its kind; rsc: all of a RouterOS."),
    ] = None,
    stack: StackOption = "dev",
    file: FileOption = None,
    json: Json = False,
) -> None:
    """Print the text that hosts get: our own FRR configuration, or with --effective what will run; or an edge's filter.

    Examples:

      trellis render pve01

      trellis render pve01 --effective | less

      trellis render --path /etc/sysctl.d/90-trellis.conf

      trellis render edge1 --format nftables

      trellis render edge1 --format rsc > edge1.rsc
    """
    planned = held_plan(stack, file)
    edge = next((edge for edge in planned.edges if edge.name == name), None)
    if edge is not None:
        if effective or path:
            raise Mistake(f"{name} is an edge: it gets one text, and --effective and --path are for hosts")
        _print_edge(planned, edge, written_for, json)
        return
    bundles = make_bundles(planned)
    chosen = [bundle for bundle in bundles if name in (None, bundle.host)]
    if not chosen:
        known = ", ".join((*(bundle.host for bundle in bundles), *(edge.name for edge in planned.edges)))
        raise Mistake(f"the site has no host or edge {name}; it has {known}")
    if written_for is not None:
        raise Mistake("--format is for an edge's filter: name an edge")
    if json:
        print_json({bundle.host: {file.path: file.text for file in bundle.files} for bundle in chosen})
        return
    for bundle in chosen:
        wanted = path or (FRR_CONF if effective or bundle.kind == "frr" else FRR_CONF_LOCAL)
        if len(chosen) > 1:
            sys.stdout.write(f"! ==== {bundle.host}:{wanted}\n")
        sys.stdout.write(_text(bundle, wanted))


def schema(
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Of the document that a cluster's bootstrap reads, instead of the site.")
    ] = False,
    policy: Annotated[bool, typer.Option("--policy", help="Of a policy file, instead of the site.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A site's reference as a page: nouns, ranges, defaults, meanings.")
    ] = False,
) -> None:
    """Print the JSON Schema of a site, for editors and other tools; or of the stack's output for a cluster.

    Examples:

      trellis schema > site.schema.json

      trellis schema --markdown > docs/reference/site.md

      trellis schema --cluster > cluster.schema.json

      trellis schema --policy > policy.schema.json
    """
    if [cluster, policy, markdown].count(True) > 1:
        raise Mistake("--cluster, --policy and --markdown each ask for another document: ask for one of them")
    if policy:
        text = policy_schema_text()
    elif markdown:
        text = reference_text()
    else:
        text = cluster_schema_text() if cluster else schema_text()
    sys.stdout.write(text)


def _print_edge(planned: Plan, edge: EdgePlan, written_for: EdgeFormat | None, json: bool) -> None:
    if written_for is EdgeFormat.RSC:
        if edge.routeros is None:
            raise Mistake(f"{edge.name} is of kind {edge.kind}: only an edge of kind routeros reads a .rsc")
        script = edge_script(planned, edge)
        if json:
            print_json({edge.name: {f"{edge.name}.rsc": script}})
        else:
            sys.stdout.write(script)
        return
    form = written_for.value if written_for else None
    if json:
        print_json(edge_document(planned, edge.name, form))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in edge_sessions(planned, edge)))
        sys.stdout.write(edge_filter(planned, edge, form))


def _text(bundle: Bundle, path: str) -> str:
    try:
        return bundle.text(path)
    except KeyError:
        known = ", ".join(file.path for file in bundle.files)
        raise Mistake(f"{bundle.host} gets no file {path}; it gets {known}") from None


def _hosts(planned: Plan) -> Table:
    table = Table("host", "kind", "Proxmox", "FRR", "router id", "underlay", "sessions", "VRF: L3VNI", title="Hosts")
    for host in planned.hosts:
        sessions = sum(1 for bgp in host.bgp for session in bgp.sessions if not session.is_group)
        links = ", ".join(interface.name for interface in host.interfaces if not interface.passive)
        vrfs = ", ".join(f"{vrf.name}: {vrf.l3vni}" for vrf in host.vrfs)
        version = host.pve_version or "-"
        table.add_row(host.name, host.kind, version, host.frr_version, host.ipv4, links, str(sessions), vrfs)
    return table


def _rollout(planned: Plan) -> Table:
    order = planned.rollout
    done = {"keep": "those before it are kept", "roll_back": "all of the run take their change back"}
    table = Table("turn", "hosts", "if one fails", title="The order in which hosts are changed")
    for number, batch in enumerate(order.batches, start=1):
        fails = done[order.on_failure] if number > 1 else "no other host is touched"
        table.add_row(str(number), ", ".join(batch), fails)
    for host, why in order.maintenance:
        table.add_row("-", host, f"left out, nothing is sent to it: {why}")
    return table


def _secrets(planned: Plan) -> Table:
    """The secrets that the site names: their values are the stack's configuration."""
    table = Table("secret", "signs (TCP MD5)", "hosts", title="Secrets, kept by `pulumi config set --secret --path`")
    needed = {host.name: secrets_of(host) for host in planned.hosts}
    between = {s.md5 for host in planned.hosts for bgp in host.bgp for s in bgp.sessions if s.is_group}
    for secret in sorted({secret for secrets in needed.values() for secret in secrets}):
        signs = [f"sessions with {edge.name}" for edge in planned.edges if edge.md5 == secret]
        signs += ["sessions between hosts"] if secret in between else []
        table.add_row(secret, ", ".join(signs), ", ".join(host for host in needed if secret in needed[host]))
    return table


def _vnets(planned: Plan) -> Table:
    table = Table("VNet", "zone", "tenant", "VNI", "route target", title="VNets")
    for vnet in planned.vnets:
        table.add_row(vnet.name, vnet.zone, vnet.tenant, str(vnet.vni), vnet.route_target)
    return table


def _told(planned: Plan) -> Table:
    """Return the IPv6 subnets of VNets whose guests hear of one, or that have delegated ones."""
    table = Table("VNet", "subnet", "gateway", "prefix is", "advertised by", title="What guests are told of IPv6")
    for vnet in planned.vnets:
        if vnet.advertisement is None and not vnet.delegated:
            continue
        sender = vnet.advertisement.sender if vnet.advertisement is not None else "nobody"
        own = zip(vnet.subnets, vnet.gateways, strict=True)
        subnets = [(prefix, gateway, "the VNet's own") for prefix, gateway in own if ":" in prefix]
        subnets += [(subnet.prefix, subnet.gateway, f"delegated, {subnet.state}") for subnet in vnet.delegated]
        for subnet in subnets:
            table.add_row(vnet.name, *subnet, sender)
    return table


def _exceptions(planned: Plan) -> Table:
    table = Table("name", "from", "to", "what", title="What may pass between zones and to the infrastructure")
    for leak in planned.firewall.leaks:
        sides = [f"{zone}: {' '.join(prefixes)}" for zone, prefixes in zip(leak.zones, leak.prefixes, strict=True)]
        table.add_row(f"leak {leak.name}", *sides, "everything, both ways")
    for service in planned.firewall.services:
        what = f"{service.protocol} {' '.join(map(str, service.ports))}"
        to = " ".join(service.to) or "the guest's host, by its gateway addresses"
        table.add_row(f"service {service.name}", " ".join(service.vnets), to, what)
    return table


def _guests(planned: Plan) -> Table:
    table = Table("guest", "VNet", "host", "ASN", "addresses", "announces", title="Guests")
    for planned_guest in planned.guests:
        guest = planned_guest.guest
        addresses = " ".join(str(address) for address in (guest.ipv4, guest.ipv6) if address is not None)
        announces = " ".join(map(str, (*guest.loopbacks, *guest.pods, *guest.services, *guest.extra)))
        table.add_row(guest.name, guest.vnet, guest.host, str(guest.asn), addresses, announces)
    return table
