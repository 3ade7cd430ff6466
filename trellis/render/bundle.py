"""Plan -> the files of each host: FRR's configuration, daemons, kernel settings, filters.

On a ``pve`` host frr.conf.local is ours and frr.conf is Proxmox's; both are in the bundle, the second one as
Proxmox will write it (``trellis.pve``), so that what will run is known before anything is touched.  A line of
ours that Proxmox's merge would drop or renumber is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from trellis.plan.model import HostPlan, Plan
from trellis.pve import Loss, Node, Piece, SdnState, carry_in_router, effective_of_pieces, pve_version
from trellis.render.firewall import FIREWALL, FIREWALL_UNIT, Firewalls
from trellis.render.ground import (
    NOTHING_NEEDED,
    Loopbacks,
    Preconditions,
    loopbacks,
    needs_radvd,
    preconditions,
)
from trellis.render.sound import Soundness
from trellis.render.stanzas import Stanzas
from trellis.site.refusal import Refusal, raise_if_any

FRR_CONF = "/etc/frr/frr.conf"
FRR_CONF_LOCAL = "/etc/frr/frr.conf.local"
DAEMONS = "/etc/frr/daemons"
DAEMONS_BESIDE_PROXMOX = "/etc/frr/daemons.conf"
"""FRR starts what this file or ``/etc/frr/daemons`` names; Proxmox never writes it (incident I2)."""
INTERFACES = "/etc/network/interfaces"
"""Proxmox's and the operator's file; the stanzas of the loopbacks in it are ours."""
SYSCTLS = "/etc/sysctl.d/90-trellis.conf"
RADVD_CONF = "/etc/radvd.conf"
RADVD_UNIT = "radvd.service"

# In the order of FRR's own daemons file; zebra, mgmtd and staticd always run.
_KNOWN_DAEMONS = [
    "bgpd",
    "ospfd",
    "ospf6d",
    "ripd",
    "ripngd",
    "isisd",
    "pimd",
    "pim6d",
    "ldpd",
    "nhrpd",
    "eigrpd",
    "babeld",
    "sharpd",
    "pbrd",
    "bfdd",
    "fabricd",
    "vrrpd",
    "pathd",
]


@dataclass(frozen=True, slots=True)
class HostFile:
    """A file that Trellis puts on a host.

    Attributes:
        parts: What it holds, each part whole lines.  Hosts share most of them, and share them in memory.
    """

    path: str
    parts: tuple[str, ...]
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"

    @property
    def text(self) -> str:
        """The whole file; it ends in a newline."""
        return "".join(self.parts)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that one host gets in one transaction.

    Attributes:
        pve_version: The Proxmox release that the text was computed for; None on a plain host.
        pve_network: The versions of libpve-network-perl that behave so: the first, and the first that does not.
        running_config: Path of the file that FRR's running configuration must equal.
        sysctls: Path of the file of kernel settings.
        nftables: Path of the file with the host's table, if it gets one.
        units: Units among the files that are enabled.
        read_by: Units that read files of it, each with these; they run with them, and are told when one changes.
        frr_advertises_on: VNets on which FRR advertises the host to guests.
        preconditions: What the host must have already.
        loopbacks: The interface of the host's loopbacks; None where they are not ours to make.
        secrets: Names of the secrets whose placeholders stand in its text, sorted.
        confirm_within_s: Seconds in which a change must be confirmed over a connection of its own; None asks for none.
        sessions_within_s: Seconds in which sessions that were up must be up again; None does not look at them.
        base: What Proxmox will generate before it merges frr.conf.local into it; None on another host.
        replaces: Digest of what a first deploy may replace of the host's earlier configuration; None for nothing.
    """

    host: str
    kind: str
    frr_version: str
    daemons: tuple[str, ...]
    files: tuple[HostFile, ...]
    pve_version: str | None = None
    pve_network: tuple[str, str | None] | None = None
    running_config: str = FRR_CONF
    sysctls: str = SYSCTLS
    nftables: str | None = None
    units: tuple[str, ...] = ()
    read_by: tuple[tuple[str, tuple[str, ...]], ...] = ()
    frr_advertises_on: tuple[str, ...] = ()
    preconditions: Preconditions = NOTHING_NEEDED
    loopbacks: Loopbacks | None = None
    secrets: tuple[str, ...] = ()
    confirm_within_s: float | None = None
    sessions_within_s: float | None = None
    base: str | None = None
    replaces: str | None = None

    def text(self, path: str) -> str:
        """Return the text of the file at ``path``, or our part of it; KeyError if the bundle has none."""
        if path == INTERFACES and self.loopbacks is not None:
            return "\n".join((*self.loopbacks.stanza, ""))
        for file in self.files:
            if file.path == path:
                return file.text
        raise KeyError(path)


def render(plan: Plan) -> tuple[Bundle, ...]:
    """Return the bundle of each host of ``plan``, in the plan's order.

    Args:
        plan: What shall run.

    Raises:
        SiteRefused: If Proxmox's merge would change what a host's text means, or a text holds what none may hold;
            every such line is named.
    """
    refusals: list[Refusal] = []
    bundles = _bundles(plan, refusals)
    sound = Soundness()
    for bundle in bundles:
        own = FRR_CONF_LOCAL if bundle.kind == "pve" else FRR_CONF
        texts = ((file.path, file.parts) for file in bundle.files if own == FRR_CONF or file.path != FRR_CONF)
        refusals.extend(sound.refusals(bundle.host, texts, own, bundle.text(FRR_CONF)))
    raise_if_any(refusals)
    return bundles


def _bundles(plan: Plan, refusals: list[Refusal]) -> tuple[Bundle, ...]:
    stanzas = Stanzas()
    firewalls = Firewalls(plan, stanzas)
    return tuple(
        replace(
            _bundle(stanzas, firewalls, plan.sdn, host, refusals),
            preconditions=preconditions(plan, host),
            loopbacks=loopbacks(stanzas, host),
            confirm_within_s=plan.rollout.confirm_within_s,
            sessions_within_s=plan.rollout.sessions_within_s,
        )
        for host in plan.hosts
    )


def _bundle(
    stanzas: Stanzas, firewalls: Firewalls, sdn: SdnState | None, host: HostPlan, refusals: list[Refusal]
) -> Bundle:
    configs: tuple[HostFile, ...]
    if host.kind == "pve":
        state = sdn or SdnState()
        local = _local(stanzas, host, state)
        merged = effective_of_pieces(state, _node(host), local)
        refusals.extend(_refusal(host.name, loss) for loss in merged.losses)
        configs = (
            _frr_file(FRR_CONF_LOCAL, *(piece.text for piece in local)),
            _frr_file(FRR_CONF, *merged.parts),
            _frr_file(DAEMONS_BESIDE_PROXMOX, stanzas.fill("host/daemons_conf.j2", wanted=host.daemons)),
        )
    else:
        daemons = stanzas.fill("host/daemons.j2", known=_KNOWN_DAEMONS, wanted=host.daemons)
        configs = (_frr_file(FRR_CONF, *_whole(stanzas, host)), _frr_file(DAEMONS, daemons))
    return Bundle(
        host=host.name,
        kind=host.kind,
        frr_version=host.frr_version,
        daemons=host.daemons,
        files=(
            *configs,
            HostFile(SYSCTLS, (stanzas.sysctls(host.sysctls),)),
            HostFile(FIREWALL, firewalls.of_host(host)),
            HostFile(FIREWALL_UNIT, (firewalls.unit,)),
            *_advertising(stanzas, host),
        ),
        pve_version=host.pve_version,
        pve_network=_pve_network(host),
        base=_base(sdn or SdnState(), host) if host.kind == "pve" else None,
        nftables=FIREWALL,
        units=(PurePosixPath(FIREWALL_UNIT).name,),
        read_by=((RADVD_UNIT, (RADVD_CONF,)),) if needs_radvd(host) else (),
        frr_advertises_on=tuple(told.vnet for told in host.advertised if told.sender == "frr"),
        secrets=secrets_of(host),
        replaces=host.replaces,
    )


def _advertising(stanzas: Stanzas, host: HostPlan) -> tuple[HostFile, ...]:
    """Return radvd's configuration where there is something for it to say: it does not start on an empty one."""
    if not needs_radvd(host):
        return ()
    told = tuple(found for found in host.advertised if found.sender == "radvd")
    return (HostFile(RADVD_CONF, (stanzas.fill("host/radvd.conf.j2", advertised=told),)),)


def secrets_of(host: HostPlan) -> tuple[str, ...]:
    """Return the names of the secrets that a host needs, sorted."""
    return tuple(sorted({session.md5 for bgp in host.bgp for session in bgp.sessions if session.md5 is not None}))


def _base(state: SdnState, host: HostPlan) -> str:
    return "".join(effective_of_pieces(state, _node(host), ()).parts)


def _pve_network(host: HostPlan) -> tuple[str, str | None] | None:
    if host.pve_version is None:
        return None
    release = pve_version(host.pve_version)
    return release.first_package, release.before_package


def _whole(stanzas: Stanzas, host: HostPlan) -> tuple[str, ...]:
    """Return a frr.conf that is ours alone."""
    return (
        stanzas.header(host),
        stanzas.bfd(host),
        stanzas.interfaces(host),
        stanzas.ospf6(host),
        stanzas.next_hops(),
        stanzas.vrfs(host),
        *(stanzas.bgp(host, instance) for instance in host.bgp),
        stanzas.as_path_lists(host.policy),
        stanzas.policy(host.policy),
    )


def _local(stanzas: Stanzas, host: HostPlan, sdn: SdnState) -> tuple[Piece, ...]:
    """Return a frr.conf.local in the grammar that survives the merge.

    AS-path lists, the lookup of next hops and BFD profiles ride in ``router ospf6``, blocks last.
    """
    router_lines = tuple(stanzas.ospf6(host).splitlines()[1:-2])
    carried = (stanzas.as_path_lists(host.policy), stanzas.next_hops(), stanzas.bfd(host))
    texts = (
        stanzas.fill("frr/owner.j2"),
        stanzas.interfaces(host),
        "\n".join((*carry_in_router("ospf6", router_lines, tuple("".join(carried).splitlines())), "!", "")),
        stanzas.vrfs(host),
        *(stanzas.bgp(host, instance) for instance in host.bgp),
        stanzas.bare_vrf_routers(host, sdn.zones),
        stanzas.policy(host.policy),
    )
    return tuple(map(stanzas.piece, texts))


def _frr_file(path: str, *parts: str) -> HostFile:
    return HostFile(path, parts, mode="0640", owner="frr", group="frr")


def _node(host: HostPlan) -> Node:
    return Node(host.name, host.ipv4, (host.ipv4, host.ipv6), pve_version(host.pve_version or ""))


def _refusal(host: str, loss: Loss) -> Refusal:
    return Refusal(
        f"{host}:{FRR_CONF_LOCAL}:{loss.line_number}",
        loss.line,
        "every line of frr.conf.local survives Proxmox's merge as it is written (R1)",
        loss.explanation,
        "this is a defect of the rendered text, not of the site: report it with this message",
    )
