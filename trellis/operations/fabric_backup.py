"""The file of a whole fabric's backup: for each host what its agent committed last, with digests that prove it whole.

A line that says what it is, then JSON that people can read: each manifest line by line, with placeholders where secrets
go, so that the file holds none.  The digests find damage and mistakes, not forgery: who may write the file may write
its digests.  Asking hosts, reading and writing files is ``trellis.cli.backup``'s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trellis.agent.manifest import BadManifest
from trellis.agent.manifest import parse as parse_manifest
from trellis.site import Site

SCHEMA_VERSION = 1
_WORD = "trellis-backup"


class BadBackup(Exception):
    """A file that nothing may be restored from, with every reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Part:
    """What a backup has of a host.

    Attributes:
        host_key: The key that the site had pinned for it.
        digest: The manifest's own, by which hosts name it.
        manifest: The manifest as the host had read it.
    """

    host: str
    host_key: str
    digest: str
    manifest: str


@dataclass(frozen=True, slots=True)
class FabricBackup:
    """A backup.

    Attributes:
        site: The site's name.
        made_at: When, in ISO 8601.
        trellis: The version of Trellis that made it.
        agent: Digest of the agent of that version.
        parts: By host.
        without: Hosts of the site that it has nothing of, with why.
    """

    site: str
    made_at: str
    trellis: str
    agent: str
    parts: Mapping[str, Part]
    without: Mapping[str, str]


def part_of(host: str, host_key: str, committed: Mapping[str, Any]) -> Part:
    """Return the part of a host.

    Args:
        host: Its name.
        host_key: Its key, as the site pins it.
        committed: What its agent says that it committed last: ``digest`` and ``manifest``.

    Raises:
        BadBackup: That is not whole, or another host's.
    """
    part = Part(host, host_key, str(committed.get("digest")), str(committed.get("manifest")))
    if problems := [*_of_manifest(part)]:
        raise BadBackup(problems)
    return part


def as_text(backup: FabricBackup) -> str:
    """Return the text of a backup's file."""
    hosts = {}
    for name, part in backup.parts.items():
        document = parse_manifest(part.manifest)
        hosts[name] = {
            "host_key": part.host_key,
            "frr_version": document.frr_version,
            "pve_version": document.pve_version,
            "digest": part.digest,
            "sha256": _sha256(part.manifest),
            "manifest": part.manifest.split("\n"),
        }
    content = {
        "site": backup.site,
        "made_at": backup.made_at,
        "trellis": backup.trellis,
        "agent": backup.agent,
        "without": dict(backup.without),
        "hosts": hosts,
    }
    return f"{_WORD} {SCHEMA_VERSION}\n{json.dumps({'sha256': _seal(content), **content}, indent=1)}\n"


def parse(text: str) -> FabricBackup:
    """Return the backup that a file's text holds.

    Args:
        text: The text.

    Raises:
        BadBackup: It is none, or not whole; names everything that is wrong with it.
    """
    heading, _, rest = text.partition("\n")
    word, _, version = heading.partition(" ")
    if word != _WORD:
        raise BadBackup([f"its first line is no `{_WORD} {SCHEMA_VERSION}`: it is no backup of a fabric"])
    if version != str(SCHEMA_VERSION):
        raise BadBackup(
            [f"it is of form {version[:20]!r}, and {SCHEMA_VERSION} is known: use the Trellis that made it"]
        )
    try:
        document = json.loads(rest, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadBackup([f"what follows the first line is no JSON: {error}: was it cut off?"]) from None
    if problems := [*_of_shape(document)]:
        raise BadBackup(problems)
    parts = {name: _part(name, entry) for name, entry in document["hosts"].items()}
    problems = [*_of_seals(document, parts), *(line for part in parts.values() for line in _of_manifest(part))]
    if problems:
        raise BadBackup(problems)
    plain = {name: document[name] for name in ("site", "made_at", "trellis", "agent", "without")}
    return FabricBackup(**plain, parts=parts)


def not_of(site: Site, backup: FabricBackup, hosts: Iterable[str]) -> list[str]:
    """Return why a backup may not be restored to hosts of a site; nothing if it may.

    Args:
        site: The site.
        backup: The backup.
        hosts: Names of hosts that the backup has a part of.
    """
    if backup.site != site.name:
        return [f"it is a backup of the site {backup.site}, and this is {site.name}"]
    found = []
    for name in hosts:
        if name not in site.hosts:
            found.append(f"{name}: the site has no such host; it has {', '.join(site.hosts)}")
        elif site.hosts[name].ssh.host_key != backup.parts[name].host_key:
            found.append(
                f"{name}: the backup was made of a host with the key {backup.parts[name].host_key}, and the site pins "
                f"{site.hosts[name].ssh.host_key}: it is another machine, or was installed anew"
            )
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


_TEXTS = ("sha256", "site", "made_at", "trellis", "agent")
_OF_HOST = ("host_key", "digest", "sha256")


def _of_shape(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "it is no JSON object"
        return
    yield from (f"{name}: is missing, or no text" for name in _TEXTS if not isinstance(document.get(name), str))
    without, hosts = document.get("without"), document.get("hosts")
    if not isinstance(without, dict) or not all(isinstance(why, str) for why in without.values()):
        yield "without: is missing, or not the reason of each host"
    if not isinstance(hosts, dict) or not hosts:
        yield "hosts: is missing, or empty"
        return
    for name, entry in hosts.items():
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in _OF_HOST):
            yield f"hosts.{name}: lacks one of {', '.join(_OF_HOST)}"
        elif not isinstance(entry.get("manifest"), list) or not all(
            isinstance(line, str) for line in entry["manifest"]
        ):
            yield f"hosts.{name}.manifest: is missing, or not lines of text"


def _part(name: str, entry: Mapping[str, Any]) -> Part:
    return Part(name, entry["host_key"], entry["digest"], "\n".join(entry["manifest"]))


def _of_seals(document: Mapping[str, Any], parts: Mapping[str, Part]) -> Iterator[str]:
    if document["sha256"] != _seal(document):
        yield "sha256: the digest over the file's own statements is another one: it was edited or damaged"
    for name, part in parts.items():
        if document["hosts"][name]["sha256"] != _sha256(part.manifest):
            yield f"hosts.{name}.sha256: the digest of its manifest is another one: it was edited or damaged"


def _of_manifest(part: Part) -> Iterator[str]:
    try:
        found = parse_manifest(part.manifest)
    except BadManifest as bad:
        yield from (f"{part.host}: manifest: {problem}" for problem in bad.problems)
        return
    except UnicodeError:
        yield f"{part.host}: manifest: holds what is no text"
        return
    if found.digest != part.digest:
        yield f"{part.host}: its manifest has digest {found.digest[:12]}, and {part.digest[:12]} is said of it"
    if found.host != part.host:
        yield f"{part.host}: its manifest is {found.host}'s"


def _seal(document: Mapping[str, Any]) -> str:
    """The digest over all that a backup says but the manifests, which have their own."""
    hosts = {
        name: {key: value for key, value in entry.items() if key != "manifest"}
        for name, entry in document["hosts"].items()
    }
    content = {**{key: value for key, value in document.items() if key != "sha256"}, "hosts": hosts}
    return _sha256(json.dumps(content, sort_keys=True, separators=(",", ":")))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
