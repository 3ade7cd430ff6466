"""Sessions that are signed: whose line the placeholder is, who needs which secret, and what an edge's owner is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sites import EXAMPLES, bundles_of, site_data
from trellis.plan import plan
from trellis.render import FRR_CONF, FRR_CONF_LOCAL, Bundle, manifest, render
from trellis.render.documents import edge_document
from trellis.render.edge_sessions import edge_sessions, placeholder
from trellis.site import load_site


def signed(example: str) -> dict[str, Any]:
    """Return the site of an example in which every session of hosts and edges is signed."""
    site = site_data(example)
    site["fabric"]["md5"] = "fabric-key"
    for name, edge in site.get("edges", {}).items():
        edge["md5"] = f"{name}-key"
    return site


def bundles(example: str) -> tuple[Bundle, ...]:
    return render(plan(load_site(signed(example))))


def keys(text: str) -> dict[str, str]:
    """Return the password of each neighbour and group in a text."""
    lines = [line.split() for line in text.splitlines() if " password " in line]
    return {words[1]: words[3] for words in lines}


@pytest.mark.parametrize("example", EXAMPLES)
def test_signing_adds_the_placeholders_lines_and_changes_nothing_else(example: str) -> None:
    for plain, with_keys in zip(bundles_of(example), bundles(example), strict=True):
        for before, after in zip(plain.files, with_keys.files, strict=True):
            lines = after.text.splitlines(keepends=True)
            assert "".join(line for line in lines if " password " not in line) == before.text
        assert plain.secrets == ()
        assert set(with_keys.secrets) == {name[9:-2] for name in keys(with_keys.text(FRR_CONF)).values()}


def test_edges_are_signed_one_by_one_and_the_mesh_by_its_groups() -> None:
    first = bundles("homelab")[0]
    wanted = {
        "VTEP": placeholder("fabric-key"),
        "TL-FABRIC": placeholder("fabric-key"),
        "10.255.0.254": placeholder("edge1-key"),
        "fd00:0:0:ffff::fffe": placeholder("edge1-key"),
    }
    assert keys(first.text(FRR_CONF_LOCAL)) == keys(first.text(FRR_CONF)) == wanted
    assert first.secrets == ("edge1-key", "fabric-key")
    assert {file.mode for file in first.files if "{{secret:" in file.text} == {"0640"}


def test_the_manifest_and_its_digest_are_over_placeholders() -> None:
    text = manifest(bundles("homelab")[0])
    assert " neighbor VTEP password {{secret:fabric-key}}" in json.loads(text.split("\n", 1)[1])["files"][0]["lines"]


def test_the_longest_name_fits_into_what_frr_takes_for_a_password() -> None:
    assert len(placeholder("x" * 63)) <= 80


def test_an_edges_owner_is_told_each_session_and_the_secrets_name() -> None:
    site = load_site(signed("homelab"))
    planned = plan(site)
    edge = planned.edges[0]
    lines = edge_sessions(planned, edge)
    assert len(lines) == 2 + 2 * len(site.hosts)
    assert all(line.startswith("#") for line in lines)
    assert (
        '#   /routing bgp connection set [find where remote.address="10.255.0.1"] '
        'tcp-md5-key="{{secret:edge1-key}}"  # pve01' in lines
    )
    document = edge_document(planned, edge.name)
    assert document["md5"] == {"secret": "edge1-key", "lines": list(lines)}
    assert document["filter"] == edge_document(plan(load_site(site_data("homelab"))), edge.name)["filter"]


def test_an_edge_that_signs_nothing_is_told_nothing_of_it() -> None:
    planned = plan(load_site(site_data("homelab")))
    assert edge_sessions(planned, planned.edges[0]) == ()
    assert "md5" not in edge_document(planned, "edge1")
