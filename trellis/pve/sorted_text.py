"""The merge up to pve-network 1.2.5: the text is taken apart, stripped of all indentation, and printed sorted.

Nothing but `exit` closes a block, and it closes a router or a route-map entry only: after the `exit` of an
interface or a VRF its section stays open.  `exit-vrf` is kept as a statement.  A route-map entry exists only from
the `exit` on that closes it, and not while a router is open.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from trellis.pve.generated import Generated
from trellis.pve.reasons import Reason
from trellis.pve.rules import Groups, Rule, numbered, parsed_sorted

Line = tuple[str, int]
"""A line of the result and the line of frr.conf.local that it came from (0: Proxmox's own)."""


@dataclass(slots=True)
class _Router:
    statements: list[Line] = field(default_factory=list)
    families: dict[str, list[Line]] = field(default_factory=dict)


@dataclass(slots=True)
class _Entry:
    action: str
    number: int
    statements: list[Line]


@dataclass(slots=True)
class Sorted:
    """Generated and local lines by what they belong to, as Proxmox keeps them before it prints.

    Attributes:
        routers: By what stands behind `router `.
        vrfs: By name.
        interfaces: By name.
        numbered: Entries by kind, list name and number (as text).
        communities: Community-list lines.
        route_maps: Entries by name.
        dropped: Why a line is nowhere.
        faults: Lines that harm although they may be somewhere.
    """

    routers: dict[str, _Router] = field(default_factory=dict)
    vrfs: dict[str, list[Line]] = field(default_factory=dict)
    interfaces: dict[str, list[Line]] = field(default_factory=dict)
    numbered: dict[str, dict[str, dict[str, Line]]] = field(default_factory=dict)
    communities: list[Line] = field(default_factory=list)
    route_maps: dict[str, list[_Entry]] = field(default_factory=dict)
    dropped: dict[int, Reason] = field(default_factory=dict)
    faults: dict[int, Reason] = field(default_factory=dict)


def _of_generated(generated: Generated) -> Sorted:
    kept = Sorted()
    for instance in generated.instances:
        kept.routers[instance.header.removeprefix("router ")] = _Router(
            [(line, 0) for line in instance.statements],
            {name: [(line, 0) for line in statements] for name, statements in instance.families},
        )
    for name, statements in generated.vrfs:
        kept.vrfs[name] = [(line, 0) for line in statements]
    for name, actions in generated.route_maps:
        kept.route_maps[name] = [_Entry(action, 0, []) for action in actions]
    return kept


class _Parser:
    """The state of Proxmox's parser between two lines."""

    def __init__(self, generated: Generated) -> None:
        self.kept = _of_generated(generated)
        self._section: list[Line] | None = None
        self._vrf_section = False
        self._router: str | None = None
        self._map_name: str | None = None
        self._entry: _Entry | None = None
        self._in_entry = False
        self._interface_openers: dict[str, int] = {}
        self._nonsense: set[str] = set()
        self._rules: dict[Rule, Callable[[int, str, Groups], None]] = {
            Rule.ROUTER: self._router_block,
            Rule.VRF: self._vrf,
            Rule.INTERFACE: self._interface,
            Rule.COMMUNITY_LIST: self._community_list,
            Rule.NUMBERED_LIST: self._numbered_list,
            Rule.FAMILY: self._family,
            Rule.ROUTE_MAP: self._route_map_entry,
            Rule.EXIT_FAMILY: self._nothing,
            Rule.EXIT: self._exit,
            Rule.EXCLAMATION: self._exclamation,
            Rule.STATEMENT: self._statement,
        }

    def take(self, number: int, line: str) -> None:
        rule, groups = parsed_sorted(line)
        self._rules[rule](number, line, groups)

    def finish(self) -> Sorted:
        self._abandon_entry()
        for name, number in self._interface_openers.items():
            if not self.kept.interfaces[name] and name not in self._nonsense:
                self.kept.faults[number] = Reason.EMPTY_INTERFACE
        return self.kept

    def _open(self, section: list[Line] | None, *, vrf: bool = False) -> None:
        self._section = section
        self._vrf_section = vrf
        self._in_entry = False

    def _abandon_entry(self) -> None:
        if self._entry is not None:
            lines = [self._entry.number, *(number for _, number in self._entry.statements)]
            self.kept.dropped.update(dict.fromkeys(lines, Reason.UNCLOSED_ROUTE_MAP))
            self._entry = None

    def _misplace_entry(self) -> None:
        """An entry closed in another block becomes a nonsense line of that block, which then is not empty."""
        self._nonsense |= {name for name, lines in self.kept.interfaces.items() if lines is self._section}
        self._abandon_entry()

    def _nothing(self, number: int, line: str, groups: Groups) -> None:
        """The generator writes its own `exit-address-family`."""

    def _router_block(self, number: int, line: str, groups: Groups) -> None:
        (self._router,) = groups
        self._open(self.kept.routers.setdefault(self._router, _Router()).statements)

    def _vrf(self, number: int, line: str, groups: Groups) -> None:
        self._open(self.kept.vrfs.setdefault(groups[0], []), vrf=True)

    def _interface(self, number: int, line: str, groups: Groups) -> None:
        name = groups[0]
        self._open(self.kept.interfaces.setdefault(name, []))
        self._interface_openers.setdefault(name, number)

    def _community_list(self, number: int, line: str, groups: Groups) -> None:
        self.kept.communities.append((line, number))

    def _numbered_list(self, number: int, line: str, groups: Groups) -> None:
        kind, name, sequence, rest = groups
        entries = self.kept.numbered.setdefault(kind, {}).setdefault(name, {})
        if sequence in entries:
            self.kept.dropped[entries[sequence][1]] = Reason.REPLACED
        entries[sequence] = (rest, number)

    def _family(self, number: int, line: str, groups: Groups) -> None:
        if not line.startswith("address-family "):
            self.kept.dropped[number] = Reason.READ_AS_FAMILY
        elif self._router is None:
            self.kept.faults[number] = Reason.FAMILY_WITHOUT_ROUTER
        router = self.kept.routers.setdefault(self._router or "", _Router())
        self._open(router.families.setdefault(groups[0], []))

    def _route_map_entry(self, number: int, line: str, groups: Groups) -> None:
        self._abandon_entry()
        name, action, sequence = groups
        if line != f"route-map {name} {action} {sequence}":
            self.kept.faults[number] = Reason.ROUTE_MAP_TAIL
        self._open(None)
        self._map_name = name
        self._entry = _Entry(action, number, [])
        self._in_entry = True

    def _exit(self, number: int, line: str, groups: Groups) -> None:
        if self._router is not None:
            self._router = None
        elif self._map_name is not None:
            if self._in_entry and self._entry is not None:
                self.kept.route_maps.setdefault(self._map_name, []).append(self._entry)
                self._entry = None
            self._misplace_entry()
            self._map_name = None
        else:
            return
        self._open(None)

    def _exclamation(self, number: int, line: str, groups: Groups) -> None:
        self.kept.dropped[number] = Reason.EXCLAMATION

    def _statement(self, number: int, line: str, groups: Groups) -> None:
        if self._map_name is not None:
            if self._entry is not None:
                self._entry.statements.append((line, number))
        elif self._section is None:
            unnumbered = line.startswith(("ip prefix-list ", "ipv6 prefix-list ", "access-list "))
            self.kept.dropped[number] = Reason.NO_SEQ if unnumbered else Reason.TOP_LEVEL
        else:
            self._section.append((line, number))
            if self._vrf_section and line == "exit-vrf":
                self.kept.faults[number] = Reason.EXIT_VRF


def place_sorted(generated: Generated, local: tuple[str, ...]) -> Sorted:
    """Take frr.conf.local apart, together with what Proxmox generates.

    Args:
        generated: What Proxmox generates for the node.
        local: The lines of frr.conf.local.

    Returns:
        All lines by what they belong to, with the reasons for those that are lost.
    """
    parser = _Parser(generated)
    for number, line in numbered(local, strip_indentation=True):
        parser.take(number, line)
    return parser.finish()


def lay_out_sorted(generated: Generated, kept: Sorted) -> list[Line]:
    """The resulting frr.conf.

    Args:
        generated: What Proxmox generates for the node; its header is used.
        kept: All lines by what they belong to.

    Returns:
        All lines, each with its origin.
    """
    out: list[Line] = [(line, 0) for line in generated.header]
    out.append(("!", 0))
    for name in sorted(kept.vrfs):
        out += [("!", 0), (f"vrf {name}", 0), *_indented(kept.vrfs[name], 1), ("exit-vrf", 0)]
    for name in sorted(kept.interfaces):
        out += [("!", 0), (f"interface {name}", 0), *_indented(sorted(kept.interfaces[name]), 1)]
    for name in sorted(kept.routers):
        out += _router_lines(name, kept.routers[name])
    for kind in ("access-list", "ip prefix-list", "ipv6 prefix-list"):
        entries = [
            (f"{kind} {name} seq {sequence} {rest}", number)
            for name, by_sequence in sorted(kept.numbered.get(kind, {}).items())
            for sequence, (rest, number) in sorted(by_sequence.items())
        ]
        out += [("!", 0), *entries] if entries else []
    if kept.communities:
        out += [("!", 0), *sorted(kept.communities)]
    for name in sorted(kept.route_maps):
        for sequence, entry in enumerate(kept.route_maps[name], 1):
            out += [("!", 0), (f"route-map {name} {entry.action} {sequence}", entry.number)]
            out += [*_indented(entry.statements, 1), ("exit", 0)]
    return [*out, ("!", 0), ("line vty", 0), ("!", 0)]


def _router_lines(name: str, router: _Router) -> list[Line]:
    out: list[Line] = [("!", 0), (f"router {name}", 0), *_indented(router.statements, 1)]
    for family in sorted(router.families):
        out += [(" !", 0), (f" address-family {family}", 0), *_indented(router.families[family], 2)]
        out.append((" exit-address-family", 0))
    return [*out, ("exit", 0)]


def _indented(lines: list[Line], depth: int) -> list[Line]:
    return [(" " * depth + line, number) for line, number in lines]
