"""One function per stanza: a piece of a plan in, its lines out; the text itself stands in ``templates/``.

Stanzas that several hosts share (policies above all) are rendered once: the plan hands out the same object, and
it is remembered here by its identity while the rendering lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trellis.plan import names
from trellis.plan.filter_model import Policy
from trellis.plan.model import BfdProfile, BgpInstance, HostPlan
from trellis.pve import EvpnZone, Piece
from trellis.render.compiled import BesideTheTemplates
from trellis.render.defaults import (
    ADVERTISEMENT_INTERVAL_S,
    DEFAULTS,
    PREFIX_LIFETIMES_S,
    bgp_lines,
    enforces_first_as,
)

_TEMPLATES = Path(__file__).parents[2] / "templates"


@cache  # compiling the templates takes five times as long as filling them for a small site
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (no HTML: every string was validated by the site)
        auto_reload=False,
        bytecode_cache=BesideTheTemplates(_TEMPLATES),
    )


class Stanzas:
    """Renders stanzas, each distinct one once."""

    def __init__(self) -> None:
        self._environment = _environment()
        self._rendered: dict[Hashable, str] = {}
        self._alive: list[object] = []
        self._pieces: dict[str, Piece] = {}

    def fill(self, template: str, **view: Any) -> str:
        """Return a template filled with ``view``; a name that is missing there is an error."""
        return self._environment.get_template(template).render(view)

    def header(self, host: HostPlan) -> str:
        """Return the first lines of a frr.conf that no one else writes.

        There is no ``frr version`` among them: FRR prints its own with the patch release, which no site names, and
        ``frr-reload.py`` would list any other at each run (R14).
        """
        return self.fill("frr/header.j2", host=host)

    def interfaces(self, host: HostPlan) -> str:
        """Return the interfaces of the underlay, those on which FRR advertises or must not, and the OSPFv2 router."""
        interfaces = self.fill(
            "frr/interfaces.j2",
            interfaces=host.interfaces,
            silenced=host.silenced,
            advertised=tuple(told for told in host.advertised if told.sender == "frr"),
            default_lifetimes_s=PREFIX_LIFETIMES_S,
            default_interval_s=ADVERTISEMENT_INTERVAL_S,
        )
        return interfaces + self.fill("frr/ospf.j2", router_id=host.ipv4)

    def ospf6(self, host: HostPlan) -> str:
        """Return the OSPFv3 router."""
        return self.fill("frr/ospf6.j2", router_id=host.ipv4)

    def bfd(self, host: HostPlan) -> str:
        """Return the BFD profiles, without what is FRR's default."""
        default = DEFAULTS[host.frr_version]
        profiles = tuple(
            BfdProfile(
                profile.name,
                0 if profile.interval_ms == default.bfd_interval_ms else profile.interval_ms,
                0 if profile.multiplier == default.bfd_multiplier else profile.multiplier,
                profile.passive,
            )
            for profile in host.bfd_profiles
        )
        return self.fill("frr/bfd.j2", profiles=profiles)

    def as_path_lists(self, policy: Policy) -> str:
        """Return the AS-path lists of a policy, which Proxmox's merge would drop where they stand by themselves."""
        return self._once(policy, "paths", lambda: self.fill("frr/as_path_lists.j2", lists=policy.as_path_lists))

    def next_hops(self) -> str:
        """Return by which routes BGP looks up next hops in the global table."""
        return self.fill("frr/next_hops.j2", route_map=names.NEXT_HOPS)

    def vrfs(self, host: HostPlan) -> str:
        """Return the VRFs that Proxmox does not write, and the routes of those that it does."""
        return self.fill("frr/vrfs.j2", vrfs=host.vrfs)

    def bgp(self, host: HostPlan, instance: BgpInstance) -> str:
        """Return a ``router bgp`` block; where Proxmox writes the router id, once for all hosts with the same one."""
        router_id = None if instance.generated else host.ipv4
        releases = host.frr_version, host.pve_version
        return self._once(instance, (router_id, *releases), lambda: self._bgp(host, instance, router_id))

    def _bgp(self, host: HostPlan, instance: BgpInstance, router_id: str | None) -> str:
        return self.fill(
            "frr/bgp.j2",
            bgp=instance,
            router_id=router_id,
            timers=(instance.keepalive_s, instance.hold_time_s) != DEFAULTS[host.frr_version].timers_s,
            always_printed=bgp_lines(host),
            first_as_of=() if enforces_first_as(host) else _foreign(instance),
        )

    def bare_vrf_routers(self, host: HostPlan, zones: tuple[EvpnZone, ...]) -> str:
        """Return what the VRF routers need that Proxmox writes on every node, also for zones of other nodes."""
        carried, always_printed = {vrf.name for vrf in host.vrfs}, bgp_lines(host)
        vrfs = tuple(zone.vrf for zone in zones if zone.vrf not in carried) if always_printed else ()
        return self.fill("frr/bare_vrf_routers.j2", asn=host.bgp[0].asn, vrfs=vrfs, always_printed=always_printed)

    def sysctls(self, sysctls: tuple[tuple[str, str], ...]) -> str:
        """Return the file of kernel settings; rendered once for all hosts with the same ones."""
        return self._once(sysctls, (), lambda: self.fill("host/sysctl.j2", sysctls=sysctls))

    def policy(self, policy: Policy) -> str:
        """Return community-lists, prefix-lists and route-maps; rendered once per policy object."""
        return self._once(policy, (), lambda: self._policy(policy))

    def _policy(self, policy: Policy) -> str:
        return "".join(
            (
                self.fill("frr/community_lists.j2", lists=policy.community_lists),
                self.fill("frr/prefix_lists.j2", lists=policy.prefix_lists),
                self.fill("frr/route_maps.j2", maps=policy.route_maps),
            )
        )

    def _once(self, shared: object, view: Hashable, make: Callable[[], str]) -> str:
        """Return the text of an object that several hosts may share, made at the first of them.

        Args:
            shared: A part of the plan.
            view: What else the text depends on.
            make: Makes it.
        """
        key = id(shared), view
        if key not in self._rendered:
            self._alive.append(shared)  # an id is only unique while its object lives
            self._rendered[key] = make()
        return self._rendered[key]

    def piece(self, text: str) -> Piece:
        """Return stanzas of a frr.conf.local as a piece of it, taken apart once per text."""
        if text not in self._pieces:
            self._pieces[text] = Piece.of(text)
        return self._pieces[text]


def _foreign(instance: BgpInstance) -> frozenset[str]:
    """Return the groups and lone neighbours of ``instance`` that are in another AS."""
    return frozenset(
        session.name for session in instance.sessions if session.group is None and session.remote_as != instance.asn
    )
