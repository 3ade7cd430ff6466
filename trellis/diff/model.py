"""What changes between two plans, as frozen values: the schema of `trellis diff --json`.

Every list is sorted, and says the same of two plans whatever order their sites are written in.  Where ``before`` and
``after`` change places, so do added and removed, gained and lost, widened and narrowed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

SCHEMA_VERSION = 1
"""Rises when a key goes or changes its meaning; keys may be added."""

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, order=True)
class Value:
    """An attribute as it was and as it will be; None where there is none, which is also before and after its owner."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A noun of the plan that comes, goes or is changed: a zone, a VNet, a guest, a leak, a link.

    Attributes:
        kind: The noun.
        values: What of it differs; all that it has where it comes or goes.
    """

    kind: str
    name: str
    what: What
    values: tuple[Value, ...]

    @property
    def moved(self) -> Value | None:
        """The host that a guest starts on, before and after, where that differs."""
        return next((value for value in self.values if value.name == "host" and self.what == "changed"), None)


@dataclass(frozen=True, slots=True)
class SessionChange:
    """A BGP session, or the offer of one to a whole subnet, on the hosts where it changes alike.

    Attributes:
        hosts: Where, in the order of their ids.
        vrf: None for the global instance.
        peer: The other side's address; of an open VNet the subnet from which anybody may speak.
        party: Who that is: ``guest solcp01``, ``edge edge1``, ``host pve02``, ``anybody on vnet200``.
        resets: Of a session that stays, the attributes whose change resets it (``trellis.diff.resets``).
        unmeasured: Those of which nobody has measured whether they do.
    """

    hosts: tuple[str, ...]
    vrf: str | None
    peer: str
    party: str
    what: What
    values: tuple[Value, ...]
    resets: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()


Verdict = Literal["new", "gone", "widened", "narrowed", "widened and narrowed", "marks"]


@dataclass(frozen=True, slots=True)
class FilterChange:
    """What a filter lets through now that it did not, and no longer does.

    Attributes:
        direction: ``from`` a party (accepted), ``to`` it (announced), or ``between`` tables of a host.
        party: Whose routes; of ``between`` which tables.
        name: The route-map.
        verdict: ``new`` and ``gone`` where the session or table itself comes or goes; ``marks`` where the same routes
            pass and leave it with other communities or another preference.
        gained: Prefixes, each as FRR writes an entry of a prefix-list: ``10.0.0.0/8 ge 24 le 32``.  Those with
            ``except`` before them come last: what of the others is not among it.
        asns_gained: Ranges of ASNs that may now stand in a path.
    """

    hosts: tuple[str, ...]
    direction: Literal["from", "to", "between"]
    party: str
    name: str
    verdict: Verdict
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    asns_gained: tuple[str, ...] = ()
    asns_lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteChange:
    """Routes that hosts announce to somebody, out of what their guests announce and their VNets have.

    Attributes:
        to: ``edge edge1``, or ``hosts of evpnz1`` for EVPN type-5 routes.
        hosts: Who announces them.
    """

    to: str
    hosts: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostChange:
    """A host that gets something else.

    Attributes:
        what: ``added`` and ``removed``: it comes into the site or leaves it, and nothing of it is touched then.
        turn: In which batch of the run it is changed, from 1; None where it is not.
        maintenance: Why it is left out, although its files differ.
        reloads: What reads them anew: ``FRR``, ``nftables``, ``sysctl``, ``radvd``.
        restarts: Daemons of FRR that start or end.
        files: The files that differ.
    """

    host: str
    what: What
    turn: int | None
    maintenance: str | None
    reloads: tuple[str, ...]
    restarts: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputChange:
    """What a stack exports, or an edge is to hold, that differs.

    Attributes:
        kind: ``cluster``, ``guest`` or ``edge``.
        parts: What of it, where it stays: nodes whose machine configuration differs, keys of the document.
    """

    kind: Literal["cluster", "guest", "edge"]
    name: str
    what: What
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reserve:
    """How many there are of something that stands in for another: see `trellis.reach.consequences.Redundancy`.

    Attributes:
        before: None where ``who`` was not there.
        after: None where it is no longer there.
    """

    what: str
    who: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, order=True)
class Loss:
    """What somebody loses by a failure: ``guest solcp01``, ``loses the internet over IPv4``."""

    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What follows from one failure that did not, and what no longer does.

    Attributes:
        down: The host, edge or link that fails.
    """

    down: str
    worse: tuple[Loss, ...]
    better: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of a file that differ, alike on some hosts.

    Attributes:
        owners: Hosts, or the edge.
        path: The file.
        stanza: The stanza that it is in; empty where the file has none.
        lines: As in a unified diff, the first character a space, ``-`` or ``+``.
    """

    owners: tuple[str, ...]
    path: str
    stanza: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs between two plans.

    Attributes:
        nouns: Zones, VNets, guests, leaks, services, links, edges, what guests are told.
        sdn: Whether Proxmox's SDN is applied, which regenerates FRR's configuration on every node.
        judged: How many failures were considered on both sides.
        not_judged: Why no failure was, where there was cause to.
    """

    schema_version: int
    nouns: tuple[Change, ...]
    sessions: tuple[SessionChange, ...]
    filters: tuple[FilterChange, ...]
    routes: tuple[RouteChange, ...]
    hosts: tuple[HostChange, ...]
    sdn: bool
    on_failure: str
    outputs: tuple[OutputChange, ...]
    reserves: tuple[Reserve, ...]
    failures: tuple[Failure, ...]
    judged: int
    not_judged: str | None
    hunks: tuple[Hunk, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        told = (getattr(self, field.name) for field in fields(self))
        return not self.sdn and not any(found for found in told if isinstance(found, tuple))
