"""An edge's filter: what the program renders, loaded once and again when it changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites import site_data
from trellis.lab import edge_filter, upstream
from trellis.lab.errors import LabError

TEXT = 'table inet trellis\ndelete table inet trellis\ntable inet trellis {\n chain a {\n  counter comment "x"\n }\n}\n'


@pytest.fixture
def namespace() -> Iterator[str]:
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("a network namespace and a filter in it need root and nft")
    name = f"tl-try-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    try:
        yield name
    finally:
        pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=True).stdout.split()
        for pid in pids:
            subprocess.run(["kill", pid], check=False)
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_the_text_is_what_the_command_line_prints(tmp_path: Path) -> None:
    text = edge_filter.rendered(site_data("homelab"), "edge1", tmp_path)
    assert "table inet trellis {" in text
    assert "R12 other zone" in text


def test_a_site_that_is_refused_is_told_in_the_commands_own_words(tmp_path: Path) -> None:
    data = site_data("homelab")
    data["fabric"]["asn"] = 0
    with pytest.raises(
        LabError, match=r"the filter of edge edge1: trellis: the site is refused for 1 reason.*\nfabric\.asn: 0"
    ):
        edge_filter.rendered(data, "edge1", tmp_path)


def test_a_filter_is_loaded_once_and_again_when_its_text_changed_or_it_is_gone(namespace: str, tmp_path: Path) -> None:
    kept = tmp_path / "filter.nft"
    assert edge_filter.load(TEXT, namespace, kept)
    assert not edge_filter.load(TEXT, namespace, kept)
    assert edge_filter.load(TEXT.replace("x", "y"), namespace, kept)
    subprocess.run(["ip", "netns", "exec", namespace, "nft", "delete", "table", "inet", "trellis"], check=True)
    assert edge_filter.load(TEXT.replace("x", "y"), namespace, kept)


def test_a_text_that_nft_refuses_is_not_taken_for_loaded(namespace: str, tmp_path: Path) -> None:
    kept = tmp_path / "filter.nft"
    with pytest.raises(LabError, match="nft -f -"):
        edge_filter.load("table inet trellis { nonsense", namespace, kept)
    assert not kept.exists()


def test_the_upstream_answers_by_tcp_and_is_started_once(namespace: str) -> None:
    upstream.listen(namespace)
    upstream.listen(namespace)
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
    assert len(listed.stdout.split()) == 1
    asked = [
        "ip",
        "netns",
        "exec",
        namespace,
        "bash",
        "-c",
        f"read -r said < /dev/tcp/127.0.0.1/{upstream.PORT}; echo $said",
    ]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "upstream\n"
