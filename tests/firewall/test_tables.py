"""Every table that an example renders is one that nft takes, and lists back with each of its rules."""

from __future__ import annotations

import json
import subprocess
from random import Random

import pytest

from tests.core.generated import site_of
from tests.firewall.namespaces import for_this_kernel
from tests.sites import EXAMPLES, bundles_of, plan_of
from trellis.plan import plan
from trellis.render import render
from trellis.render.edge import edge_filter
from trellis.render.firewall import FIREWALL
from trellis.site import load_site

TABLES = {
    **{f"{example}/{found.host}": found.text(FIREWALL) for example in EXAMPLES for found in bundles_of(example)},
    **{
        f"{example}/{edge.name}": edge_filter(plan_of(example), edge, "nftables")
        for example in EXAMPLES
        for edge in plan_of(example).edges
    },
}
DISTINCT = {text: name for name, text in reversed(TABLES.items())}


@pytest.mark.parametrize("text", DISTINCT, ids=DISTINCT.values())
def test_nft_takes_a_table_whole(nft: None, text: str) -> None:
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'nft -c "$0" && nft "$0" && nft -j list ruleset', for_this_kernel(text)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)["nftables"]
    tables = {(found["table"]["family"], found["table"]["name"]) for found in listed if "table" in found}
    beside = {("bridge", "trellis"), ("bridge", "trellis_gateways"), ("inet", "trellis_peers")}
    assert tables - beside == {("inet", "trellis")}
    drops = [
        found["rule"]["comment"] for found in listed if "drop" in json.dumps(found.get("rule", {}).get("expr", ""))
    ]
    assert sorted(drops) == sorted(
        line.split('comment "')[1].rstrip('"') for line in text.splitlines() if "counter drop" in line
    )


@pytest.mark.parametrize("seed", range(12))
def test_nft_takes_the_tables_of_a_drawn_site(nft: None, seed: int) -> None:
    drawn = plan(load_site(site_of(Random(seed), least=2)))
    texts = {bundle.text(FIREWALL) for bundle in render(drawn)}
    texts |= {edge_filter(drawn, edge, "nftables") for edge in drawn.edges}
    for text in texts:
        done = subprocess.run(
            ["unshare", "--net", "nft", "-c", for_this_kernel(text)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_hosts_that_carry_the_same_zones_share_one_text_and_those_of_one_rack_what_is_of_guests() -> None:
    files = [file for bundle in render(plan_of("scale-32x16")) for file in bundle.files if file.path == FIREWALL]
    for number, most in ((0, 1), (1, 8)):
        texts = [file.parts[number] for file in files]
        assert len({id(text) for text in texts}) == len(set(texts)) <= most


def test_no_table_keeps_state() -> None:
    for name, text in TABLES.items():
        assert not any(word in text for word in (" ct ", "notrack", "fib ", "reject")), name
