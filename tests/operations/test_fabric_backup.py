"""The file of a backup: what goes in comes out, and whatever was changed in between is refused with what and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sites import bundles_of, site_data, site_of
from trellis.operations.fabric_backup import BadBackup, FabricBackup, Part, as_text, not_of, parse, part_of
from trellis.render.manifest import signed_manifest
from trellis.site import load_site

SITE = site_of("homelab")
MANIFESTS = {bundle.host: signed_manifest(bundle) for bundle in bundles_of("homelab")}


def part(host: str) -> Part:
    text, digest = MANIFESTS[host]
    return part_of(host, SITE.hosts[host].ssh.host_key, {"digest": digest, "manifest": text})


BACKUP = FabricBackup(
    "homelab",
    "2026-11-28T12:00:00Z",
    "0.1.0",
    "ab" * 32,
    {host: part(host) for host in ("pve01", "pve02")},
    {"pve03": "connect: timed out"},
)
TEXT = as_text(BACKUP)


def refused(text: str) -> str:
    with pytest.raises(BadBackup) as caught:
        parse(text)
    return str(caught.value)


def spoiled(change: Callable[[dict[str, Any]], object]) -> str:
    heading, _, rest = TEXT.partition("\n")
    document = json.loads(rest)
    change(document)
    return f"{heading}\n{json.dumps(document)}"


def test_what_is_written_is_read_again_and_each_manifest_to_the_byte() -> None:
    assert parse(TEXT) == BACKUP
    assert TEXT.startswith("trellis-backup 1\n")
    assert as_text(parse(TEXT)) == TEXT


def test_a_backup_tells_the_versions_of_each_host_without_its_manifest_being_read() -> None:
    host = json.loads(TEXT.partition("\n")[2])["hosts"]["pve01"]
    assert (host["frr_version"], host["pve_version"], host["digest"]) == ("10.3", "9.1", MANIFESTS["pve01"][1])


def _line(document: dict[str, Any], old: str, new: str) -> None:
    lines = document["hosts"]["pve01"]["manifest"]
    at = next(number for number, line in enumerate(lines) if old in line)
    lines[at] = lines[at].replace(old, new)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda of: _line(of, "4200001000", "4200001001"), "hosts.pve01.sha256: the digest of its manifest is another"),
        (lambda of: _line(of, "4200001000", "4200001001"), "pve01: manifest: digest: "),
        (lambda of: of["hosts"]["pve01"].update(host_key="ssh-ed25519 AAAA"), "sha256: the digest over the file's own"),
        (lambda of: of.update(site="other"), "sha256: the digest over the file's own"),
        (lambda of: of["hosts"].pop("pve02"), "sha256: the digest over the file's own"),
        (lambda of: of["hosts"]["pve01"].update(digest="ef" * 32), "pve01: its manifest has digest"),
        (lambda of: of["hosts"].update(pve02=of["hosts"]["pve01"]), "pve02: its manifest is pve01's"),
        (lambda of: of.pop("made_at"), "made_at: is missing, or no text"),
        (lambda of: of.update(without=["pve03"]), "without: is missing"),
        (lambda of: of.update(hosts={}), "hosts: is missing, or empty"),
        (lambda of: of["hosts"]["pve01"].pop("host_key"), "hosts.pve01: lacks one of host_key, digest, sha256"),
        (lambda of: of["hosts"]["pve01"].update(manifest="x"), "hosts.pve01.manifest: is missing, or not lines"),
    ],
)
def test_whatever_was_changed_is_named(change: Callable[[dict[str, Any]], object], said: str) -> None:
    assert said in refused(spoiled(change))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no backup of a fabric"),
        ("trellis-manifest 1\n{}", "its first line is no `trellis-backup 1`"),
        ("trellis-backup 2\n{}", "it is of form '2', and 1 is known"),
        (TEXT[: len(TEXT) // 2], "was it cut off?"),
        ("trellis-backup 1\n[]", "it is no JSON object"),
        ('trellis-backup 1\n{"site": "a", "site": "b"}', "a key stands there twice"),
        (f"trellis-backup 1\n{'[' * 100_000}", "is no JSON"),
    ],
)
def test_a_text_that_is_no_backup_says_why(text: str, said: str) -> None:
    assert said in refused(text)


@given(at=st.integers(0, len(TEXT) - 1), sign=st.characters(min_codepoint=32, max_codepoint=126))
def test_no_sign_can_be_another_one_unless_it_says_the_same(at: int, sign: str) -> None:
    text = TEXT[:at] + sign + TEXT[at + 1 :]
    try:
        found = parse(text)
    except BadBackup:
        return
    assert found == BACKUP


@pytest.mark.parametrize(
    ("committed", "said"),
    [
        ({"digest": "ef" * 32, "manifest": MANIFESTS["pve01"][0]}, "its manifest has digest"),
        ({"digest": MANIFESTS["pve02"][1], "manifest": MANIFESTS["pve02"][0]}, "its manifest is pve02's"),
        ({"digest": "", "manifest": "{}"}, "pve01: manifest: schema_version: missing"),
        ({"digest": "", "manifest": "\ud800"}, "pve01: manifest: "),
        ({}, "pve01: manifest: not JSON"),
    ],
)
def test_what_a_host_says_is_kept_only_if_it_is_its_own_and_whole(committed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadBackup) as caught:
        part_of("pve01", "ssh-ed25519 AAAA", committed)
    assert said in str(caught.value)


def test_a_backup_is_for_its_own_site_and_for_hosts_with_the_keys_that_it_was_made_of() -> None:
    assert not_of(SITE, BACKUP, ["pve01", "pve02"]) == []
    assert not_of(SITE, replace(BACKUP, site="other"), ["pve01"]) == [
        "it is a backup of the site other, and this is homelab"
    ]
    data = site_data("homelab")
    data["hosts"]["pve01"]["ssh"]["host_key"] = data["hosts"]["pve02"]["ssh"]["host_key"]
    (said,) = not_of(load_site(data), BACKUP, ["pve01", "pve02"])
    assert said.startswith("pve01: the backup was made of a host with the key ssh-ed25519 AAAA")
    assert not_of(SITE, replace(BACKUP, parts={"pve09": part("pve01")}), ["pve09"]) == [
        "pve09: the site has no such host; it has pve01, pve02, pve03"
    ]
