"""An edge's FRR runs in a namespace of this machine, outlives who started it, and ends whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sites import REPOSITORY, site_of
from trellis.lab.edge import DAEMONS, edge_config
from trellis.lab.errors import LabError
from trellis.lab.processes import run
from trellis.lab.speaker import Speaker

TEXT = edge_config(site_of("homelab"), "edge1")


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"tl-test-speaker-{os.getpid()}"
    run(["ip", "netns", "add", name])
    yield name
    run(["ip", "netns", "delete", name])


@pytest.fixture
def edge(frr_root: Callable[[str], Path], namespace: str, tmp_path: Path) -> Iterator[Speaker]:
    speaker = Speaker("edge1", namespace, frr_root("10.3"), tmp_path / "edge1")
    yield speaker
    speaker.stop()


@pytest.mark.frr
def test_it_runs_what_it_was_given_under_its_own_name_and_leaves_the_root_as_it_was(edge: Speaker) -> None:
    shipped = (edge.root / "etc/frr/frr.conf").read_bytes()
    edge.start(TEXT, DAEMONS)
    assert edge.runs(TEXT)
    assert not edge.runs(TEXT + "!\n")
    assert "router bgp 4200000000" in edge.vtysh("show running-config")
    assert edge.run(["hostname"]).stdout == "edge1\n"
    assert (edge.root / "etc/frr/frr.conf").read_bytes() == shipped


@pytest.mark.frr
def test_a_command_inside_gets_its_input_and_its_failure_is_told(edge: Speaker) -> None:
    edge.start(TEXT, ("bgpd",))
    assert edge.run(["cat"], stdin="said").stdout == "said"
    assert edge.run(["false"], check=False).returncode == 1
    with pytest.raises(LabError, match="false"):
        edge.run(["false"])


@pytest.mark.frr
def test_it_outlives_who_started_it_and_its_end_is_the_end_of_all_its_processes(
    edge: Speaker, frr_root: Callable[[str], Path]
) -> None:
    script = (
        "from pathlib import Path; from trellis.lab.speaker import Speaker\n"
        f"edge = Speaker('edge1', {edge.namespace!r}, Path({str(edge.root)!r}), Path({str(edge.state)!r}))\n"
        f"edge.start({TEXT!r}, ['bgpd'])"
    )
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)
    assert edge.running()
    assert "bgpd" in edge.vtysh("show daemons")
    edge.stop()
    assert not edge.running()
    assert run(["ip", "netns", "pids", edge.namespace]).stdout == ""
    with pytest.raises(LabError, match="its FRR does not run"):
        edge.vtysh("show daemons")


@pytest.mark.frr
def test_starting_again_replaces_what_runs(edge: Speaker) -> None:
    edge.start(TEXT, ("bgpd",))
    before = set(run(["ip", "netns", "pids", edge.namespace]).stdout.split())
    edge.start(TEXT.replace("4200000000", "4200000009"), ("bgpd",))
    assert "router bgp 4200000009" in edge.vtysh("show running-config")
    assert before.isdisjoint(run(["ip", "netns", "pids", edge.namespace]).stdout.split())


def test_a_number_that_another_process_has_got_is_not_taken_for_it(tmp_path: Path) -> None:
    speaker = Speaker("edge1", "nowhere", tmp_path, tmp_path)
    (tmp_path / "pid").write_text(f"{os.getpid()} 1\n")  # this process, but it did not start in the first tick
    assert not speaker.running()
    speaker.stop()  # and nobody ends us


def test_a_root_without_frr_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is none in"):
        Speaker("edge1", "nowhere", tmp_path / "root", tmp_path).start(TEXT, DAEMONS)


@pytest.mark.frr
def test_a_namespace_that_is_not_there_is_told_at_once(frr_root: Callable[[str], Path], tmp_path: Path) -> None:
    speaker = Speaker("edge1", "tl-no-such-namespace", frr_root("10.3"), tmp_path / "edge1")
    with pytest.raises(LabError, match=r"namespaces could not be made: .*tl-no-such-namespace"):
        speaker.start(TEXT, DAEMONS)
    assert not speaker.running()
