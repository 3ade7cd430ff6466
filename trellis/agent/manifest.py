"""The manifest: all that a host is to hold, as the agent reads it from its standard input.

A manifest that passes here names only files that the agent may own, and no line in it can smuggle in another: the
agent runs as root, and this is the one thing that it believes. All problems of a manifest are reported together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis.agent import ground
from trellis.agent.ground import NOTHING_NEEDED, Loopbacks, Preconditions
from trellis.agent.harmless import orders
from trellis.agent.report import SCHEMA_VERSION
from trellis.agent.shape import UNPRINTABLE, Types, field_problems, text_problems

HEADING = f"trellis-manifest {SCHEMA_VERSION}\n"
"""A line that may stand before the document."""

ALLOWED_PATHS = (
    r"/etc/frr/[a-z][a-zA-Z0-9._-]*",
    r"/etc/sysctl\.d/90-trellis[a-z0-9-]*\.conf",
    r"/etc/systemd/system/frr\.service\.d/[a-z0-9][a-z0-9-]*\.conf",
    r"/etc/radvd\.conf",
    r"/etc/systemd/system/trellis-firewall\.service",
    r"/etc/trellis/firewall\.nft",
)
"""The only files that a manifest may name, as regular expressions."""

ALLOWED_UNITS = ("radvd.service",)
"""The only units that a manifest may have read its files; FRR and the firewall have steps of their own."""

ALLOWED_TO_ENABLE = ("trellis-firewall.service",)
"""The only units that a manifest may have enabled."""

RUNNING_CONFIG = "/etc/frr/frr.conf"
"""Where the intended running configuration is; any other file frr-reload.py would have FRR copy over this one."""

LONGEST_LINE = 4095
"""Bytes in a line; at 4096 `vtysh -f` hangs (measured with FRR 10.3)."""

TIMEOUT_S = (10, 600)
"""How long a reload of FRR may be given, in seconds, inclusive; emptying 6,000 lines takes 22 s."""

CONFIRM_WITHIN_S = (5, 3600)
"""How long a commit may wait for its confirmation, in seconds, inclusive."""

SESSIONS_WITHIN_S = (0, 3600)
"""How long a commit may wait for sessions to come back, in seconds, inclusive."""


class BadManifest(Exception):
    """A manifest that nothing may be done with."""

    def __init__(self, problems: list[str], host: str = "", digest: str = "") -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.host = host
        self.digest = digest


@dataclass(frozen=True, slots=True)
class ManagedFile:
    """A file as the host is to hold it.

    Attributes:
        raw: Its bytes where they are no text of ours (a copy in a backup); `lines` count for nothing then.
    """

    path: str
    mode: int
    owner: str
    group: str
    lines: tuple[str, ...]
    raw: bytes | None = None

    @property
    def text(self) -> str:
        """The file's whole text, each line ended."""
        return "".join(f"{line}\n" for line in self.lines) if self.raw is None else self.raw.decode(errors="replace")

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return self.text.encode() if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class UnitReload:
    """A unit that runs for as long as a file is there that it reads, and is told when one of them changes."""

    unit: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a host is to hold and to run.

    Attributes:
        confirm_within_s: How long a confirmation from outside is waited for; None asks for none.
        sessions_within_s: How long sessions that were up may take to be up again; None does not look at them.
        base: What Proxmox will generate before it merges frr.conf.local into it, as lines; None on another host.
        replaces: Digest of foreign lines that the site declares a first deploy may replace (`trellis.agent.adopt`).
        running: What FRR is to run where that is not the text of frr.conf: of a backup alone, never of a document.
    """

    host: str
    digest: str
    kind: str
    frr_version: str
    daemons: tuple[str, ...]
    files: tuple[ManagedFile, ...]
    running_config: str
    sysctls: str | None
    units_changed_reload: tuple[UnitReload, ...]
    timeout_s: float
    confirm_within_s: float | None
    pve_version: str | None = None
    pve_network: tuple[str, str | None] | None = None
    nftables: str | None = None
    units: tuple[str, ...] = ()
    preconditions: Preconditions = NOTHING_NEEDED
    loopbacks: Loopbacks | None = None
    sessions_within_s: float | None = None
    base: tuple[str, ...] | None = None
    replaces: str | None = None
    running: str | None = None

    def file(self, path: str) -> ManagedFile:
        """The file of that path, which must be one of the manifest's."""
        return next(file for file in self.files if file.path == path)

    @property
    def up(self) -> tuple[str, ...]:
        """All units that are to come up at boot, and to be up now."""
        return (*self.units, *(reader.unit for reader in self.units_changed_reload))

    @property
    def intent(self) -> str:
        """The configuration that FRR is to run."""
        return self.file(self.running_config).text if self.running is None else self.running


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a host is to have before a manifest comes: the part of it that `prepare` takes."""

    host: str
    digest: str
    kind: str
    preconditions: Preconditions
    loopbacks: Loopbacks | None
    base: tuple[str, ...] | None = None
    pve_version: str | None = None
    pve_network: tuple[str, str | None] | None = None


def digest_of(document: Mapping[str, Any]) -> str:
    """The digest of a manifest: SHA-256 over the canonical JSON of everything but its `digest`."""
    content = {key: value for key, value in document.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same document with its digest in it, second and third thing a reader sees."""
    head = {key: document[key] for key in ("schema_version", "host") if key in document}
    rest = {key: value for key, value in document.items() if key not in (*head, "digest")}
    return {**head, "digest": digest_of(document), **rest}


def parse(text: str) -> Manifest:
    """Read a manifest.

    Args:
        text: A JSON document, below the line `trellis-manifest 1` or without it. (Pulumi shows a text that begins
            with that line as text, line by line, and would show bare JSON by the numbers of its list entries.)

    Raises:
        BadManifest: It is none, or not one that may be carried out; names everything that is wrong with it.
    """
    try:
        document = json.loads(text.removeprefix(HEADING))
    except ValueError as error:
        raise BadManifest([f"not JSON: {error}"]) from None
    if not isinstance(document, dict):
        raise BadManifest(["not a JSON object"])
    host, digest = str(document.get("host", "")), str(document.get("digest", ""))
    problems = _shape_problems(document)
    if not problems:
        manifest = _built(document)
        problems = _content_problems(manifest)
        if digest != digest_of(document):
            problems.append(f"digest: {digest} is not this manifest's ({digest_of(document)}): was it cut or edited?")
        if not problems:
            return manifest
    raise BadManifest(problems, host, digest)


def parse_preparation(text: str) -> Preparation:
    """Read the document that `prepare` takes: some fields of a manifest, with a digest of their own.

    Raises:
        BadManifest: It is none; names everything that is wrong with it.
    """
    try:
        document = json.loads(text.removeprefix(HEADING))
    except ValueError as error:
        raise BadManifest([f"not JSON: {error}"]) from None
    fields: Types = {"schema_version": int, "host": str, "digest": str, "kind": str}
    names = ("preconditions", "loopbacks", "base", "pve_version", "pve_network")
    optional: Types = {name: _OPTIONAL[name] for name in names}
    problems = field_problems("", document, fields, optional)
    if not problems and document["schema_version"] != SCHEMA_VERSION:
        problems.append(f"schema_version: {document['schema_version']}; this agent reads {SCHEMA_VERSION}")
    if not problems:
        problems = ground.problems_of(document) + _base_problems(document)
        if document["digest"] != digest_of(document):
            problems.append(f"digest: {document['digest']} is not this document's: was it cut or edited?")
        problems += [] if document["kind"] in ("pve", "frr") else ["kind: neither 'pve' nor 'frr'"]
    if problems:
        known = document if isinstance(document, dict) else {}
        raise BadManifest(problems, str(known.get("host", "")), str(known.get("digest", "")))
    return Preparation(
        document["host"],
        document["digest"],
        document["kind"],
        ground.preconditions(document.get("preconditions")),
        ground.loopbacks(document.get("loopbacks")),
        _base(document),
        document.get("pve_version"),
        _range(document.get("pve_network")),
    )


_FILE_FIELDS: Types = {
    "path": str,
    "mode": str,
    "owner": str,
    "group": str,
    "lines": list,
}
_FIELDS: Types = {
    "schema_version": int,
    "host": str,
    "digest": str,
    "kind": str,
    "frr_version": str,
    "daemons": list,
    "files": list,
    "running_config": str,
    "sysctls": (str, type(None)),
    "units_changed_reload": list,
    "timeout_s": (int, float),
}
_OPTIONAL: Types = {
    "confirm_within_s": (int, float, type(None)),
    "sessions_within_s": (int, float, type(None)),
    "base": (list, type(None)),
    "replaces": (str, type(None)),
    "pve_version": (str, type(None)),
    "pve_network": (list, type(None)),
    "nftables": (str, type(None)),
    "units": list,
    "preconditions": (dict, type(None)),
    "loopbacks": (dict, type(None)),
}


def _shape_problems(document: dict[str, Any]) -> list[str]:
    """What keeps the document from being read as a manifest at all."""
    problems = field_problems("", document, _FIELDS, _OPTIONAL)
    if problems:
        return problems
    if document["schema_version"] != SCHEMA_VERSION:
        version = document["schema_version"]
        return [f"schema_version: {version}; this agent reads {SCHEMA_VERSION}: install the agent of that program"]
    problems += [f"daemons: {name!r} is no name" for name in document["daemons"] if not isinstance(name, str)]
    for number, entry in enumerate(document["files"]):
        problems += field_problems(f"files[{number}]", entry, _FILE_FIELDS)
        lines = entry.get("lines") if isinstance(entry, dict) else None
        if isinstance(lines, list) and not all(isinstance(line, str) for line in lines):
            problems.append(f"files[{number}].lines: not all of them are text")
    for number, entry in enumerate(document["units_changed_reload"]):
        problems += field_problems(f"units_changed_reload[{number}]", entry, {"unit": str, "paths": list})
    return problems + ground.problems_of(document) + _base_problems(document)


def _base_problems(document: Mapping[str, Any]) -> list[str]:
    return [] if document.get("base") is None else text_problems("base", document["base"])


def _base(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    return None if document.get("base") is None else tuple(document["base"])


def _built(document: dict[str, Any]) -> Manifest:
    files = tuple(
        ManagedFile(
            path=entry["path"],
            mode=int(entry["mode"], 8) if re.fullmatch("0[0-7]{3}", entry["mode"]) else -1,
            owner=entry["owner"],
            group=entry["group"],
            lines=tuple(entry["lines"]),
        )
        for entry in document["files"]
    )
    reloads = tuple(
        UnitReload(entry["unit"], tuple(str(path) for path in entry["paths"]))
        for entry in document["units_changed_reload"]
    )
    plain = ("host", "digest", "kind", "frr_version", "running_config", "sysctls", "timeout_s")
    return Manifest(
        **{name: document[name] for name in plain},
        daemons=tuple(document["daemons"]),
        files=files,
        units_changed_reload=reloads,
        confirm_within_s=document.get("confirm_within_s"),
        sessions_within_s=document.get("sessions_within_s"),
        base=_base(document),
        replaces=document.get("replaces"),
        pve_version=document.get("pve_version"),
        pve_network=_range(document.get("pve_network")),
        nftables=document.get("nftables"),
        units=tuple(document.get("units", ())),
        preconditions=ground.preconditions(document.get("preconditions")),
        loopbacks=ground.loopbacks(document.get("loopbacks")),
    )


def _range(pair: list[Any] | None) -> tuple[str, str | None] | None:
    """The first version that is meant and the first that is not any more, None for none known yet."""
    return None if pair is None else (str(pair[0]), None if pair[1] is None else str(pair[1]))


def _content_problems(manifest: Manifest) -> list[str]:
    """What a manifest asks for that no host may be asked for."""
    problems = _word_problems(manifest)
    paths = [file.path for file in manifest.files]
    problems += [f"files: {path} is named twice" for path in sorted({p for p in paths if paths.count(p) > 1})]
    if manifest.running_config != RUNNING_CONFIG:
        problems.append(f"running_config: {manifest.running_config!r}; frr-reload.py takes {RUNNING_CONFIG} only")
    for role in ("running_config", "sysctls", "nftables"):
        path = getattr(manifest, role)
        if path is not None and path not in paths:
            problems.append(f"{role}: {path} is none of the files")
    for number, file in enumerate(manifest.files):
        problems += [f"files[{number}] {problem}" for problem in _file_problems(file)]
    limited = {"timeout_s": TIMEOUT_S, "confirm_within_s": CONFIRM_WITHIN_S, "sessions_within_s": SESSIONS_WITHIN_S}
    for name, limits in limited.items():
        value = getattr(manifest, name)
        if value is not None and not limits[0] <= value <= limits[1]:
            problems.append(f"{name}: {value:g} is not within {limits[0]}-{limits[1]} s")
    return problems


def _word_problems(manifest: Manifest) -> list[str]:
    """Names and numbers that are not of their form."""
    forms = [
        ("kind", manifest.kind, "pve|frr", "neither 'pve' nor 'frr'"),
        ("frr_version", manifest.frr_version, r"[0-9]+\.[0-9]+", "not MAJOR.MINOR"),
        ("pve_version", manifest.pve_version or "9.1", r"[0-9]+\.[0-9]+", "not MAJOR.MINOR"),
        ("host", manifest.host, "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "no host name (lower case, no domain)"),
        ("replaces", manifest.replaces or "0" * 64, "[0-9a-f]{64}", "no SHA-256 in hex"),
        *(("daemons", name, "[a-z0-9]+d", "no FRR daemon") for name in manifest.daemons),
    ]
    problems = [f"{field}: {word!r} is {what}" for field, word, form, what in forms if not re.fullmatch(form, word)]
    paths = {file.path for file in manifest.files}
    for reader in manifest.units_changed_reload:
        if reader.unit not in ALLOWED_UNITS or not reader.paths or not {*reader.paths} <= paths:
            problems.append(f"units_changed_reload: {reader.unit!r} is none of {ALLOWED_UNITS}, or reads others' files")
    for unit in manifest.units:
        if unit not in ALLOWED_TO_ENABLE or f"/etc/systemd/system/{unit}" not in paths:
            problems.append(f"units: {unit!r} is none of {', '.join(ALLOWED_TO_ENABLE)} with a file of its own")
    return problems


def _file_problems(file: ManagedFile) -> list[str]:
    problems: list[str] = []
    if not any(re.fullmatch(allowed, file.path) for allowed in ALLOWED_PATHS):
        problems.append(f"{file.path!r}: not a file that the agent may write")
    if file.mode < 0 or file.mode & 0o022:
        problems.append(f"{file.path}: mode must be 0NNN in octal, and only the owner may write")
    for name in (file.owner, file.group):
        if not re.fullmatch("[a-z_][a-z0-9_-]{0,31}", name):
            problems.append(f"{file.path}: {name!r} is no user or group")
    if file.mode & 0o007 and any("{{secret:" in line for line in file.lines):
        problems.append(f"{file.path}: has a place for a secret, so mode must be 0NN0")
    problems += orders(file.path, file.lines)
    for number, line in enumerate(file.lines, 1):
        if UNPRINTABLE.search(line):
            problems.append(f"{file.path} line {number}: holds a control character; it could read as two lines")
        elif file.path.startswith("/etc/frr/") and len(line.encode()) > LONGEST_LINE:
            problems.append(f"{file.path} line {number}: longer than {LONGEST_LINE} bytes; vtysh would hang")
    return problems
