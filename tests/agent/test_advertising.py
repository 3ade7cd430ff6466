"""A unit that reads a file of ours, radvd: it runs while the file is there, on what it says, and comes back with it.

radvd is the real one; what it says on the wire is `tests/golden/test_slaac.py`'s.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.agent.conftest import BASE, WITH_ROUTE, Host, confirmed
from tests.agent.documents import document, file
from trellis.agent import advertising
from trellis.agent.manifest import parse, sealed

pytestmark = pytest.mark.frr

UNIT = "radvd.service"
CONF = "/etc/radvd.conf"
ULA, GUA = "fd00:101::/64", "2600:1700:ab1a:500e::/64"
OTHERS = ["interface vmbr9", "{", "    AdvSendAdvert on;", "    IgnoreIfMissing on;", "};"]


def _text(*prefixes: str) -> list[str]:
    head = ["# Ours.", "interface vnet101", "{", "    AdvSendAdvert on;", "    IgnoreIfMissing on;"]
    return [*head, *(f"    prefix {prefix} {{ AdvOnLink on; }};" for prefix in prefixes), "};"]


def _told(*prefixes: str, config: list[str] = BASE, **changes: Any) -> dict[str, Any]:
    """A manifest by which guests are told of some prefixes; of none, radvd has no file."""
    if not prefixes:
        return document(config, **changes)
    reads = [{"unit": UNIT, "paths": [CONF]}]
    return document(config, file(CONF, _text(*prefixes)), units_changed_reload=reads, **changes)


def _state(host: Host) -> tuple[str, str | None]:
    """What the unit is, and what it reads."""
    shown = host.frr.run(["systemctl", "show", "--property=UnitFileState,ActiveState", UNIT]).out
    return " ".join(shown.split()), host.frr.read(CONF) if host.frr.path(CONF).exists() else None


def _pid(host: Host) -> str:
    return host.frr.read("/run/radvd.pid").strip()


def _orders(host: Host) -> list[str]:
    """What systemd was told of it since the last time."""
    path = "/run/systemctl.log"
    found = [line for line in host.frr.read(path).splitlines() if UNIT in line and not line.startswith("show")]
    host.frr.write(path, "")
    return found


UP = ("UnitFileState=enabled ActiveState=active", "\n".join(_text(ULA)) + "\n")
GONE = ("UnitFileState=disabled ActiveState=inactive", None)


def test_a_unit_comes_up_with_its_file_is_told_of_changes_and_goes_with_it(host: Host) -> None:
    run = host.commit(_told(ULA))
    assert (run.status, run.outcome) == (0, "applied"), run.report
    names = [step["name"] for step in run.report["steps"]]
    assert names.index("daemons still alive") < names.index(UNIT) < names.index("verify")
    assert (_state(host), _orders(host)) == (UP, [f"enable {UNIT}", f"start {UNIT}"])
    assert host.commit(_told(ULA)).outcome == "unchanged"
    pid = _pid(host)

    assert host.commit(_told(ULA, GUA)).outcome == "applied"
    assert GUA in host.frr.read(CONF)
    assert (_pid(host), _orders(host)) == (pid, [f"reload-or-restart {UNIT}"])
    # A change of something else says nothing to it.
    assert host.commit(_told(ULA, GUA, config=WITH_ROUTE)).outcome == "applied"
    assert (_pid(host), _orders(host)) == (pid, [])

    run = host.commit(_told())
    assert run.outcome == "applied", run.report
    assert (_state(host), _orders(host)) == (GONE, [f"stop {UNIT}", f"disable {UNIT}"])
    assert not host.frr.path(f"/proc/{pid}").exists()


def test_a_unit_that_is_down_is_drift_and_is_started_by_the_guard_and_by_a_commit(host: Host) -> None:
    assert host.commit(_told(ULA)).outcome == "applied"
    for mend in (lambda: host.agent("guard"), lambda: host.commit(_told(ULA))):
        host.frr.run(["systemctl", "stop", UNIT])
        check = host.agent("check")
        assert (check.status, check.report["differences"]["units"]) == (1, [f"{UNIT} is not active"])
        assert host.agent("status").report["outside_frr"]["units"] == [f"{UNIT} is not active"]
        assert mend().outcome in ("repaired", "applied")
        assert _state(host) == UP
        assert host.agent("check").status == 0


def test_a_file_that_somebody_took_away_comes_back_and_is_read(host: Host) -> None:
    assert host.commit(_told(ULA)).outcome == "applied"
    host.frr.run(["sed", "-i", f"s,{ULA},{GUA},", CONF])
    host.frr.run(["systemctl", "reload-or-restart", UNIT])
    _orders(host)
    assert host.agent("guard").outcome == "repaired"
    assert (_state(host), _orders(host)) == (UP, [f"reload-or-restart {UNIT}"])


@pytest.mark.parametrize(
    ("before", "after", "orders"),
    [
        ((), (ULA,), ["enable", "start", "stop", "disable"]),
        ((ULA,), (ULA, GUA), ["reload-or-restart", "reload-or-restart"]),
        ((ULA,), (), ["stop", "disable", "enable", "start"]),
    ],
)
def test_a_change_that_fails_leaves_the_unit_on_the_file_of_before(
    host: Host, before: tuple[str, ...], after: tuple[str, ...], orders: list[str]
) -> None:
    assert host.commit(_told(*before, sessions_within_s=None)).outcome in ("applied", "unchanged")
    found = _state(host)
    _orders(host)
    host.drop_on_first_reload()
    run = host.commit(_told(*after, config=WITH_ROUTE))
    assert (run.status, run.outcome, run.failed_step) == (4, "restored", "running configuration"), run.report
    assert (_state(host), [order.split()[0] for order in _orders(host)]) == (found, orders)
    assert host.agent("status").report["under_way"] is None


def _cut_off(host: Host, wanted: dict[str, Any]) -> dict[str, Any]:
    """Kill the agent in the middle of a change, and its timer with it."""
    host.hang_on_reload()
    with host.start_commit(wanted) as first:
        host.wait_for("/run/hung")
        host.frr.run(["rm", "/run/timer"])
        host.kill_agent()
        first.communicate(timeout=60)
    host.frr.write("/run/done", "")
    found: dict[str, Any] = json.loads(host.frr.read("/var/lib/trellis/under-way.json"))
    return found


@pytest.mark.parametrize(("before", "after"), [((), (ULA,)), ((ULA,), (ULA, GUA)), ((ULA,), ())])
def test_the_next_run_takes_back_what_a_killed_agent_did_to_the_unit(
    host: Host, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    assert host.commit(_told(*before)).outcome in ("applied", "unchanged")
    found = _state(host)
    _cut_off(host, _told(*after, config=WITH_ROUTE))
    run = host.commit(_told(*before))
    assert run.outcome == "unchanged", run.report
    assert _state(host) == found


@pytest.mark.parametrize(
    ("before", "after", "orders"),
    [
        ((), (ULA,), []),
        ((ULA,), (ULA, GUA), []),
        ((ULA,), (), [f"enable {UNIT}", f"--no-block start {UNIT}"]),
    ],
)
def test_a_boot_brings_up_the_unit_of_before_and_no_other(
    host: Host, before: tuple[str, ...], after: tuple[str, ...], orders: list[str]
) -> None:
    assert host.commit(_told(*before)).outcome in ("applied", "unchanged")
    found = _state(host)
    change = _cut_off(host, _told(*after, config=WITH_ROUTE))
    host.frr.write("/var/lib/trellis/under-way.json", json.dumps({**change, "boot": "another"}), 0o600)
    host.frr.run(["systemctl", "stop", UNIT])
    _orders(host)
    assert host.agent("recover").status == 0
    new = [] if before else [f"disable {UNIT}", f"--no-block stop {UNIT}"]
    assert _orders(host) == [*new, *orders]
    host.frr.run(["systemctl", "start", UNIT])  # as a boot does with what is enabled
    assert _state(host) == found


def test_a_file_that_radvd_does_not_take_is_refused_before_anything_is_replaced(host: Host) -> None:
    assert host.commit(_told(ULA)).outcome == "applied"
    found = (_state(host), host.config())
    wrong = _told(GUA, config=WITH_ROUTE)
    wrong["files"][-1]["lines"][4] = "    MinRtrAdvInterval twenty;"
    run = host.commit(wrong)
    assert (run.status, run.outcome, run.failed_step) == (3, "refused", "syntax"), run.report
    [refusal] = run.report["refusals"]
    assert (refusal["path"], refusal["value"]) == (f"{CONF}:5", "MinRtrAdvInterval twenty;")
    assert "syntax error" in refusal["why"]
    assert (_state(host), host.config()) == found
    assert host.frr.run(["find", "/etc", "/run/trellis", "-name", "*radvd.conf*"]).out.split() == [CONF]


def test_a_release_ends_advertisements(host: Host) -> None:
    assert host.commit(_told(ULA)).outcome == "applied"
    status, report = confirmed(host, "release")
    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    assert _state(host) == GONE


def test_a_release_gives_back_what_was_advertised_before_the_first_deploy(bare_host: Host) -> None:
    host = bare_host
    host.frr.write(CONF, "\n".join(OTHERS) + "\n")
    for order in ("enable", "start"):
        host.frr.run(["systemctl", order, UNIT])
    found = _state(host)
    foreign = host.agent("adopt", stdin=json.dumps(sealed(_told(ULA)))).report["digest"]
    run = host.commit(_told(ULA, replaces=foreign))
    assert run.outcome == "applied", run.report
    assert _state(host) == UP
    _orders(host)
    status, report = confirmed(host, "release")
    assert (status, report["outcome"]) == (0, "applied"), report["error"]
    assert (_state(host), _orders(host)) == (found, [f"reload-or-restart {UNIT}"])


SENDS = ["interface vnet101", " no ipv6 nd suppress-ra", "exit", "!"]
"""Of a frr.conf that has FRR advertise on a VNet."""


def test_somebodys_own_radvd_is_not_joined_and_not_replaced_unawares(host: Host) -> None:
    host.frr.write(CONF, "\n".join(_text(ULA)) + "\n")
    by_frr = document([*BASE[:-1], *SENDS, "end"])
    for wanted, value in ((by_frr, "vnet101: no deploy of ours has written it"), (_told(GUA), "vnet101: no deploy")):
        run = host.commit(wanted)
        assert (run.status, run.outcome, run.failed_step) == (3, "refused", "preconditions"), run.report
        [refusal] = run.report["refusals"]
        assert refusal["path"] == CONF
        assert refusal["value"].startswith(value)
        assert refusal["rule"] == "guests of a VNet hear one sender of router advertisements"
        check = host.agent("check", "--manifest", stdin=json.dumps(sealed(wanted)))
        assert check.report["lacking"] == run.report["refusals"]
    host.frr.run(["rm", CONF])
    assert host.commit(_told(GUA)).outcome == "applied"
    # What is ours may be left to FRR.
    assert host.commit(by_frr).outcome == "applied"
    assert _state(host) == GONE


_GENERATED = "\n".join(["interface vnet102", " no ipv6 nd suppress-ra", "exit", "!"])
_OURS = "\n".join(SENDS)


@pytest.mark.parametrize(
    ("frr_conf", "local", "told", "refused"),
    [
        (_GENERATED, "", ["vnet102"], ["vnet102: Proxmox's part of it advertises there"]),
        (_GENERATED, "", ["vnet101"], []),
        (_OURS, _OURS, ["vnet101"], []),
        (_OURS + "\n" + _GENERATED, _OURS, ["vnet101", "vnet102"], ["vnet102: Proxmox's part of it advertises there"]),
    ],
)
def test_what_proxmox_advertises_by_itself_is_no_business_of_ours(
    frr_conf: str, local: str, told: list[str], refused: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"/etc/frr/frr.conf": frr_conf, "/etc/frr/frr.conf.local": local}
    monkeypatch.setattr(advertising, "_found", lambda path: there.get(path, ""))
    monkeypatch.setattr(advertising, "_is_ours", lambda _: False)
    monkeypatch.setattr(advertising.state, "committed", lambda: None)
    lines = [line for vnet in told for line in (f"interface {vnet} {{", "};")]
    manifest = parse(json.dumps(sealed(document(BASE, file(CONF, lines), kind="pve"))))
    assert [refusal.value for refusal in advertising.second_senders(manifest)] == refused
    assert advertising.second_senders(replace(manifest, kind="frr")) == []
