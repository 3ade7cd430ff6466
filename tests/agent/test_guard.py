"""The guard on real FRR: what others do to a host is told, what is ours of it is mended; incidents I1, I2 and I12."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import Host, Run
from tests.agent.documents import CONFIG, document, file
from trellis.agent.normalise import difference
from trellis.lab.scratch import ScratchFrr
from trellis.pve import EvpnZone, Node, SdnState, effective, pve_version
from trellis.render import Bundle

pytestmark = pytest.mark.frr

LOCAL = "/etc/frr/frr.conf.local"
DAEMONS = "/etc/frr/daemons"
DAEMONS_CONF = "/etc/frr/daemons.conf"
NODE = Node("pve01", "10.255.0.1", ("10.255.0.1", "fd00:0:0:ffff::1"), pve_version("9.1"))
DRIFT = "/var/lib/trellis/drift.json"


def pve_document(bundle: Bundle) -> dict[str, Any]:
    """Its manifest, of what a scratch FRR has: a host of Proxmox's without links, firewall and pveversion."""
    others = [file(path, bundle.text(path).splitlines()) for path in (LOCAL, DAEMONS_CONF)]
    return document(bundle.text(CONFIG).splitlines(), *others, kind="pve", daemons=list(bundle.daemons))


@pytest.fixture(scope="module")
def committed(frr_root: Path, bundle: Bundle) -> Iterator[Host]:
    """A host that runs the homelab's configuration, committed; Proxmox has switched off ospfd in its own file."""
    with ScratchFrr(frr_root, "pve01", supervised=True) as frr:
        host = Host(frr)
        # As on a hypervisor they are there: of one that is not, frr-reload takes the interface itself away, and zebra
        # (10.3) reads it again for its router advertisements within a second or a minute, and dies (decision 0031).
        for line in bundle.text(CONFIG).splitlines():
            if line.startswith("interface "):
                assert frr.run(["ip", "link", "add", line.split()[1], "type", "bridge"]).status == 0
        daemons = frr.read(DAEMONS)
        frr.write(DAEMONS, daemons.replace("ospfd=yes", "ospfd=no").replace("ospf6d=yes", "ospf6d=no"))
        run = host.commit(pve_document(bundle))
        assert run.outcome == "applied", run.said
        yield host
        assert frr.run(["sh", "-c", "cat /var/tmp/frr/zebra.*/crashlog"]).out == ""


@pytest.fixture
def host(committed: Host, bundle: Bundle) -> Iterator[Host]:
    """The same host as often as it is wanted, as committed each time."""
    yield committed
    frr = committed.frr
    frr.run(["rm", "-rf", DRIFT, LOCAL, "/var/lib/trellis/frozen.json", "/var/lib/trellis/guard"])
    for path in (LOCAL, CONFIG, DAEMONS_CONF):
        frr.write(path, bundle.text(path))
    if any(difference(bundle.text(CONFIG), frr.running_config())):
        frr.run(["/usr/lib/frr/frrinit.sh", "restart"])


def guard(host: Host) -> Run:
    return host.agent("guard")


def regenerate(host: Host, sdn: SdnState, *, with_local: bool = True) -> None:
    """What Proxmox does at an SDN apply, a network reload and a boot: write frr.conf whole, and reload FRR."""
    local = tuple(host.frr.read(LOCAL).splitlines()) if with_local else ()
    if host.frr.reload(effective(sdn, NODE, local).text).status:
        # As Proxmox does: frr-reload.py of FRR 10.3 dies of some differences (`rm_match`).
        host.frr.run(["/usr/lib/frr/frrinit.sh", "restart"])


def assert_as_committed(host: Host, bundle: Bundle) -> None:
    assert difference(bundle.text(CONFIG), host.frr.running_config()) == ([], [])
    assert difference(bundle.text(CONFIG), host.frr.read(CONFIG)) == ([], [])
    assert host.frr.read(LOCAL) == bundle.text(LOCAL)


def test_a_host_as_committed_is_left_without_a_write(host: Host) -> None:
    host.frr.write("/run/before", "")
    before = host.pids()
    run = guard(host)
    assert (run.status, run.outcome, run.said) == (0, "same", "")
    assert host.frr.run(["find", "/etc", "/var/lib/trellis", "-newer", "/run/before"]).out == ""
    assert host.pids() == before


def test_a_host_on_which_nothing_was_committed_is_none_of_its_business(bare_host: Host) -> None:
    assert (guard(bare_host).status, guard(bare_host).outcome) == (0, "nothing committed")


def test_i1_a_frr_conf_without_our_part_is_whole_again_without_a_deploy(
    host: Host, bundle: Bundle, sdn: SdnState
) -> None:
    host.frr.run(["rm", LOCAL])
    regenerate(host, sdn, with_local=False)
    assert "router ospf" not in host.frr.running_config()
    run = guard(host)
    assert (run.status, run.outcome) == (0, "repaired"), run.said
    assert_as_committed(host, bundle)
    told = json.loads(host.frr.read(DRIFT))
    assert told["outcome"] == "repaired"
    assert f"{LOCAL} (missing)" in told["ours"]
    assert "guard: repaired: ours: " in run.said
    again = guard(host)
    assert again.outcome == "same", again.said
    assert not host.frr.path(DRIFT).exists()


def test_i2_daemons_that_were_switched_off_run_again(host: Host, bundle: Bundle) -> None:
    host.frr.run(["rm", DAEMONS_CONF])
    host.frr.run(["/usr/lib/frr/frrinit.sh", "restart"])
    assert "ospfd" not in host.pids()
    run = guard(host)
    assert run.outcome == "repaired", run.said
    assert "ospfd" in host.pids()
    assert any("ospfd" in line for line in run.report["ours"])
    assert_as_committed(host, bundle)


def test_i12_a_route_map_whose_entries_were_renumbered_is_in_order_again(host: Host, bundle: Bundle) -> None:
    text = bundle.text(CONFIG)
    name = next(line.split()[1] for line in text.splitlines() if line.startswith("route-map TL-") and " 2" in line)
    swapped = text.replace(f"route-map {name} permit 1\n", f"route-map {name} permit 9\n")
    assert swapped != text
    assert host.frr.reload(swapped).status == 0
    assert f"route-map {name} permit 9" in host.frr.running_config()
    run = guard(host)
    assert run.outcome == "repaired", run.said
    assert any(f"in a filter of ours: route-map {name} permit 9" in line for line in run.report["ours"])
    assert_as_committed(host, bundle)


def test_a_zone_that_somebody_else_applied_is_told_and_left_alone(host: Host, sdn: SdnState) -> None:
    other = EvpnZone("guestz9", 4999, "evpn")
    regenerate(host, dataclasses.replace(sdn, zones=(*sdn.zones, other)))
    running, text = host.frr.running_config(), host.frr.read(CONFIG)
    run = guard(host)
    assert (run.status, run.outcome) == (1, "foreign")
    assert f"{CONFIG} has: vrf vrf_guestz9 > vni 4999" in run.report["foreign"]
    assert "guard: foreign: not ours, left as it is: " in run.said
    assert (host.frr.running_config(), host.frr.read(CONFIG)) == (running, text)
    assert guard(host).said == ""


def test_ours_is_mended_around_a_zone_of_somebody_else_s(host: Host, sdn: SdnState) -> None:
    other = EvpnZone("guestz9", 4999, "evpn")
    host.frr.run(["rm", LOCAL])
    regenerate(host, dataclasses.replace(sdn, zones=(*sdn.zones, other)), with_local=False)
    run = guard(host)
    assert (run.status, run.outcome) == (0, "repaired"), run.said
    assert run.report["foreign"]
    running = host.frr.running_config()
    assert "router ospf6" in running
    assert "vni 4999" in running
    assert "vni 4999" in host.frr.read(CONFIG)
    assert guard(host).outcome == "foreign"


def test_a_zone_that_somebody_took_away_is_told_and_not_brought_back(host: Host, sdn: SdnState) -> None:
    regenerate(host, dataclasses.replace(sdn, zones=sdn.zones[:1]))
    run = guard(host)
    assert (run.status, run.outcome) == (1, "foreign"), run.said
    assert any("lacks what Proxmox was to generate: vrf vrf_" in line for line in run.report["foreign"])


def test_a_line_that_somebody_added_by_hand_stays_and_one_of_ours_that_they_changed_comes_back(
    host: Host, bundle: Bundle
) -> None:
    host.frr.vtysh("configure", "router ospf", "auto-cost reference-bandwidth 40000", "ospf router-id 10.9.9.9")
    host.frr.vtysh("write memory")
    run = guard(host)
    assert run.outcome == "repaired", run.said
    running = host.frr.running_config()
    assert "ospf router-id 10.255.0.1" in running
    assert "10.9.9.9" not in running + host.frr.read(CONFIG)
    assert "auto-cost reference-bandwidth 40000" in running
    missing, unexpected = difference(bundle.text(CONFIG), host.frr.read(CONFIG))
    assert missing == []
    assert [line[-1] for line in unexpected] == ["auto-cost reference-bandwidth 40000"]


def test_a_frr_conf_that_was_cut_short_is_put_back_whole(host: Host, bundle: Bundle) -> None:
    host.frr.write(CONFIG, host.frr.read(CONFIG)[:2000])
    assert guard(host).outcome == "repaired"
    assert_as_committed(host, bundle)


def test_nothing_is_touched_while_a_run_holds_the_lock(host: Host) -> None:
    host.frr.run(["rm", LOCAL])
    locked = ["flock", "/run/lock/trellis.lock", "python3", "/usr/local/lib/trellis/agent.py", "guard"]
    assert json.loads(host.frr.run(locked).out)["outcome"] == "skipped"
    assert not host.frr.path(LOCAL).exists()
    assert not host.frr.path(DRIFT).exists()


def test_a_guard_with_patience_waits_for_a_run_to_end_and_looks_then(host: Host) -> None:
    host.frr.run(["rm", LOCAL])
    locked = subprocess.Popen(host.frr.command(["flock", "/run/lock/trellis.lock", "sleep", "3"]))
    time.sleep(0.5)
    run = host.agent("guard", "--patience-s", "60")
    locked.wait()
    assert run.outcome == "repaired", run.said
    assert host.frr.path(LOCAL).exists()


def test_what_is_written_while_it_looks_is_looked_at_too(host: Host, sdn: SdnState) -> None:
    # The first look reads frr.conf before somebody writes it: vtysh, which it asks next, does that here.
    other = EvpnZone("guestz9", 4999, "evpn")
    text = effective(
        dataclasses.replace(sdn, zones=(*sdn.zones, other)), NODE, tuple(host.frr.read(LOCAL).splitlines())
    )
    host.frr.write("/run/new.conf", text.text)
    host.frr.run(["mv", "/usr/bin/vtysh", "/usr/bin/vtysh.real"])
    script = '#!/bin/sh\n[ ! -e /run/new.conf ] || mv /run/new.conf /etc/frr/frr.conf\nexec /usr/bin/vtysh.real "$@"\n'
    host.frr.write("/usr/bin/vtysh", script, 0o755)
    run = guard(host)
    host.frr.run(["mv", "/usr/bin/vtysh.real", "/usr/bin/vtysh"])
    assert run.outcome == "foreign"
    assert f"{CONFIG} has: vrf vrf_guestz9 > vni 4999" in run.report["foreign"]


def test_a_frozen_host_is_told_about_and_not_mended(host: Host) -> None:
    host.frr.write("/var/lib/trellis/frozen.json", '{"reason": "trace", "owner": "ops", "since": "now"}')
    host.frr.run(["rm", LOCAL])
    run = guard(host)
    assert (run.status, run.outcome) == (1, "frozen")
    assert "trace (ops, since now)" in run.said
    assert not host.frr.path(LOCAL).exists()


def test_what_cannot_be_mended_is_told_and_not_tried_at_each_call(host: Host) -> None:
    host.frr.run(["rm", LOCAL])
    host.frr.run(["mkdir", LOCAL])
    first = guard(host)
    assert (first.status, first.outcome) == (4, "failed")
    assert "not a regular file" in first.report["why"]
    assert guard(host).said == ""


def test_the_units_watch_what_proxmox_writes_and_do_not_wait_for_its_quorum() -> None:
    from trellis.agent.guard import UNITS  # noqa: PLC0415

    assert UNITS.keys() == {"trellis-guard.path", "trellis-guard.timer", "trellis-guard.service"}
    assert all(f"PathChanged={path}\n" in UNITS["trellis-guard.path"] for path in (CONFIG, DAEMONS))
    after = next(line for line in UNITS["trellis-guard.service"].splitlines() if line.startswith("After="))
    assert "pve-sdn-commit" not in after
    assert Path("/usr/local/lib/trellis/agent.py").name in UNITS["trellis-guard.service"]


def test_frr_that_somebody_stopped_is_told_and_not_started(host: Host) -> None:
    host.frr.run(["/usr/lib/frr/frrinit.sh", "stop"])
    host.frr.run(["mv", "/usr/bin/systemctl", "/usr/bin/systemctl.real"])
    host.frr.write("/usr/bin/systemctl", "#!/bin/sh\necho inactive\n", 0o755)
    run = guard(host)
    stopped = host.frr.run(["pgrep", "zebra"]).out
    host.frr.run(["mv", "/usr/bin/systemctl.real", "/usr/bin/systemctl"])
    host.frr.run(["/usr/lib/frr/frrinit.sh", "start"])
    assert (run.status, run.outcome) == (4, "failed")
    assert "FRR does not run: somebody stopped it" in run.said
    assert stopped == ""


def test_a_secret_comes_back_with_its_value_and_is_told_without_it(bare_host: Host) -> None:
    secrets = {"schema_version": 1, "host": "pve01", "secrets": {"edge-key": "CANARY-of-the-key"}}
    assert bare_host.agent("secrets", stdin=json.dumps(secrets)).outcome == "applied"
    lines = [
        *("frr defaults traditional", "hostname pve01", "service integrated-vtysh-config", "!", "router bgp 65001"),
        *(" neighbor 10.0.0.2 remote-as 65002", " neighbor 10.0.0.2 password {{secret:edge-key}}", "exit"),
    ]
    assert bare_host.commit(document(lines)).outcome == "applied"
    bare_host.frr.vtysh("configure", "router bgp 65001", "neighbor 10.0.0.2 password A-STRANGER")
    bare_host.frr.vtysh("write memory")
    run = guard(bare_host)
    assert run.outcome == "repaired", run.said
    assert "neighbor 10.0.0.2 password CANARY-of-the-key" in bare_host.frr.running_config()
    assert "neighbor 10.0.0.2 password CANARY-of-the-key" in bare_host.frr.read(CONFIG)
    shown = f"{run.said}{json.dumps(run.report)}{bare_host.frr.read(DRIFT)}"
    assert "{{secret:edge-key}}" in shown
    assert "CANARY" not in shown
    assert "STRANGER" not in shown
    assert bare_host.frr.run(["grep", "-rl", "CANARY", "/var/lib/trellis/guard", "/run/trellis"]).out == ""
