"""States between two deploys on real FRR: merged as Proxmox does, and loaded before the apply that makes them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Host, Run
from tests.agent.documents import CONFIG, document, file
from tests.sites import EXAMPLES, bundles_of
from trellis.agent.between import merged_as_proxmox_does
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference, normalise
from trellis.agent.report import Fault
from trellis.lab.scratch import ScratchFrr
from trellis.pve import EvpnZone, Node, SdnState, effective, generate, pve_version
from trellis.render import Bundle

LOCAL = "/etc/frr/frr.conf.local"
DAEMONS_CONF = "/etc/frr/daemons.conf"
NODE = Node("pve01", "10.255.0.1", ("10.255.0.1", "fd00:0:0:ffff::1"), pve_version("9.1"))
PVEVERSION = "#!/bin/sh\necho pve-manager/9.1.6/lab\n"
OTHER = EvpnZone("evpnz7", 4777, "evpn")


def manifest(bundle: Bundle, sdn: SdnState, local: tuple[str, ...] | None = None) -> dict[str, Any]:
    """What pve01 is to hold on top of an SDN, as far as a scratch FRR has it."""
    lines = local if local is not None else tuple(bundle.text(LOCAL).splitlines())
    others = [file(LOCAL, list(lines)), file(DAEMONS_CONF, bundle.text(DAEMONS_CONF).splitlines())]
    return document(
        list(effective(sdn, NODE, lines).lines),
        *others,
        kind="pve",
        daemons=list(bundle.daemons),
        pve_version="9.1",
        pve_network=["1.3.0", "1.4.0"],
        base=list(generate(sdn, NODE)),
    )


def prepare(host: Host, sdn: SdnState) -> Run:
    head = {"schema_version": 1, "host": "pve01", "kind": "pve", "pve_version": "9.1", "pve_network": ["1.3.0", None]}
    return host.agent("prepare", stdin=json.dumps(sealed({**head, "base": list(generate(sdn, NODE))})))


def step(run: Run, name: str = "in-between state") -> str:
    return next(step["detail"] for step in run.report["steps"] if step["name"] == name)


@pytest.fixture(scope="module")
def committed(frr_root: Path, bundle: Bundle, sdn: SdnState) -> Iterator[Host]:
    """A host that runs the homelab's configuration, committed."""
    with ScratchFrr(frr_root, "pve01", supervised=True) as frr:
        host = Host(frr)
        frr.write("/usr/bin/pveversion", PVEVERSION, 0o755)
        run = host.commit(manifest(bundle, sdn))
        assert run.outcome == "applied", run.said
        yield host


@pytest.fixture
def host(committed: Host, bundle: Bundle, sdn: SdnState) -> Iterator[Host]:
    """The same host as often as it is wanted, as committed each time."""
    frr = committed.frr
    memory = frr.read("/var/lib/trellis/committed.json")
    yield committed
    frr.write("/var/lib/trellis/committed.json", memory, 0o600)
    frr.run(["rm", "-f", "/var/lib/trellis/expected.json"])
    frr.write("/usr/bin/pveversion", PVEVERSION, 0o755)
    frr.write(LOCAL, bundle.text(LOCAL))
    text = effective(sdn, NODE, tuple(bundle.text(LOCAL).splitlines())).text
    frr.write(CONFIG, text)
    if any(difference(text, frr.running_config())):
        frr.run(["/usr/lib/frr/frrinit.sh", "restart"])


def with_zone(sdn: SdnState) -> SdnState:
    return dataclasses.replace(sdn, zones=(*sdn.zones, OTHER))


@pytest.mark.frr
def test_an_addition_is_loaded_with_the_old_file_and_expected_afterwards(host: Host, sdn: SdnState) -> None:
    run = prepare(host, with_zone(sdn))
    assert run.status == 0, run.said
    assert step(run).startswith("the new SDN and this host's frr.conf.local: ")
    assert step(run).endswith(" lines as intended")
    # Proxmox does what was computed: the guard and the next commit find nobody's hand in it.
    assert host.frr.reload(effective(with_zone(sdn), NODE, tuple(host.frr.read(LOCAL).splitlines())).text).status == 0
    assert host.agent("guard").outcome == "same"


@pytest.mark.frr
def test_a_commit_follows_the_addition_and_loads_its_file_on_the_old_sdn(
    host: Host, bundle: Bundle, sdn: SdnState
) -> None:
    assert prepare(host, with_zone(sdn)).status == 0
    assert host.frr.reload(effective(with_zone(sdn), NODE, tuple(host.frr.read(LOCAL).splitlines())).text).status == 0
    run = host.commit(manifest(bundle, with_zone(sdn)))
    assert run.outcome == "applied", run.said
    assert step(run).startswith("the new frr.conf.local and the SDN as it is: ")


@pytest.mark.frr
def test_nothing_is_loaded_where_the_sdn_stays(host: Host, sdn: SdnState) -> None:
    run = prepare(host, sdn)
    assert (run.outcome, step(run)) == ("unchanged", "as committed")


@pytest.mark.frr
def test_an_apply_after_which_frr_would_not_run_the_old_file_is_refused_before_it(host: Host, sdn: SdnState) -> None:
    assert sdn.controller is not None
    other = dataclasses.replace(sdn, controller=dataclasses.replace(sdn.controller, asn=4200009999))
    before = host.frr.running_config()
    run = prepare(host, other)
    assert (run.status, run.failed_step) == (3, "in-between state")
    assert run.report["error"]["what"].startswith("the new SDN and this host's frr.conf.local: ")
    assert "in two runs, additions first" in run.report["error"]["remedy"]
    assert host.frr.running_config() == before
    assert not host.frr.path("/var/lib/trellis/expected.json").exists()


@pytest.mark.frr
def test_a_line_that_proxmox_would_lose_is_named_before_the_apply(host: Host, sdn: SdnState) -> None:
    host.frr.write(LOCAL, host.frr.read(LOCAL) + "ip nht resolve-via-default\n")
    run = prepare(host, sdn)
    assert (run.status, run.failed_step) == (3, "in-between state")
    assert "'ip nht resolve-via-default'" in run.why


@pytest.mark.frr
def test_another_release_of_proxmox_is_refused_before_the_apply(host: Host, sdn: SdnState) -> None:
    host.frr.write("/usr/bin/pveversion", "#!/bin/sh\necho pve-manager/9.2.1/lab\n", 0o755)
    run = prepare(host, with_zone(sdn))
    assert (run.status, run.failed_step) == (3, "in-between state")
    assert "this host runs Proxmox VE 9.2" in run.said


@pytest.mark.frr
def test_a_removal_is_loaded_with_the_new_file_on_the_old_sdn(host: Host, bundle: Bundle, sdn: SdnState) -> None:
    assert host.commit(manifest(bundle, with_zone(sdn))).outcome == "applied"
    run = host.commit(manifest(bundle, sdn))
    assert run.outcome == "applied", run.said
    assert step(run).endswith(" lines as intended")


def test_the_agent_merges_as_the_plan_does(bundle: Bundle, sdn: SdnState) -> None:
    text, lost = merged_as_proxmox_does(bundle.text(LOCAL), generate(sdn, NODE), "9.1")
    assert lost == []
    assert difference(bundle.text(CONFIG), text) == ([], [])
    assert normalise(bundle.base or "") == normalise("\n".join(generate(sdn, NODE)))


ALL = [bundle for name in EXAMPLES for bundle in bundles_of(name)[:3] if bundle.base is not None]


@pytest.mark.parametrize("bundle", ALL, ids=lambda bundle: f"{bundle.host}-{bundle.pve_version}-{len(bundle.base)}")
def test_what_travels_to_a_host_is_enough_to_merge_there_whatever_its_release(bundle: Bundle) -> None:
    assert bundle.base is not None
    base, version = tuple(bundle.base.splitlines()), bundle.pve_version or ""
    assert merged_as_proxmox_does(bundle.text(LOCAL), base, version) == (bundle.text(CONFIG), [])


def test_a_release_that_is_not_known_is_a_fault_and_no_traceback() -> None:
    with pytest.raises(Fault, match=r"Proxmox VE 7\.4"):
        merged_as_proxmox_does("", ("hostname x",), "7.4")
