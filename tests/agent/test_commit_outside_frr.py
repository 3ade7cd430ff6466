"""A commit of what is outside FRR: loopbacks, the host's table, its unit. In force with everything else, or not at all.

The table is the real nft's, in the scratch host's own network. This machine's kernel has no dummy devices: a bridge
plays one.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.agent.conftest import BASE, WITH_ROUTE, Host, Run
from tests.agent.documents import CONFIG, document
from tests.agent.tables import PATH, TABLE, UNIT, WITH_BYTES, files, firewall
from tests.agent.test_interfaces_text import INSTALLED, NAME, STANZA
from trellis.agent.manifest import sealed
from trellis.agent.normalise import difference

pytestmark = pytest.mark.frr

# A dummy is asked for and a bridge made; of a bridge it is told that it is a dummy.
_IP = """#!/bin/bash
[ "$1 $2 $4 $5" = "link add type dummy" ] && { [ -e /run/no-dummies ] && exit 2; set -- link add "$3" type bridge; }
/usr/bin/ip.real "$@" | sed 's/"info_kind":"bridge"/"info_kind":"dummy"/g'
exit "${PIPESTATUS[0]}"
"""
LOOPBACKS = {"interface": NAME, "addresses": ["10.255.0.1/32", "fd00:0:0:ffff::1/128"], "stanza": list(STANZA)}
NEEDED = {"packages": ["frr", "frr-pythontools", "nftables"], "interfaces": []}
LACKING = {
    "packages": ["frr", "no-such-package"],
    "interfaces": [
        {"name": "vmbr9", "path": "links.a.ends.pve01", "mtu": 1500, "why": "a", "addresses": []},
        {"name": "lo", "path": "links.b.ends.pve01", "mtu": 70000, "why": "b", "addresses": ["10.9.9.9/32"]},
    ],
}
INTERFACES = "/etc/network/interfaces"


@pytest.fixture
def host(bare_host: Host) -> Host:
    """A host with an installed network, on which nothing was ever committed."""
    bare_host.frr.run(["mv", "/usr/bin/ip", "/usr/bin/ip.real"])
    bare_host.frr.write("/usr/bin/ip", _IP, 0o755)
    bare_host.frr.write(INTERFACES, INSTALLED)
    return bare_host


def _whole(text: str = TABLE, config: list[str] = BASE, *others: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A manifest with everything that is outside FRR."""
    changes = {"loopbacks": LOOPBACKS, "preconditions": NEEDED, **firewall(), **changes}
    return document(config, *files(text), *others, **changes)


def _outside(host: Host) -> dict[str, str]:
    """All that may change outside FRR: table, device, stanza, files and unit."""
    return {
        "table": host.frr.run(["nft", "-s", "list", "ruleset"]).out,
        "device": host.frr.run(["ip", "-brief", "address", "show", "dev", NAME]).out.partition("fe80")[0],
        "stanza": host.frr.read(INTERFACES),
        "files": host.frr.run(["bash", "-c", f"ls {PATH} /etc/systemd/system/{UNIT}"]).out,
        "unit": host.frr.run(["systemctl", "show", "--property=UnitFileState,ActiveState", UNIT]).out,
    }


def _refused(run: Run, step: str) -> None:
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", step), run.report


def test_a_first_commit_puts_all_of_it_in_force(host: Host) -> None:
    run = host.commit(_whole())
    assert (run.status, run.outcome) == (0, "applied"), run.report
    found = _outside(host)
    assert "counter packets" not in found["table"]
    assert 'counter drop comment "R12 other zone"' in found["table"]
    assert "10.255.0.1/32" in found["device"]
    assert "fd00:0:0:ffff::1/128" in found["device"]
    assert found["stanza"] == INSTALLED + "\n" + "\n".join(STANZA) + "\n"
    assert found["unit"] == "UnitFileState=enabled\nActiveState=active\n"
    assert host.agent("check").status == 0
    names = [step["name"] for step in run.report["steps"]]
    assert names.index("loopbacks") < names.index("firewall") < names.index("reload FRR")
    log = host.frr.read("/run/systemctl.log").splitlines()
    text = "\n".join(BASE) + "\n"
    assert host.frr.read(CONFIG) == text
    assert difference(text, host.frr.running_config()) == ([], [])
    assert log.index("daemon-reload") < log.index(f"enable {UNIT}") < log.index(f"start {UNIT}")


def test_a_second_commit_changes_nothing_and_keeps_the_counts(host: Host) -> None:
    assert host.commit(_whole()).outcome == "applied"
    host.frr.run(["bash", "-c", "ping -c 3 -i 0.1 127.0.0.1"])
    counted = host.frr.run(["nft", "list", "ruleset"]).out
    assert 'counter packets 0 bytes 0 comment "counted"' not in counted
    host.frr.write("/run/before", "")
    run = host.commit(_whole())
    assert run.outcome == "unchanged"
    assert host.frr.run(["nft", "list", "ruleset"]).out == counted
    assert host.frr.run(["find", "/etc", "/var/lib/trellis", "-newer", "/run/before"]).out == ""
    # One that changes FRR alone keeps them as well.
    assert host.commit(_whole(config=[*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"])).outcome == "applied"
    assert host.frr.run(["nft", "list", "ruleset"]).out == counted


def test_what_somebody_changed_is_named_by_check_and_mended_by_the_next_commit(host: Host) -> None:
    assert host.commit(_whole()).outcome == "applied"
    before = _outside(host)
    for spoil in (
        "nft flush chain inet trellis zone_z1",
        f"ip link delete {NAME}",
        f"sed -i /10.255.0.1/d {INTERFACES}",
        f"rm /run/units/*/{UNIT}",
    ):
        host.frr.run(["bash", "-c", spoil])
    check, status = host.agent("check"), host.agent("status")
    assert check.status == 1
    found = check.report["differences"]
    assert (
        'missing: ip daddr { 10.102.0.0/24, 10.103.0.0/24 } counter drop comment "R12 other zone"' in found["firewall"]
    )
    assert len(found["firewall"]) == 3
    says = f"{INTERFACES} says otherwise of {NAME}: fd00:0:0:ffff::1/128"
    assert found["loopbacks"] == [f"{NAME} is missing", says]
    assert found["units"] == [f"{UNIT} is not enabled and not active"]
    assert status.report["outside_frr"] == {name: found[name] for name in ("loopbacks", "firewall", "units")}
    assert host.commit(_whole()).outcome == "applied"
    assert host.agent("check").status == 0
    assert _outside(host) == before
    host.frr.run(["nft", "delete", "table", "inet", "trellis"])
    assert host.agent("check").report["differences"]["firewall"] == ["table inet trellis is not loaded"]


def test_a_first_commit_that_fails_leaves_nothing_of_it(host: Host) -> None:
    before = _outside(host)
    host.drop_on_first_reload()
    run = host.commit(_whole(config=WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "running configuration"), run.report
    assert _outside(host) == before
    assert before["table"] == ""


@pytest.mark.parametrize("table", [TABLE, WITH_BYTES], ids=["as-nft-prints-it", "as-it-was-written"])
def test_a_later_commit_that_fails_brings_the_earlier_table_and_addresses_back(host: Host, table: str) -> None:
    assert host.commit(_whole(table)).outcome == "applied"
    before = _outside(host)
    moved = json.loads(json.dumps(LOOPBACKS).replace("0.1/32", "0.2/32"))
    host.drop_on_first_reload()
    run = host.commit(_whole(table.replace("10.102.0.0/24", "10.104.0.0/24"), WITH_ROUTE, loopbacks=moved))
    assert (run.outcome, run.failed_step) == ("restored", "running configuration"), run.report
    assert _outside(host) == before


def test_loopbacks_of_the_last_commit_go_when_the_site_gives_others(host: Host) -> None:
    assert host.commit(_whole()).outcome == "applied"
    moved = json.loads(json.dumps(LOOPBACKS).replace("0.1/32", "0.2/32"))
    assert host.commit(_whole(loopbacks=moved)).outcome == "applied"
    found = _outside(host)
    assert "10.255.0.2/32" in found["device"]
    assert "10.255.0.1/32" not in found["device"] + found["stanza"]


def test_a_table_that_nft_refuses_or_that_flushes_others_is_refused(host: Host) -> None:
    before, config = _outside(host), host.config()
    for text in (TABLE.replace("daddr", "daddrr", 1), TABLE + "flush ruleset\n"):
        _refused(host.commit(_whole(text)), "syntax")
    assert (_outside(host), host.config()) == (before, config)


def test_a_host_without_nft_is_refused_and_nothing_changes(host: Host) -> None:
    host.frr.run(["bash", "-c", "mv /usr/sbin/nft /root/nft"])
    config = host.config()
    run = host.commit(_whole(preconditions=None, loopbacks=None))
    _refused(run, "syntax")
    assert run.report["error"] == {"what": "nft", "why": "this host has none", "remedy": "apt install nftables"}
    assert host.config() == config


def test_everything_that_is_lacking_is_named_at_once_and_nothing_changes(host: Host) -> None:
    before, config = _outside(host), host.config()
    run = host.commit(_whole(preconditions=LACKING))
    _refused(run, "preconditions")
    assert [refusal["value"] for refusal in run.report["refusals"]] == [
        "no-such-package",
        "vmbr9",
        "lo has MTU 65536",
        "lo has 127.0.0.1/8, ::1/128",
    ]
    assert "  remedy: apt install no-such-package" in run.said
    assert (_outside(host), host.config()) == (before, config)
    lacking = host.agent("check", "--manifest", stdin=json.dumps(sealed(_whole(preconditions=LACKING))))
    assert lacking.status == 1
    assert lacking.report["lacking"] == run.report["refusals"]


def test_what_a_killed_agent_left_is_taken_back_by_the_next_run(host: Host) -> None:
    assert host.commit(_whole()).outcome == "applied"
    before = _outside(host)
    host.on_reload("[ -e /run/done ] || { touch /run/hung; sleep 1000; }")
    changed = _whole(
        TABLE.replace("10.102.0.0/24", "10.104.0.0/24"), [*BASE[:-1], "ip route 10.9.0.0/16 blackhole", "end"]
    )
    with host.start_commit(changed) as first:
        deadline = time.monotonic() + 60
        while not host.frr.path("/run/hung").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        host.frr.run(["rm", "-f", "/run/timer"])  # else that may be quicker, and the next run meet its lock
        host.frr.run(["kill", "-KILL", host.agent("status").report["lock"].split()[1].rstrip(",")])
        first.communicate(timeout=60)
    host.frr.write("/run/done", "")
    assert "10.104" in _outside(host)["table"]
    run = host.commit(_whole())
    assert run.outcome == "unchanged", run.said
    assert _outside(host) == before


def _prepare(on: Host, **changes: Any) -> Run:
    wanted = {"schema_version": 1, "host": "pve01", "kind": "pve", "loopbacks": LOOPBACKS, "preconditions": NEEDED}
    return on.agent("prepare", stdin=json.dumps(sealed({**wanted, **changes})))


def test_a_host_is_made_ready_once_and_touched_no_second_time(host: Host) -> None:
    run = _prepare(host)
    assert (run.status, run.outcome) == (0, "applied"), run.report
    found = _outside(host)
    assert "10.255.0.1/32" in found["device"]
    assert found["stanza"].startswith(INSTALLED)
    assert found["table"] == ""
    host.frr.write("/run/before", "")
    assert _prepare(host).outcome == "unchanged"
    assert host.frr.run(["find", "/etc", "/var/lib/trellis", "-newer", "/run/before"]).out == ""
    assert host.commit(_whole(kind="frr")).outcome == "applied"


def test_a_host_that_lacks_something_is_not_touched_and_another_host_s_part_is_refused(host: Host) -> None:
    before = _outside(host)
    run = _prepare(host, preconditions=LACKING)
    _refused(run, "preconditions")
    assert len(run.report["refusals"]) == 4
    _refused(_prepare(host, host="pve02"), "host")
    assert host.agent("prepare", stdin="{}").status == 2
    assert _outside(host) == before


def test_a_kernel_that_makes_no_dummy_leaves_the_file_as_it_was(host: Host) -> None:
    host.frr.write("/run/no-dummies", "")
    before = _outside(host)
    run = _prepare(host)
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "loopbacks")
    assert _outside(host) == before
    assert host.frr.run(["find", "/etc", "-name", ".*.trellis-*"]).out == ""
    run = host.commit(_whole())
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "loopbacks")
    assert _outside(host) == before
