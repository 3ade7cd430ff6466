"""A first deploy on a host that was configured before: what nobody declared is not replaced, what nobody wrote is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agent.conftest import BASE, Host
from tests.agent.documents import CONFIG, document, file
from trellis.agent.manifest import sealed

pytestmark = pytest.mark.frr


def _adopt(host: Host, wanted: dict[str, Any]) -> dict[str, Any]:
    run = host.agent("adopt", stdin=json.dumps(sealed(wanted)))
    assert run.status == 0, run.said
    return run.report


def test_a_host_as_its_packages_leave_it_has_nothing_that_is_replaced(bare_host: Host) -> None:
    assert _adopt(bare_host, document(BASE))["foreign"] == {}
    assert bare_host.commit(document(BASE)).outcome == "applied"


def test_what_a_host_runs_and_nobody_declared_is_not_replaced(bare_host: Host) -> None:
    bare_host.frr.vtysh("configure", "ip route 10.77.0.0/16 blackhole")
    before = bare_host.config()
    run = bare_host.commit(document(BASE))
    assert (run.status, run.failed_step) == (3, "adopt")
    told = _adopt(bare_host, document(BASE))
    assert told["foreign"] == {"running configuration": ["ip route 10.77.0.0/16 blackhole"]}
    assert f"hosts.pve01.replaces: {told['digest']}" in run.report["error"]["remedy"]
    assert bare_host.config() == before


def test_what_is_declared_by_its_digest_is_replaced(bare_host: Host) -> None:
    bare_host.frr.vtysh("configure", "ip route 10.77.0.0/16 blackhole")
    digest = _adopt(bare_host, document(BASE))["digest"]
    assert bare_host.commit(document(BASE, replaces=digest)).outcome == "applied"
    assert "10.77.0.0" not in bare_host.frr.running_config()


def test_a_line_that_came_after_the_declaration_is_not_replaced_with_it(bare_host: Host) -> None:
    bare_host.frr.vtysh("configure", "ip route 10.77.0.0/16 blackhole")
    digest = _adopt(bare_host, document(BASE))["digest"]
    bare_host.frr.vtysh("configure", "ip route 10.78.0.0/16 blackhole")
    run = bare_host.commit(document(BASE, replaces=digest))
    assert (run.status, run.failed_step) == (3, "adopt")
    assert "which was for other lines" in run.report["refusals"][0]["why"]


def test_what_the_site_has_too_is_not_foreign(bare_host: Host) -> None:
    bare_host.frr.vtysh("configure", "ip route 10.77.0.0/16 blackhole")
    wanted = document([*BASE[:-1], "ip route 10.77.0.0/16 blackhole", "end"])
    assert _adopt(bare_host, wanted)["foreign"] == {}


def test_what_proxmox_generated_for_our_sdn_is_not_foreign_and_what_it_did_not_is(bare_host: Host) -> None:
    bare_host.frr.write(
        CONFIG, "hostname pve01\nvrf vrf_z1\n vni 4096\nexit-vrf\nip route 10.77.0.0/16 blackhole\n", 0o640
    )
    bare_host.frr.run(["chown", "frr:frr", CONFIG])
    bare_host.frr.run(["/usr/lib/frr/frr-reload.py", "--reload", CONFIG])
    base = ["vrf vrf_z1", " vni 4096", "exit-vrf"]
    assert _adopt(bare_host, document(BASE, kind="pve", base=base))["foreign"] == {
        "running configuration": ["ip route 10.77.0.0/16 blackhole"]
    }


def test_daemons_and_options_of_ones_own_are_named_and_those_of_the_package_are_not(bare_host: Host) -> None:
    text = bare_host.frr.read("/etc/frr/daemons")
    text = text.replace("ripd=no", "ripd=yes").replace('bgpd_options="   -A 127.0.0.1"', 'bgpd_options="-A 10.1.1.1"')
    bare_host.frr.write("/etc/frr/daemons", text, 0o640)
    ours = file("/etc/frr/daemons", ["bgpd=yes"], "frr", "0640")
    assert _adopt(bare_host, document(BASE, ours))["foreign"] == {
        "/etc/frr/daemons": ["ripd=yes", 'bgpd_options="-A 10.1.1.1"']
    }


def test_a_configuration_of_one_daemon_that_frr_would_read_beside_frr_conf_is_named(bare_host: Host) -> None:
    bare_host.frr.write("/etc/frr/bgpd.conf", "router bgp 65001\n neighbor 10.0.0.9 password hunter2\n", 0o640)
    told = _adopt(bare_host, document(BASE))
    assert told["foreign"]["/etc/frr/bgpd.conf"] == [
        "router bgp 65001",
        "router bgp 65001 > neighbor 10.0.0.9 password ****",
    ]
    assert "hunter2" not in json.dumps(told)


def test_a_host_that_is_ours_already_has_nothing_to_adopt(bare_host: Host) -> None:
    assert bare_host.commit(document(BASE)).outcome == "applied"
    bare_host.frr.vtysh("configure", "ip route 10.77.0.0/16 blackhole")
    told = _adopt(bare_host, document(BASE))
    assert (told["foreign"], told["committed"]) == ({}, sealed(document(BASE))["digest"])
