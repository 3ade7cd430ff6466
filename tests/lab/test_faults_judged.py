"""What judges a fault can turn red: two moments of a host, a change, and the table."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from trellis.agent.manifest import HEADING, digest_of, sealed
from trellis.agent.state import UnderWay
from trellis.lab.errors import LabError
from trellis.lab.faults import End, Fault, Verdict, after, as_json, causes, counted, read, replaced
from trellis.lab.faults.canary import files_with
from trellis.lab.faults.change import CONFIG, LOCAL, MARK, Change, changed, marks
from trellis.lab.faults.look import HostState, changes, lacking

RUNNING = "ip prefix-list A seq 5 permit 10.0.0.0/8\nrouter bgp 1\n neighbor 10.0.0.1 remote-as 2\nexit\n"
STATE = HostState(
    files={CONFIG: ("aa", "0640", 100, 100, 1), LOCAL: ("bb", "0640", 100, 100, 1)},
    config=RUNNING,
    running=RUNNING,
    pids={"bgpd": "7"},
    committed="d" * 64,
    manifest="",
    under_way="",
    armed=(),
    backups=("1",),
    sessions={"default 10.0.0.1": 1},
)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"files": {**STATE.files, CONFIG: ("ab", "0640", 100, 100, 1)}}, f"{CONFIG} is another one"),
        ({"files": {**STATE.files, CONFIG: ("aa", "0644", 100, 100, 1)}}, f"{CONFIG} is another one"),
        ({"files": {**STATE.files, f"{CONFIG}.tmp": ("ab", "0640", 0, 0, 1)}}, f"{CONFIG}.tmp is new"),
        ({"files": {LOCAL: STATE.files[LOCAL]}}, f"{CONFIG} is gone"),
        ({"running": RUNNING.replace("remote-as 2", "remote-as 3")}, "FRR runs no longer: router bgp 1 > neighbor"),
        ({"running": RUNNING + "vrf x\n vni 5\nexit-vrf\n"}, "FRR runs besides: vrf x"),
        ({"committed": "e" * 64}, "committed is eeeeeeeeeeee, was dddddddddddd"),
        ({"under_way": "e" * 64}, "a change to eeeeeeeeeeee is still under way"),
        ({"armed": ("trellis-take-back.timer",)}, "trellis-take-back.timer is still armed"),
    ],
)
def test_whatever_is_not_as_before_is_named(now: dict, said: str) -> None:
    assert any(said in change for change in changes(STATE, replace(STATE, **now)))


def test_a_host_that_is_as_before_has_no_changes_though_its_files_were_put_back_later() -> None:
    again = {path: (*held[:4], 2) for path, held in STATE.files.items()}
    moved = "router bgp 1\n neighbor 10.0.0.1 remote-as 2\nexit\nip prefix-list A seq 5 permit 10.0.0.0/8\n"
    assert changes(STATE, replace(STATE, files=again, running=moved, pids={"bgpd": "8"})) == []


def test_a_change_lacks_what_is_not_committed_not_on_disk_or_not_run() -> None:
    change = Change("", "e" * 64, ("permit 10.9.0.0/16",))
    assert [one.split(":")[0] for one in lacking(change, STATE)] == [
        "committed is dddddddddddd, not eeeeeeeeeeee",
        "frr.conf does not say",
        "FRR does not run",
    ]


def test_a_change_is_made_to_both_files_and_has_a_digest_of_its_own() -> None:
    lines = ["ip prefix-list TL-INFRASTRUCTURE seq 5 permit 10.10.0.0/24", "line vty"]
    files = [{"path": path, "lines": list(lines)} for path in (CONFIG, LOCAL, "/etc/frr/daemons.conf")]
    held = f"{HEADING}{json.dumps(sealed({'host': 'pve01', 'files': files, 'timeout_s': 120}))}"
    once = changed(held, marks("100.64.0.1"), timeout_s=10)
    again = changed(once.text, marks("100.64.0.2"), replaced("line vty", "line vtx"), after("absent", "no"))
    document = json.loads(again.text.removeprefix(HEADING))
    assert document["digest"] == again.digest == digest_of(document) != once.digest
    assert document["timeout_s"] == 10
    assert [file["lines"] for file in document["files"]] == [
        [lines[0], f"{MARK} seq 5 permit 100.64.0.2/32", "line vtx"],
        [lines[0], f"{MARK} seq 5 permit 100.64.0.2/32", "line vtx"],
        lines,
    ]


def test_a_number_ended_as_written_only_if_all_of_its_variants_did() -> None:
    fault = Fault(4, "what", "must", lambda trial: "seen", End("whole", lambda trial: []))
    good = Verdict(fault, "taken back", "seen", (), 3.21, 20)
    unproven = replace(good, proof="")
    assert counted([good, good]) == (1, 1)
    assert counted([good, unproven]) == (0, 1)
    assert as_json([good, unproven])["ok"] is False
    assert as_json([good])["faults"][0]["recovered_s"] == 3.21


def test_a_file_without_its_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "07_other.py").write_text("FAULT = 7\n")
    with pytest.raises(LabError, match="07_other"):
        read(tmp_path)


def test_a_canary_is_found_in_the_controllers_files_plain_and_in_base64_but_not_among_the_labs_own_keys(
    tmp_path: Path,
) -> None:
    for name, text in (("state/a.json", "x-canary9-x"), ("home/b", "Y2FuYXJ5OQ=="), ("keys/c", "canary9"), ("d", "no")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(path.name for path in files_with("canary9", tmp_path)) == ["a.json", "b"]


def test_a_cause_that_waits_for_the_confirmation_is_not_content_with_a_change_that_is_being_applied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The record of a change always has a key that begins with `awaiting`."""
    records = [json.dumps(asdict(UnderWay("e" * 64, 1, [], phase))) for phase in ("applying", "awaiting confirmation")]
    read, struck = iter(records), []
    monkeypatch.setattr(causes, "_INTO_THE_WAIT_S", 0)
    bench = SimpleNamespace(under_way=lambda host: next(read))
    causes.await_confirmation(SimpleNamespace(bench=bench, host="pve01", struck=lambda: struck.append(1)))
    assert (list(read), struck) == ([], [1])
