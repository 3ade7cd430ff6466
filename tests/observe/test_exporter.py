"""What the packaged exporter really prints of a host that runs our configuration; the recording is what alerts are
tested on (`--update-golden` records it anew).
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.observe.promtool import EXPORTER
from tests.sites import bundles_of
from trellis.lab.scratch import ScratchFrr
from trellis.render import FRR_CONF
from trellis.render import metric_names as names

pytestmark = pytest.mark.frr

_ADDRESSES = {"pve01": ("10.255.0.1", "fd00:0:0:ffff::1"), "pve02": ("10.255.0.2", "fd00:0:0:ffff::2")}
_LIMIT_S = 90


def _configuration(host: str) -> str:
    bundle = next(bundle for bundle in bundles_of("homelab") if bundle.host == host)
    return bundle.text(FRR_CONF)


@contextmanager
def _cable(hosts: dict[str, ScratchFrr]) -> Iterator[None]:
    """Join two hosts by a wire on which their loopbacks are neighbours."""
    with ExitStack() as holders:
        pids = []
        for frr in hosts.values():
            holder = subprocess.Popen(frr.command(["sleep", "300"]), stdin=subprocess.DEVNULL)
            holders.callback(holder.wait)
            holders.callback(holder.kill)
            pids.append(holder.pid)
        time.sleep(0.5)  # until they are in their namespaces
        made = ["ip", "link", "add", "wire", "netns", str(pids[0]), "type", "veth", "peer", "name", "wire"]
        subprocess.run([*made, "netns", str(pids[1])], check=True)
        for host, frr in hosts.items():
            frr.run(["sysctl", "-qw", "net.ipv6.conf.wire.accept_dad=0"])
            for address, length in zip(_ADDRESSES[host], ("24", "64"), strict=True):
                frr.run(["ip", "address", "add", f"{address}/{length}", "dev", "wire"])
            frr.run(["ip", "link", "set", "wire", "up"])
        yield


def _scrape(frr: ScratchFrr) -> str:
    """Return what the exporter prints of a host."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [f"--frr.socket.dir-path={frr.path('/run/frr')}", f"--web.listen-address={address}"]
    argv = ["prometheus-frr-exporter", *words, *names.EXPORTER_FLAGS, "--no-collector.ospf", "--no-collector.bfd"]
    exporter = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                    return str(answer.read().decode())
            except OSError:
                assert time.monotonic() < deadline, "the exporter does not answer"
                time.sleep(0.2)
    finally:
        exporter.kill()
        exporter.wait()


def _lasting(text: str) -> str:
    """Return what rules and dashboard ask for, which is the same in each recording."""
    asked = {metric.name for metric in names.OF_EXPORTER}
    lines = (line for line in text.splitlines() if set(re.split(r"[ {]", line)[:3]) & asked)
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture(scope="module")
def printed(request: pytest.FixtureRequest) -> str:
    """Return what is printed of pve01 with its session to pve02 up, and edge1's over IPv6 shut down."""
    if shutil.which("prometheus-frr-exporter") is None:
        pytest.skip("prometheus-frr-exporter is missing: tools/setup.sh slow installs it")
    frr_root: Callable[[str], Path] = request.getfixturevalue("frr_root")
    root = frr_root("10.3")
    with ExitStack() as stack:
        hosts = {name: stack.enter_context(ScratchFrr(root, hostname=name, daemons=("bgpd",))) for name in _ADDRESSES}
        stack.enter_context(_cable(hosts))
        for name, frr in hosts.items():
            frr.load(_configuration(name))
        one = hosts["pve01"]
        one.vtysh("configure terminal", "router bgp 4200001000", "neighbor fd00:0:0:ffff::fffe shutdown")
        deadline = time.monotonic() + _LIMIT_S
        wanted = {("10.255.0.2", "ipv4"), ("10.255.0.2", "l2vpn"), ("fd00:0:0:ffff::2", "ipv6")}
        while True:
            text = _scrape(one)
            if wanted <= set(_peers(text, names.ESTABLISHED)):
                return text
            assert time.monotonic() < deadline, one.vtysh("show bgp summary")
            time.sleep(1)


def _peers(text: str, value: int) -> list[tuple[str, str]]:
    """Return the peers in a state, each with its family."""
    return [
        (sample.labels["peer"], sample.labels["afi"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == names.PEER_STATE.name and sample.value == value
    ]


def test_the_exporter_prints_what_the_recording_says(printed: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        EXPORTER.parent.mkdir(exist_ok=True)
        EXPORTER.write_text(_lasting(printed))
    assert _lasting(printed) == EXPORTER.read_text()


def test_names_labels_and_words_of_the_table_are_the_exporters(printed: str) -> None:
    families = {family.name: family for family in text_string_to_metric_families(printed)}
    for metric in names.OF_EXPORTER:
        family = families[metric.name]
        assert {frozenset(sample.labels) for sample in family.samples} == {frozenset(metric.labels)}
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)


def test_one_is_established_none_is_down_and_two_is_shut_down_by_configuration(printed: str) -> None:
    assert set(_peers(printed, names.ADMINISTRATIVELY_DOWN)) == {("fd00:0:0:ffff::fffe", "ipv6")}
    assert ("10.255.0.3", "ipv4") in _peers(printed, names.DOWN)
    assert ("fd00:101::11", "ipv6") in _peers(printed, names.DOWN)  # a guest that runs elsewhere
