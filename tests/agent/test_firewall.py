"""The host's table, with the real nft in a network namespace: judged, loaded once, compared, put back."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.tables import TABLE, WITH_BYTES
from trellis.agent import firewall
from trellis.agent.process import Ended, run
from trellis.agent.report import Fault

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None, reason="nft in a network namespace needs root, and nft"
)

Nft = Callable[..., str]
_RENDERED = (Path(__file__).parents[1] / "golden/homelab/pve01/firewall.nft").read_text(encoding="utf-8")
PEERS = _RENDERED[_RENDERED.index("table inet trellis_peers {") : _RENDERED.index("\n# Each guest hears its own host")]
"""What a host remembers of guests that dial; this machine's kernel may not have what the tables of bridges need."""


@pytest.fixture(autouse=True)
def nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nft]:
    """A network namespace in the place of the host's; the fixture's value runs nft in it."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up; echo ready; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "ready\n"
    inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]

    def run_inside(argv: list[str], within_s: float) -> Ended:
        return run([*inside, *argv], within_s)

    def nft_inside(*words: str) -> str:
        return subprocess.run([*inside, "nft", *words], check=True, capture_output=True, text=True).stdout

    monkeypatch.setattr(firewall, "run", run_inside)
    monkeypatch.setattr(firewall, "_SCRATCH", tmp_path)
    firewall.meant.cache_clear()
    yield nft_inside
    holder.stdin.close()
    holder.wait(10)
    holder.stdout.close()


def test_a_table_is_loaded_and_nothing_differs_then() -> None:
    assert firewall.differences(TABLE) == ["table inet trellis is not loaded"]
    firewall.load(TABLE)
    assert firewall.differences(TABLE) == []


def test_words_and_order_that_mean_the_same_are_no_difference() -> None:
    firewall.load(TABLE)
    same = TABLE.replace("{ 10.103.0.0/24, 10.102.0.0/24 }", "{ 10.102.0.0/24,10.103.0.0/24 }").replace("raw;", "-300;")
    assert firewall.differences(same) == []


@pytest.mark.parametrize("line", [line for line in TABLE.splitlines() if line.startswith("        ")])
def test_each_line_that_is_gone_from_the_kernel_is_missing(line: str) -> None:
    if "type filter" in line:
        firewall.load(TABLE.replace("policy accept", "policy drop"))
    else:
        firewall.load(TABLE.replace(line + "\n", ""))
    found = firewall.differences(TABLE)
    assert found
    assert any(what.startswith("missing: ") for what in found)
    firewall.load(TABLE)
    assert firewall.differences(TABLE) == []


def test_a_rule_that_somebody_added_and_another_order_of_rules_are_named(nft: Nft) -> None:
    firewall.load(TABLE)
    nft("insert", "rule", "inet", "trellis", "zone_z1", "accept")
    assert firewall.differences(TABLE) == ["unexpected: accept"]
    lines = TABLE.splitlines()
    lines[9], lines[10] = lines[10], lines[9]
    firewall.load("\n".join(lines) + "\n")
    assert len(firewall.differences(TABLE)) == 2


def test_counts_are_no_difference_and_are_not_reset_by_looking(nft: Nft) -> None:
    firewall.load(TABLE)
    inside = firewall.run(["ping", "-c", "2", "-i", "0.01", "127.0.0.1"], 5.0)
    if inside.status:
        pytest.skip("no ping on this machine")
    counted = nft("list", "chain", "inet", "trellis", "ingress")
    assert "counter packets 4" in counted
    assert firewall.differences(TABLE) == []
    firewall.put_back(firewall.loaded())
    assert nft("list", "chain", "inet", "trellis", "ingress") == counted


def test_how_many_elements_a_set_has_is_no_difference(nft: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    """nft 1.1.7 tells it behind the size of a set, asked for counts or not, and the kernel fills some."""
    sized = TABLE + "table bridge trellis {\n set ports {\n type inet_service\n size 16\n elements = { 1 }\n }\n}\n"
    inside, counts = firewall.run, itertools.count(1)

    def newer(argv: list[str], within_s: float) -> Ended:
        ended = inside(argv, within_s)
        return replace(ended, out=ended.out.replace("size 16", f"size 16\t# count {next(counts)}"))

    monkeypatch.setattr(firewall, "run", newer)
    firewall.load(sized)
    assert firewall.differences(sized) == []
    firewall.put_back(firewall.loaded())
    assert next(counts) > 2
    assert firewall.differences(sized.replace("16", "17")) == ["unexpected: size 16", "missing: size 17"]


@pytest.mark.parametrize(
    "text",
    [
        TABLE.replace("daddr", "daddrr", 1),
        TABLE.replace("zone_z1 {", "zone_z2 {"),
        TABLE + "flush ruleset\n",
        TABLE.replace("delete table inet trellis", "flush ruleset"),
        TABLE + "table inet other {\n}\n",
        TABLE + "delete table inet bystander\n",
        TABLE + "delete table inet trellis\n",
    ],
)
def test_a_text_that_nft_refuses_or_that_changes_more_than_our_table_is_refused(text: str, nft: Nft) -> None:
    nft("add", "table", "inet", "somebodys")
    with pytest.raises(Fault):
        firewall.check(text)
    assert nft("list", "tables") == "table inet somebodys\n"


def test_what_compares_while_another_does_takes_nothing_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy was refused in the lab: the guard's look had ended, and taken the file that nft was to read for it."""
    firewall.load(TABLE)
    original = firewall.run

    def while_the_guard_looks(argv: list[str], within_s: float) -> Ended:
        monkeypatch.setattr(firewall, "run", original)
        firewall.differences(TABLE)
        return original(argv, within_s)

    monkeypatch.setattr(firewall, "run", while_the_guard_looks)
    firewall.check(TABLE)
    assert list(tmp_path.iterdir()) == []


def test_judging_a_text_loads_nothing(nft: Nft) -> None:
    firewall.check(TABLE)
    assert nft("list", "tables") == ""


def test_the_table_that_was_there_comes_back_and_where_there_was_none_it_goes(nft: Nft) -> None:
    assert firewall.loaded() is None
    firewall.load(TABLE)
    first = firewall.loaded()
    firewall.load(TABLE.replace("10.103.0.0/24, ", ""))
    assert firewall.loaded() != first
    firewall.put_back(first)
    assert firewall.loaded() == first
    firewall.put_back(None)
    assert firewall.loaded() is None
    firewall.put_back(None)
    assert nft("list", "tables") == ""


def test_a_table_that_nft_prints_and_does_not_read_again_comes_back_from_its_text() -> None:
    """A tenant's removal failed in the lab, and its host was not put back: nft did not read what it had printed."""
    firewall.load(WITH_BYTES)
    first = firewall.loaded()
    firewall.put_back(None)
    with pytest.raises(Fault, match="datatype mismatch"):
        firewall.put_back(first)
    firewall.load(WITH_BYTES.replace("fe80::/10", "fe80::/64"))
    firewall.put_back(first, WITH_BYTES)
    assert firewall.loaded() == first


def test_a_table_that_somebody_had_changed_comes_back_as_it_was_and_not_as_its_text(nft: Nft) -> None:
    firewall.load(TABLE)
    nft("add", "rule", "inet", "trellis", "zone_z1", "ip", "daddr", "10.109.0.0/24", "accept")
    first = firewall.loaded()
    firewall.load(TABLE.replace("10.103.0.0/24, ", ""))
    firewall.put_back(first, TABLE)
    assert firewall.loaded() == first


def test_what_is_remembered_of_guests_outlives_a_change_that_is_put_back(nft: Nft) -> None:
    firewall.load(TABLE + PEERS)
    first = firewall.loaded()
    nft("add", "element", "inet", "trellis_peers", "penalized_ip6", "{ fd00:101::11 timeout 5m }")
    firewall.load(TABLE + "".join(line for line in PEERS.splitlines(keepends=True) if "vnet200" not in line))
    assert firewall.loaded() != first
    firewall.put_back(first, TABLE + PEERS)
    assert firewall.loaded() == first
    assert "fd00:101::11" in nft("list", "set", "inet", "trellis_peers", "penalized_ip6")


def test_a_table_of_a_later_change_goes_with_it(nft: Nft) -> None:
    firewall.load(TABLE)
    first = firewall.loaded()
    firewall.load(TABLE + PEERS)
    firewall.put_back(first, TABLE)
    assert nft("list", "tables") == "table inet trellis\n"


def test_nft_reads_what_it_prints_of_the_guests_that_are_remembered() -> None:
    """So a host comes back whose table somebody had changed, too."""
    firewall.load(TABLE + PEERS)
    first = firewall.loaded()
    firewall.put_back(None)
    firewall.put_back(first)
    assert firewall.loaded() == first


def test_a_table_that_nobody_wants_any_more_is_named() -> None:
    assert firewall.differences(None) == []
    firewall.load(TABLE)
    assert firewall.differences(None) == ["table inet trellis is loaded, and should not be"]


def test_a_host_without_nft_is_refused_before_anything_and_has_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Fault, match="this host has none"):
        firewall.check(TABLE)
    assert firewall.loaded() is None
    assert firewall.differences(None) == []


def test_a_kernel_without_nf_tables_has_no_table_and_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    says = "Error: Could not process rule: Operation not supported"
    monkeypatch.setattr(firewall, "run", lambda *_: Ended(1, "", says))
    assert firewall.loaded() is None
    with pytest.raises(Fault, match="Operation not supported"):
        firewall.check(TABLE)
    monkeypatch.setattr(firewall, "run", lambda *_: Ended(1, "", "Error: Permission denied"))
    with pytest.raises(Fault, match="Permission denied"):
        firewall.loaded()
