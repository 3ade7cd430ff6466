"""The merge of pve-network 1.3.0: what Proxmox did not generate passes through as written, in file order.

The parser walks the file with one *section* to which unmatched lines go: the extra lines of something generated,
the custom text between Proxmox's routers and its route-maps, or nowhere.  Its habits are kept here exactly,
also the unhelpful ones (after an address family of our own, the section is the custom text, not the router).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from trellis.pve.generated import DEFAULT_VRF, Generated
from trellis.pve.reasons import Reason
from trellis.pve.rules import Groups, Rule, numbered, parsed_verbatim

Line = tuple[str, int]
"""A line of the result and the line of frr.conf.local that it came from (0: Proxmox's own)."""


@dataclass(slots=True)
class Placed:
    """Where the lines of frr.conf.local go.

    Attributes:
        custom: Text between what Proxmox generates for BGP and its route-maps.
        vrfs: Extra lines per generated VRF.
        instances: Extra lines per generated BGP instance, by VRF.
        families: Extra lines per generated address family, by VRF and family.
        route_maps: Lines of our route-map entries by name, with `exit` and `!`.
        dropped: Why a line is nowhere.
        faults: Lines that harm although they may be somewhere.
    """

    custom: list[Line] = field(default_factory=list)
    vrfs: dict[str, list[Line]] = field(default_factory=dict)
    instances: dict[str, list[Line]] = field(default_factory=dict)
    families: dict[tuple[str, str], list[Line]] = field(default_factory=dict)
    route_maps: dict[str, list[Line]] = field(default_factory=dict)
    dropped: dict[int, Reason] = field(default_factory=dict)
    faults: dict[int, Reason] = field(default_factory=dict)


class _Parser:
    """The state of Proxmox's parser between two lines."""

    def __init__(self, generated: Generated) -> None:
        self.placed = Placed()
        self._asns = {instance.vrf: instance.asn for instance in generated.instances}
        self._families = {(instance.vrf, name) for instance in generated.instances for name, _ in instance.families}
        self._vrfs = {name for name, _ in generated.vrfs}
        self._section: list[Line] | None = None
        self._asn: str | None = None
        self._vrf: str | None = None
        self._own_block = False
        self._own_family = False
        self._vrf_openers: dict[str, int] = {}
        self._rules: dict[Rule, Callable[[int, str, Groups], None]] = {
            Rule.ROUTER_BGP: self._router_bgp,
            Rule.ROUTER: self._block,
            Rule.VRF: self._vrf_block,
            Rule.INTERFACE: self._block,
            Rule.COMMUNITY_LIST: self._list,
            Rule.NUMBERED_LIST: self._list,
            Rule.FAMILY: self._family,
            Rule.ROUTE_MAP: self._route_map,
            Rule.EXIT_FAMILY: self._exit_family,
            Rule.EXIT: self._exit,
            Rule.EXCLAMATION: self._exclamation,
            Rule.STATEMENT: self._statement,
        }

    def take_all(self, lines: list[tuple[int, str]]) -> None:
        for number, line in lines:
            # Most lines are indented statements, which only the two unanchored rules could match.
            if line[0] == " " and self._section is not None and "address-family" not in line and "!" not in line:
                self._section.append((line, number))
            else:
                rule, groups = parsed_verbatim(line)
                self._rules[rule](number, line, groups)

    def finish(self) -> Placed:
        for vrf, number in self._vrf_openers.items():
            if not self.placed.vrfs.get(vrf):
                self.placed.faults[number] = Reason.EMPTY_VRF
        return self.placed

    def _is_generated(self) -> bool:
        return self._vrf is not None and self._asns.get(self._vrf) == self._asn

    def _router_bgp(self, number: int, line: str, groups: Groups) -> None:
        self._asn, vrf = groups
        self._vrf = vrf or DEFAULT_VRF
        if self._is_generated():
            self._section = self.placed.instances.setdefault(self._vrf, [])
        else:
            self._block(number, line, groups)

    def _block(self, number: int, line: str, groups: Groups) -> None:
        self._own_block = True
        self.placed.custom.append((line, number))
        self._section = self.placed.custom

    def _vrf_block(self, number: int, line: str, groups: Groups) -> None:
        (vrf,) = groups
        if vrf in self._vrfs:
            self._section = self.placed.vrfs.setdefault(vrf, [])
            self._vrf_openers.setdefault(vrf, number)
        else:
            self._block(number, line, groups)

    def _list(self, number: int, line: str, groups: Groups) -> None:
        self.placed.custom.append((line, number))

    def _family(self, number: int, line: str, groups: Groups) -> None:
        (family,) = groups
        if not line.lstrip().startswith("address-family "):
            self.placed.dropped[number] = Reason.READ_AS_FAMILY
        elif self._vrf is None:
            self.placed.faults[number] = Reason.FAMILY_WITHOUT_ROUTER
        if self._is_generated() and self._vrf is not None:
            if (self._vrf, family) in self._families:
                self._section = self.placed.families.setdefault((self._vrf, family), [])
                return
            target = self.placed.instances.setdefault(self._vrf, [])
        else:
            target = self.placed.custom
        self._own_family = True
        target.append((f" address-family {family}", number))
        self._section = target

    def _route_map(self, number: int, line: str, groups: Groups) -> None:
        name, action, sequence = groups
        self._own_block = True
        self._section = self.placed.route_maps.setdefault(name, [])
        self._section.append((f"route-map {name} {action} {sequence}", number))
        if line != f"route-map {name} {action} {sequence}":
            self.placed.faults[number] = Reason.ROUTE_MAP_TAIL

    def _exit_family(self, number: int, line: str, groups: Groups) -> None:
        if self._own_family:
            self._statement(number, line, groups)
            self._section = self.placed.custom
        elif self._vrf in self._asns:
            self._section = self.placed.instances.setdefault(self._vrf or "", [])
        else:
            self.placed.faults[number] = Reason.STRAY_EXIT_FAMILY
            self._section = None
        self._own_family = False

    def _exit(self, number: int, line: str, groups: Groups) -> None:
        if self._own_block and self._section is not None:
            self._section += [(line, number), ("!", 0)]
        self._section = self._asn = self._vrf = None
        self._own_block = False

    def _exclamation(self, number: int, line: str, groups: Groups) -> None:
        self.placed.dropped[number] = Reason.EXCLAMATION

    def _statement(self, number: int, line: str, groups: Groups) -> None:
        if self._section is None:
            unnumbered = line.startswith(("ip prefix-list ", "ipv6 prefix-list ", "access-list "))
            self.placed.dropped[number] = Reason.NO_SEQ if unnumbered else Reason.TOP_LEVEL
        else:
            self._section.append((line, number))


def place_verbatim(generated: Generated, local: tuple[str, ...]) -> Placed:
    """Where each line of frr.conf.local goes.

    Args:
        generated: What Proxmox generates for the node.
        local: The lines of frr.conf.local.

    Returns:
        The lines by their targets, with the reasons for those that are lost.
    """
    parser = _Parser(generated)
    parser.take_all(numbered(local, strip_indentation=False))
    return parser.finish()


def lay_out_verbatim(generated: Generated, placed: Placed) -> list[Line]:
    """The resulting frr.conf.

    Args:
        generated: What Proxmox generates for the node.
        placed: The lines of frr.conf.local by their targets.

    Returns:
        All lines, each with its origin.
    """
    out: list[Line] = [(line, 0) for line in generated.header]
    for name, statements in generated.vrfs:
        out += [("!", 0), (f"vrf {name}", 0), *((f" {line}", 0) for line in statements)]
        out += placed.vrfs.get(name, ())
        out.append(("exit-vrf", 0))
    for instance in generated.instances:
        out += [("!", 0), (instance.header, 0), *((f" {line}", 0) for line in instance.statements)]
        out += placed.instances.get(instance.vrf, ())
        for family, statements in instance.families:
            out += [(" !", 0), (f" address-family {family}", 0), *((f"  {line}", 0) for line in statements)]
            out += placed.families.get((instance.vrf, family), ())
            out.append((" exit-address-family", 0))
        out.append(("exit", 0))
    out += placed.custom
    entries_before = {name: len(actions) for name, actions in generated.route_maps}
    for name in sorted(placed.route_maps):
        out += _renumbered(placed.route_maps[name], entries_before.get(name, 0))
    for name, actions in generated.route_maps:
        for sequence, action in enumerate(actions, 1):
            out += [("!", 0), (f"route-map {name} {action} {sequence}", 0), ("exit", 0)]
    return [*out, ("!", 0), ("line vty", 0), ("!", 0)]


def _renumbered(entries: list[Line], sequence: int) -> list[Line]:
    out: list[Line] = []
    for line, number in entries:
        if line.startswith("route-map "):
            sequence += 1
            out.append((f"{line.rpartition(' ')[0]} {sequence}", number))
        else:
            out.append((line, number))
    return out
