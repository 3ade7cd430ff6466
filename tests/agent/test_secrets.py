"""Secrets on a host, on real FRR: values reach FRR and its files, and nothing else ever shows one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import RELOAD, Host, Run, confirmed
from tests.agent.documents import CONFIG, document
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

OLD, NEW = "CANARY-of-the-old-key", "CANARY-of-the-new-key"
STORE = "/var/lib/trellis/secrets.json"
SIGNED = " neighbor 10.0.0.2 password {{secret:edge-key}}"
TEXT = f"""\
frr defaults traditional
hostname pve01
service integrated-vtysh-config
!
ip route 192.0.2.0/24 blackhole
!
router bgp 65001
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 10.0.0.2 remote-as 65002
{SIGNED}
 neighbor 10.0.0.2 timers connect 1
 !
 address-family ipv4 unicast
  network 192.0.2.0/24
 exit-address-family
exit
"""
LINES = TEXT.splitlines()

# Looks at every command line, again and again, from a process of its own.
_WATCH = r"""
import glob, os, sys
own = str(os.getpid())
seen = set()
open("/run/watching", "w").close()
while os.path.exists("/run/watching"):
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read()
        except OSError:
            continue
        if b"CAN" + b"ARY" in words and path.split("/")[2] != own:
            seen.add(words)
open("/run/seen", "wb").write(b"\n".join(seen))
"""


def given(host: Host, **values: str) -> Run:
    names = {name.replace("_", "-"): value for name, value in values.items()}
    return host.agent("secrets", stdin=json.dumps({"schema_version": 1, "host": "pve01", "secrets": names}))


def key_of(frr: ScratchFrr) -> list[str]:
    return [line.split()[-1] for line in frr.running_config().splitlines() if " password " in line]


def holding(host: Host, text: str) -> set[str]:
    """The files of the whole host that hold a text."""
    host.frr.write("/opt/wanted", text)  # a command line is looked at as well
    folders = "/etc /run /tmp /var /root /dev/shm /usr/local"
    return set(host.frr.run(["bash", "-c", f"grep -rlsI -F -f /opt/wanted {folders}; true"]).out.split())


@pytest.fixture
def host(bare_host: Host) -> Host:
    """A host with a session that is signed by the old key."""
    assert given(bare_host, edge_key=OLD).outcome == "applied"
    run = bare_host.commit(document(LINES))
    assert run.outcome == "applied", run.said
    return bare_host


@pytest.fixture
def watched(bare_host: Host) -> Iterator[None]:
    """Every command line on the host, of every process, while the test runs."""
    bare_host.frr.write("/run/watch.py", _WATCH)
    watcher = subprocess.Popen(bare_host.frr.command(["python3", "/run/watch.py"]))
    while not bare_host.frr.path("/run/watching").exists():
        time.sleep(0.05)
    yield
    bare_host.frr.path("/run/watching").unlink()
    watcher.wait(30)
    assert bare_host.frr.path("/run/seen").read_bytes() == b""


def test_a_value_reaches_frr_and_its_file_and_is_seen_nowhere_else(bare_host: Host, watched: None) -> None:
    sent = given(bare_host, edge_key=OLD)
    run = bare_host.commit(document(LINES))
    again = bare_host.commit(document(LINES))
    checked, status = bare_host.agent("check"), bare_host.agent("status")
    assert (sent.outcome, run.outcome, again.outcome) == ("applied", "applied", "unchanged"), run.said
    assert key_of(bare_host.frr) == [OLD]
    assert bare_host.frr.read(CONFIG) == TEXT.replace("{{secret:edge-key}}", OLD)
    assert checked.report["same"] is True
    for answer in (sent, run, again, checked, status):
        assert "CANARY" not in json.dumps(answer.report) + answer.said
    assert holding(bare_host, "CANARY") == {CONFIG, STORE}
    assert bare_host.frr.path(STORE).stat().st_mode & 0o777 == 0o600


def test_another_value_goes_into_force_without_another_manifest(host: Host, watched: None) -> None:
    before = host.agent("status").report["committed"]["digest"]
    run = given(host, edge_key=NEW)
    assert (run.status, run.outcome) == (0, "applied"), run.said
    assert "reload FRR" in [step["name"] for step in run.report["steps"]]
    assert key_of(host.frr) == [NEW]
    assert host.frr.read(CONFIG) == TEXT.replace("{{secret:edge-key}}", NEW)
    assert host.agent("status").report["committed"]["digest"] == before
    assert host.agent("check").report["same"] is True
    assert host.commit(document(LINES)).outcome == "unchanged"
    assert holding(host, NEW) == {CONFIG, STORE}
    # The bytes of what was before, for a way back: root's alone, as the store.
    assert {path for path in holding(host, OLD) if not path.startswith("/var/lib/trellis/backup/")} == set()
    assert given(host, edge_key=NEW).outcome == "unchanged"


def test_a_value_that_frr_does_not_take_is_taken_back_with_the_store(host: Host) -> None:
    host.on_reload("[ -e /run/failed ] || { touch /run/failed; exit 1; }")
    run = given(host, edge_key=NEW)
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "reload FRR")
    assert key_of(host.frr) == [OLD]
    assert json.loads(host.frr.read(STORE))["secrets"] == {"edge-key": OLD}
    assert holding(host, NEW) == set()
    assert host.agent("check").report["same"] is True


def test_an_agent_killed_as_frr_has_the_new_value_leaves_the_old_one_to_whoever_takes_it_back(host: Host) -> None:
    # Only once: what takes the change back reloads as well.
    killed = "[ -e /run/killed ] || { touch /run/killed; pkill -KILL -f 'agent.py secrets'; sleep 60; }"
    host.on_reload(f'{RELOAD}.real "$@"; ended=$?; {killed}; exit $ended', then_reload=False)
    assert given(host, edge_key=NEW).status not in (0, 4)
    deadline = time.monotonic() + 60
    while host.agent("status").report["under_way"] is not None and time.monotonic() < deadline:
        time.sleep(0.5)
    assert key_of(host.frr) == [OLD]
    run = host.commit(document(LINES))
    assert run.outcome == "unchanged", run.said
    assert json.loads(host.frr.read(STORE))["secrets"] == {"edge-key": OLD}
    assert {path for path in holding(host, "CANARY") if not path.startswith("/var/lib/trellis/backup/")} == {
        CONFIG,
        STORE,
    }
    assert "CANARY" not in run.said + json.dumps(run.report)


def test_a_manifest_whose_secret_was_not_sent_is_refused_with_the_command_that_sets_it(bare_host: Host) -> None:
    run = bare_host.commit(document(LINES))
    assert (run.status, run.outcome) == (3, "refused")
    assert "no value for edge-key" in run.report["error"]["what"]
    assert "pulumi config set --secret --path 'trellis:secrets.edge-key'" in run.report["error"]["remedy"]


def test_a_folder_that_everybody_reads_gets_no_value(bare_host: Host) -> None:
    given(bare_host, edge_key=OLD)
    bare_host.frr.run(["chmod", "0755", "/etc/frr"])
    run = bare_host.commit(document(LINES))
    assert (run.status, run.failed_step) == (3, "preconditions")
    assert run.report["error"]["remedy"] == "`chmod o= /etc/frr`, as FRR's package has it"


def test_a_released_host_keeps_no_value(host: Host) -> None:
    before = host.frr.running_config()
    assert given(host, edge_key=NEW).outcome == "applied"
    assert confirmed(host, "release")[0] == 0
    assert " password " in before
    assert key_of(host.frr) == []
    assert {path for path in holding(host, "CANARY") if not path.startswith("/var/lib/trellis/backup/")} == set()


def test_an_earlier_commit_comes_back_with_the_value_of_today(host: Host) -> None:
    assert host.commit(document([*LINES, "ip route 192.0.2.128/25 blackhole"])).outcome == "applied"
    assert given(host, edge_key=NEW).outcome == "applied"
    status, report = confirmed(host, "rollback", "1")
    assert status == 0, report
    assert host.frr.read(CONFIG) == TEXT.replace("{{secret:edge-key}}", NEW)
    assert "CANARY" not in json.dumps([report, host.agent("history").report])


def test_a_value_in_force_is_kept_although_it_is_not_sent_any_more(host: Host) -> None:
    assert given(host, other_key="another-value").outcome == "applied"
    assert json.loads(host.frr.read(STORE))["secrets"] == {"edge-key": OLD, "other-key": "another-value"}
    assert host.commit(document([line for line in LINES if line != SIGNED])).outcome == "applied"
    assert key_of(host.frr) == []
    assert given(host, other_key="another-value").outcome == "applied"
    assert json.loads(host.frr.read(STORE))["secrets"] == {"other-key": "another-value"}


@pytest.mark.parametrize("value", ["CANARY!", "CANARY with a space", "C" * 81, "short", "CANARY\nCANARY", "CANARY|x"])
def test_a_value_that_frr_or_the_merge_would_not_bear_is_refused_and_not_shown(bare_host: Host, value: str) -> None:
    run = given(bare_host, edge_key=value)
    assert run.status == 2
    assert "secrets.edge-key: its value is not 8-80 of a-z" in run.said
    assert value not in run.said + json.dumps(run.report)


def test_what_is_no_document_is_refused_and_not_shown(bare_host: Host) -> None:
    for text in ('{"CANARY-in-no-json', '["CANARY"]', '{"schema_version": 1, "host": "pve01", "secrets": "CANARY"}'):
        run = bare_host.agent("secrets", stdin=text)
        assert run.status == 2
        assert "CANARY" not in run.said + json.dumps(run.report)
    assert given(bare_host, one="the-same-value", two="the-same-value").status == 2


def test_a_key_that_somebody_set_by_hand_is_drift_and_is_not_shown(host: Host) -> None:
    host.frr.vtysh("configure", "router bgp 65001", "neighbor 10.0.0.2 password CANARY-by-hand")
    checked = host.agent("check")
    assert checked.status == 1
    assert " password ****" in json.dumps(checked.report)
    changed = host.commit(document([*LINES, "ip route 192.0.2.128/25 blackhole"]))
    refused = given(host, edge_key=NEW)
    for run in (changed, refused):
        assert (run.outcome, run.failed_step) == ("refused", "drift")
    assert "CANARY" not in "".join(run.said + json.dumps(run.report) for run in (checked, changed, refused))


def connected(one: ScratchFrr, other: ScratchFrr) -> None:
    """Join two scratch FRRs by a cable."""
    pids = one._pid, other._pid
    ends = ["name", "cable", "netns", str(pids[0]), "type", "veth", "peer", "name", "cable", "netns", str(pids[1])]
    subprocess.run(["ip", "link", "add", *ends], check=True)
    for frr, address in ((one, "10.0.0.1/24"), (other, "10.0.0.2/24")):
        frr.run(["ip", "address", "add", address, "dev", "cable"])
        frr.run(["ip", "link", "set", "cable", "up"])


def is_up(frr: ScratchFrr, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if json.loads(frr.vtysh("show bgp ipv4 unicast summary json"))["peers"]["10.0.0.2"]["state"] == "Established":
            return True
        time.sleep(0.2)
    return False


def test_the_kernel_signs_with_the_value_and_a_rotation_waits_for_the_other_side(frr_root: Path) -> None:
    other_text = (
        "router bgp 65002\n bgp router-id 10.0.0.2\n no bgp ebgp-requires-policy\n neighbor 10.0.0.1 remote-as 65001\n"
        " neighbor 10.0.0.1 password %s\n neighbor 10.0.0.1 timers connect 1\nexit\n"
    )
    with ScratchFrr(frr_root, "pve01", supervised=True) as one, ScratchFrr(frr_root, "edge1", ("bgpd",)) as other:
        host = Host(one)
        connected(one, other)
        other.load(other_text % OLD)
        assert given(host, edge_key=OLD).outcome == "applied"
        assert host.commit(document(LINES, sessions_within_s=5)).outcome == "applied"
        assert is_up(one, 20)
        # The edge has not got the new key yet: no reason to take it back, for nobody can be first otherwise.
        run = given(host, edge_key=NEW)
        assert run.outcome == "applied", run.said
        assert not is_up(one, 3)
        other.load(other_text % NEW)
        assert is_up(one, 20)
