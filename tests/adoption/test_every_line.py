"""No line of an input is dropped: each is in what the site renders, means the same as something there, or is listed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adoption.rendered import HOST_ITSELF, cluster_of
from tests.adoption.test_foreign_clusters import CLUSTERS, FOREIGN, imported
from trellis.adoption import Adopted, GivenCluster, adopted
from trellis.adoption.accounts import Account
from trellis.agent.normalise import normalise, shown
from trellis.cli.import_reading import read_folder
from trellis.plan import plan
from trellis.render import FRR_CONF, render

_CLOSING = ("exit", "exit-vrf", "exit-address-family", "exit-vni", "end")


@pytest.mark.parametrize("name", CLUSTERS)
def test_each_line_of_a_foreign_cluster_is_accounted_for_once(name: str) -> None:
    cluster = read_folder(FOREIGN / name, None, None)
    assert _lines_of(cluster) == Counter((one.host, one.place, one.number) for one in _of_frr(imported(name)))
    objects = {(s.place, number) for own in cluster.sdn.values() for s in own for number in s.numbers.values()}
    assert {(one.place, one.number) for one in imported(name).accounts if not one.host} == objects


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_is_said_to_be_rendered_stands_in_what_is_rendered(name: str) -> None:
    found = imported(name)
    texts = {bundle.host: bundle.text(FRR_CONF) for bundle in render(plan(found.site))}
    for one in _of_frr(found):
        lines = set(shown(list(normalise(texts[one.host])))) | _addresses(found, one.host)
        if one.state in ("rendered", "proxmox"):
            # FRR's own comparison leaves these out.
            left_out = one.line.startswith(("interface ", "vrf ", "frr version ", "line vty"))
            assert one.line in lines or left_out, one
        elif one.state == "in other words" and one.evidence != ("its lines, each by itself",):
            assert set(one.evidence) <= lines | {f"{e}" for e in one.evidence if "network broadcast" in e}, one


_STRANGE = st.sampled_from(
    [
        "ip route 198.51.100.0/24 192.0.2.9",
        "bgp large-community-list standard X seq 5 permit 1:2:3",
        "route-map X permit 10",
        "router isis core",
        " neighbor 192.0.2.77 remote-as 64999",
        " neighbor NOBODY peer-group",
        " neighbor NOBODY bfd",
        " network 203.0.113.0/24",
        " redistribute static",
        "interface eth9",
        " ip ospf area 7",
        "exit",
        "something that FRR has never heard of",
        "no ip nht resolve-via-default",
    ]
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(_STRANGE, st.integers(0, 400)), min_size=1, max_size=4))
def test_a_line_that_somebody_wrote_anywhere_is_never_lost(additions: list[tuple[str, int]]) -> None:
    cluster = cluster_of("guest-peering")
    (host,) = cluster.hosts
    lines = host.files["frr.conf"].splitlines()
    for line, place in additions:
        lines.insert(min(place, len(lines)), line)
    changed = replace(cluster, hosts=(replace(host, files={**host.files, "frr.conf": "\n".join(lines) + "\n"}),))
    found = adopted("x", changed, HOST_ITSELF)
    assert _lines_of(changed) == Counter((one.host, one.place, one.number) for one in _of_frr(found))


@settings(max_examples=10, deadline=None)
@given(st.from_regex(r"K3y[a-zA-Z0-9]{9,16}", fullmatch=True), st.sampled_from(["", "8 "]))
def test_a_key_is_shown_nowhere(key: str, encrypted: str) -> None:
    cluster = cluster_of("guest-peering")
    (host,) = cluster.hosts
    text = re.sub(
        r"( neighbor (10\.88\.88\.1|TL-k8snet-BFD|192\.0\.2\.9)) (remote-as 64520|peer-group)\n",
        rf"\g<0>\1 password {encrypted}{key}\n",
        host.files["frr.conf"],
    )
    text += f"key chain K\n key 1\n  key-string {key}\nexit\npassword {key}\nenable password 8 {key}\n"
    changed = replace(cluster, hosts=(replace(host, files={**host.files, "frr.conf": text}),))
    found = adopted("x", changed, HOST_ITSELF)
    assert found.secrets == ("edge-zonea-core", "guests-k8s")
    assert key not in repr((found.data, found.accounts, found.assumed))


def _of_frr(found: Adopted) -> list[Account]:
    return [one for one in found.accounts if one.place in ("frr.conf", "frr.conf.local")]


def _lines_of(cluster: GivenCluster) -> Counter[tuple[str, str, int]]:
    """Return host, file and number of each line of FRR that says something, read as plain text."""
    return Counter(_numbered(cluster))


def _numbered(cluster: GivenCluster) -> Iterator[tuple[str, str, int]]:
    for host in cluster.hosts:
        for file in ("frr.conf", "frr.conf.local"):
            for number, line in enumerate(host.text(file).splitlines(), start=1):
                if line.strip() and line.strip()[0] not in "!#" and line.strip() not in _CLOSING:
                    yield host.name, file, number


def _addresses(found: Adopted, host: str) -> set[str]:
    """Return the lines by which FRR would give interfaces the addresses that the site counts on."""
    ends = [link.ends[host] for link in found.site.links.values() if host in link.ends]
    return {f"interface {end.interface} > ip address {end.ipv4}" for end in ends}
