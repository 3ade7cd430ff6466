"""The command line as a user meets it: output, exit codes, and no traceback for a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.command_line import REPOSITORY, trellis
from tests.sites import EXAMPLES, site_data
from trellis.lab import site_files


def test_it_comes_up_from_nothing_and_says_the_same() -> None:
    command = [sys.executable, "-c", "from trellis.cli import main; main()", "render", "pve09"]
    cold = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    forked = trellis("render", "pve09")
    assert (cold.returncode, cold.stdout, cold.stderr) == (forked.returncode, forked.stdout, forked.stderr)


def test_plan_shows_hosts_vnets_and_guests_with_their_numbers() -> None:
    done = trellis("plan")
    assert done.returncode == 0, done.stderr
    for shown in ("pve03", "vrf_evpnz1: 4096", "60904:10101", "4210101011", "fd00:101:fe::11/128"):
        assert shown in done.stdout
    assert "\x1b" not in done.stdout  # colour only on a terminal


def rows_of_plan(example: str) -> list[list[str]]:
    done = trellis("plan", "--file", str(EXAMPLES[example]))
    assert done.returncode == 0, done.stderr
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in done.stdout.splitlines()]


def test_plan_shows_delegated_subnets_and_who_advertises_them() -> None:
    rows = rows_of_plan("delegated")
    gone = "2600:1700:ab1a:400e:"
    assert ["vnet101", "fd00:101::/64", "fd00:101::fffe", "the VNet's own", "radvd"] in rows
    assert ["vnet101", f"{gone}:/64", f"{gone}:fffe", "delegated, deprecated", "radvd"] in rows
    rows = rows_of_plan("homelab")
    assert ["vnet100", "2600:1700:ab1a:5009::/64", "2600:1700:ab1a:5009::fffe", "delegated, current", "radvd"] in rows
    assert ["vnet101", "2600:1700:ab1a:500e::/64", "2600:1700:ab1a:500e::fffe", "delegated, current", "frr"] in rows
    assert ["What guests are told of IPv6"] in rows
    assert ["What guests are told of IPv6"] not in rows_of_plan("leaks")


def test_plan_names_the_secrets_that_hosts_need_and_render_tells_an_edges_owner(tmp_path: Path) -> None:
    site = site_data("homelab")
    site["fabric"]["md5"] = "fabric-key"
    site["edges"]["edge1"]["md5"] = "edge1-key"
    file = site_files.write(tmp_path, "signed", site)
    planned = trellis("plan", "--file", str(file)).stdout
    for shown in ("edge1-key", "sessions with edge1", "fabric-key", "sessions between hosts"):
        assert shown in planned
    assert trellis("plan").stdout.count("fabric-key") == 0
    edge = trellis("render", "edge1", "--file", str(file)).stdout
    assert edge.startswith("# TCP MD5: every session with a host of the fabric is signed with the secret edge1-key")
    assert trellis("render", "edge1").stdout == "".join(
        line for line in edge.splitlines(keepends=True) if line not in edge.splitlines(keepends=True)[:8]
    )


def test_plan_as_json_holds_every_guests_asn() -> None:
    planned = json.loads(trellis("plan", "--json").stdout)
    asns = {guest["guest"]["name"]: guest["guest"]["asn"] for guest in planned["guests"]}
    assert asns["solwk02"] == 4210101022
    assert asns["debian-test-1"] == 4200101006


def test_render_prints_our_file_and_with_effective_what_proxmox_makes_of_it() -> None:
    ours, effective = trellis("render", "pve01").stdout, trellis("render", "pve01", "--effective").stdout
    assert ours.startswith("! Trellis owns this file")
    assert "advertise-all-vni" not in ours
    assert "advertise-all-vni" in effective
    assert "neighbor fd00:101::11 remote-as 4210101011" in ours
    assert "neighbor fd00:101::11 remote-as 4210101011" in effective


def test_a_host_that_is_not_there_is_answered_with_those_that_are() -> None:
    done = trellis("render", "pve09")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "trellis: the site has no host or edge pve09; it has pve01, pve02, pve03, edge1\n"


def test_render_prints_an_edges_filter_for_its_kind_or_for_who_is_named() -> None:
    routeros, nftables = trellis("render", "edge1").stdout, trellis("render", "edge1", "--format", "nftables").stdout
    assert '/ip firewall raw add chain="trellis-$generation"' in routeros
    assert "table inet trellis {" in nftables
    document = json.loads(trellis("render", "edge1", "--json", "--format", "nftables").stdout)
    assert document["filter"] == {"format": "nftables", "lines": nftables.splitlines()}


def test_render_prints_all_that_a_routeros_edge_runs_with_its_filter_in_it() -> None:
    script, filtered = trellis("render", "edge1", "--format", "rsc").stdout, trellis("render", "edge1").stdout
    assert filtered in script
    assert "/routing bgp connection add " in script
    document = json.loads(trellis("render", "edge1", "--json", "--format", "rsc").stdout)
    assert document == {"edge1": {"edge1.rsc": script}}


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("edge1", "--effective"), "edge1 is an edge: it gets one text, and --effective and --path are for hosts"),
        (("pve01", "--format", "nftables"), "--format is for an edge's filter: name an edge"),
    ],
)
def test_an_option_of_hosts_on_an_edge_or_the_other_way_round_is_a_mistake(
    arguments: tuple[str, ...], answer: str
) -> None:
    done = trellis("render", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trellis: {answer}\n")


def test_a_file_that_a_host_does_not_get_is_answered_with_those_that_it_gets() -> None:
    done = trellis("render", "pve01", "--path", "/etc/passwd")
    assert done.returncode == 2
    assert "pve01 gets no file /etc/passwd; it gets /etc/frr/frr.conf.local, /etc/frr/frr.conf" in done.stderr


def test_a_refused_site_gives_every_reason_and_exit_code_2(tmp_path: Path) -> None:
    stack = yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text())
    site = stack["config"]["trellis:site"]
    site["zones"]["evpnz1"]["exit_nodes"] = ["pve01"]
    site["fabric"]["hold_time_s"] = 10
    (tmp_path / "Pulumi.bad.yaml").write_text(yaml.safe_dump(stack))
    done = trellis("plan", "--stack", "bad", cwd=tmp_path)
    assert done.returncode == 2
    assert "refused for 2 reasons; nothing was changed" in done.stderr
    assert "zones.evpnz1.exit_nodes: pve01" in done.stderr
    assert "fabric.hold_time_s: 10" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    done = trellis("plan", "--stack", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert f"there is no Pulumi.nowhere.yaml in {tmp_path} or above" in done.stderr


@pytest.mark.parametrize("text", ["config: [", "config:\n  a: 1\n  a: 2\n", "just text", ""])
def test_a_stack_file_that_is_none_is_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.odd.yaml").write_text(text)
    done = trellis("plan", "--stack", "odd", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "remedy:" in done.stderr


def test_map_prints_the_picture_or_writes_it_or_says_what_it_shows(tmp_path: Path) -> None:
    printed = trellis("map").stdout
    assert printed.startswith("<svg ")
    assert trellis("map", "--output", str(tmp_path / "fabric.svg")).stdout == ""
    assert (tmp_path / "fabric.svg").read_text() == printed
    lanes = json.loads(trellis("map", "--json").stdout)["lanes"]
    assert {lane["name"]: lane["count"] for lane in lanes if lane["kind"] != "link"} == {"edge1": 6, "full mesh": 6}


def test_the_committed_schema_is_current() -> None:
    assert trellis("schema").stdout == (REPOSITORY / "site.schema.json").read_text()


def test_schema_of_the_document_of_a_cluster_is_the_committed_one() -> None:
    assert trellis("schema", "--cluster").stdout == (REPOSITORY / "cluster.schema.json").read_text()


@pytest.mark.parametrize(
    "command", [["plan"], ["render"], ["schema"], ["map"], ["engine"], ["demo"], ["lab", "up"], ["lab", "shell"]]
)
def test_help_of_every_command_has_an_example(command: list[str]) -> None:
    done = trellis(*command, "--help")
    assert done.returncode == 0
    assert f"trellis {' '.join(command)}" in done.stdout.split("Example")[1]
