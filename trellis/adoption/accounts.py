"""What became of every line that was read: in the site's rendering, said there in other words, or not expressed.

Nothing here trusts the inference: only what the site renders counts, and what Proxmox generates for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trellis.adoption import given
from trellis.adoption.given import GivenCluster
from trellis.adoption.meanings import Meaning, implied, meanings
from trellis.adoption.objects import Judged, of_proxmox
from trellis.adoption.reading import Read
from trellis.adoption.reasons import BEHIND_EXIT, DAEMON, DROPPED, FIREWALL, RADVD, Why, other_key, why_not
from trellis.adoption.speaking import speaking
from trellis.adoption.statements import Path, Statement, masked, statements
from trellis.plan import Plan
from trellis.render import FRR_CONF, Bundle

State = Literal["rendered", "in other words", "proxmox", "host", "repeated", "unexpressed"]


@dataclass(frozen=True, slots=True, order=True)
class Unexpressed:
    """Something that the site does not express.

    Attributes:
        host: The host; empty for what is Proxmox's.
        place: The file, or what was asked.
        number: The line there, from 1; 0 where it has none.
        line: The line behind those of its stanzas, without secrets.
        why: Why the site does not have it.
        remedy: What to do about it.
    """

    host: str
    place: str
    number: int
    line: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a line.

    Attributes:
        state: ``rendered``: the site's rendering has it. ``in other words``: it has what the line means. ``proxmox``:
            Proxmox writes it for what the site has. ``host``: the host has it without anybody's doing. ``repeated``: it
            is frr.conf's copy of a line of frr.conf.local.
        evidence: The lines that say the same, where they are others.
    """

    host: str
    place: str
    number: int
    line: str
    state: State
    evidence: tuple[str, ...] = ()
    unexpressed: Unexpressed | None = None


@dataclass(frozen=True, slots=True)
class Packaged:
    """What a host has without anybody's doing.

    Attributes:
        lines: Forms of FRR's lines, each with the reason.
        options: Words of the daemons' options.
    """

    lines: Mapping[str, str]
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Target:
    """What a host will run."""

    paths: frozenset[Path]
    base: frozenset[Path]
    said: Mapping[Meaning, Path]
    assumed: frozenset[Meaning]


def accounts(
    reads: Sequence[Read], cluster: GivenCluster, planned: Plan, bundles: Sequence[Bundle], packaged: Packaged
) -> tuple[Account, ...]:
    """Return what became of every line, in the order of hosts, files and lines.

    Args:
        reads: The hosts.
        cluster: What was read.
        planned: The site's plan.
        bundles: What it renders.
        packaged: What hosts have without anybody's doing.
    """
    by_host = {bundle.host: bundle for bundle in bundles}
    keys: dict[str, str] = {}
    found = [_object(judged) for judged in of_proxmox(cluster, planned.sdn)]
    for read in reads:
        bundle = by_host[read.name]
        target = _target(read, bundle, planned)
        found += _frr(read, target, packaged, keys)
        found += _daemons(read, bundle, packaged)
        found += _radvd(read, bundle)
        found += _firewall(read, bundle)
    return tuple(found)


def _target(read: Read, bundle: Bundle, planned: Plan) -> _Target:
    intent, _ = statements(read.name, FRR_CONF, bundle.text(FRR_CONF))
    base, _ = statements(read.name, FRR_CONF, bundle.base or "")
    bgp = speaking(intent)
    said: dict[Meaning, Path] = {}
    for statement in intent:
        for meaning in meanings(statement, bgp, read.wires):
            said.setdefault(meaning, statement.path)
    addresses = frozenset(_addresses(read, planned))
    return _Target(
        frozenset(statement.path for statement in intent),
        frozenset(statement.path for statement in base),
        said,
        frozenset(implied(said)) | addresses,
    )


def _addresses(read: Read, planned: Plan) -> Iterator[Meaning]:
    """Yield the lines by which FRR would give interfaces the addresses that the site counts on."""
    for link in planned.links:
        for end in link.ends:
            if end.node == read.name:
                for keyword, address in (("ip", end.ipv4), ("ipv6", end.ipv6)):
                    yield f"interface {end.interface}", f"{keyword} address {address}"
                yield (f"interface {end.interface}",)


def _frr(read: Read, target: _Target, packaged: Packaged, keys: dict[str, str]) -> Iterator[Account]:
    """Judge frr.conf.local, then what frr.conf has beside it."""
    running = read.statements if read.statements and read.statements[0].file == given.FRR_CONF else ()
    in_force = {statement.path for statement in running}
    local = {statement.path: statement for statement in read.local}
    judged = _Judge(read, target, packaged, keys)
    yield from judged.all_of(read.local, in_force if running else None)
    rest = [statement for statement in running if statement.path not in local]
    for statement in (statement for statement in running if statement.path in local):
        yield _account(statement, "repeated", (f"{given.FRR_CONF_LOCAL}:{local[statement.path].number}",))
    yield from judged.all_of(rest, None)
    for statement in read.unread:
        yield _listed(statement, BEHIND_EXIT)


class _Judge:
    """Judges the statements of one host."""

    def __init__(self, read: Read, target: _Target, packaged: Packaged, keys: dict[str, str]) -> None:
        self._read = read
        self._target = target
        self._packaged = [re.compile(form) for form in packaged.lines]
        self._keys = keys

    def all_of(self, found: Sequence[Statement], in_force: set[Path] | None) -> Iterator[Account]:
        """Judge statements; a stanza's first line by what is inside where nothing else says it.

        Args:
            found: Statements of one file.
            in_force: What FRR runs, where that is another file.
        """
        made = {statement: self._one(statement) for statement in found}
        inside: dict[Path, list[Statement]] = {}
        for statement in found:
            for depth in range(1, len(statement.path)):
                inside.setdefault(statement.path[:depth], []).append(statement)
        for statement, account in made.items():
            children = [made[child] for child in inside.get(statement.path, ())]
            if account is not None:
                yield account
            elif children and all(children):
                yield _account(statement, "in other words", ("its lines, each by itself",))
            else:
                dropped = in_force is not None and statement.path not in in_force
                yield _listed(statement, DROPPED if dropped else why_not(statement))

    def _one(self, statement: Statement) -> Account | None:
        """Return the account of a line that is expressed; None for one that is not."""
        if (key := _key(statement)) is not None and (wrong := self._other_key(statement, key)) is not None:
            return wrong
        if statement.path in self._target.paths:
            return _account(statement, "proxmox" if statement.path in self._target.base else "rendered")
        if not statement.around and any(form.fullmatch(statement.line) for form in self._packaged):
            return _account(statement, "host")
        if not statement.around and re.fullmatch(r"frr version \S+|line vty", statement.line):
            return _account(statement, "host")
        meant = meanings(statement, self._read.bgp, self._read.wires)
        known = self._target.said.keys() | self._target.assumed
        if meant and all(meaning in known for meaning in meant):
            evidence = (" > ".join(self._target.said.get(meaning, meaning)) for meaning in meant)
            return _account(statement, "in other words", tuple(dict.fromkeys(map(masked, evidence))))
        return None

    def _other_key(self, statement: Statement, key: str) -> Account | None:
        """List a session's key that is not the one of the sessions whose name it would have."""
        for meaning in meanings(statement, self._read.bgp, self._read.wires):
            path = self._target.said.get(meaning)
            name = re.search(r"\{\{secret:([a-z0-9-]+)\}\}", path[-1]) if path is not None else None
            if name is not None and self._keys.setdefault(name[1], key) != key:
                return _listed(statement, other_key(name[1]))
        return None


def _key(statement: Statement) -> str | None:
    found = re.fullmatch(r"neighbor \S+ password (?:8 )?(\S+)", statement.line)
    return found[1] if found else None


def _daemons(read: Read, bundle: Bundle, packaged: Packaged) -> Iterator[Account]:
    for number, line in _plain(read.host.text(given.DAEMONS)):
        name, _, value = line.partition("=")
        words = value.strip("\"' ").split()
        statement = Statement(read.name, given.DAEMONS, number, (line,))
        if words in ([], ["no"]) or name in ("vtysh_enable", "zebra", "mgmtd", "staticd"):
            yield _account(statement, "host")
        elif words == ["yes"] and name in bundle.daemons:
            yield _account(statement, "rendered")
        elif name.endswith("_options") and set(words) <= packaged.options:
            yield _account(statement, "host")
        else:
            yield _listed(statement, DAEMON)


def _radvd(read: Read, bundle: Bundle) -> Iterator[Account]:
    rendered = next((file.text for file in bundle.files if file.path == "/etc/radvd.conf"), "")
    known = {statement.path for statement in radvd_statements(read.name, rendered)}
    for statement in radvd_statements(read.name, read.host.text(given.RADVD)):
        yield _account(statement, "rendered") if statement.path in known else _listed(statement, RADVD)


def radvd_statements(host: str, text: str) -> Iterator[Statement]:
    """Yield the statements of a radvd.conf, each with the blocks it stands in.

    Args:
        host: The host's name.
        text: The file.
    """
    around: list[str] = []
    words: list[str] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        for word in re.findall(r"[{};]|[^\s{};]+", raw.partition("#")[0]):
            if word == "{":
                yield Statement(host, given.RADVD, number, (*around, " ".join(words)), opens=True)
                around.append(" ".join(words))
                words = []
            elif word == "}":
                del around[-1:]
            elif word == ";" and words:
                yield Statement(host, given.RADVD, number, (*around, " ".join(words)))
                words = []
            elif word != ";":
                words.append(word)


def _firewall(read: Read, bundle: Bundle) -> Iterator[Account]:
    rendered = bundle.text(bundle.nftables) if bundle.nftables else ""
    known = {line for _, line in _plain(rendered)}
    for number, line in _plain(read.host.text(given.FIREWALL)):
        statement = Statement(read.name, given.FIREWALL, number, (line,))
        yield _account(statement, "rendered") if line in known else _listed(statement, FIREWALL)


def _plain(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is neither empty nor a comment."""
    for number, raw in enumerate(text.splitlines(), start=1):
        if (line := raw.strip()) and not line.startswith("#"):
            yield number, line


def _object(judged: Judged) -> Account:
    if judged.why is None:
        return Account("", judged.place, judged.number, judged.line, "proxmox" if judged.by_proxmox else "rendered")
    told = Unexpressed("", judged.place, judged.number, judged.line, judged.why.why, judged.why.remedy)
    return Account("", judged.place, judged.number, judged.line, "unexpressed", unexpressed=told)


def _account(statement: Statement, state: State, evidence: tuple[str, ...] = ()) -> Account:
    return Account(statement.host, statement.file, statement.number, statement.shown, state, evidence)


def _listed(statement: Statement, why: Why) -> Account:
    remedy = why.remedy.replace("HOST", statement.host)
    told = Unexpressed(statement.host, statement.file, statement.number, statement.shown, why.why, remedy)
    return Account(told.host, told.place, told.number, told.line, "unexpressed", unexpressed=told)
