"""``trellis check --live`` as an operator meets it: what is asked of whom, what is told, and with which exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.recorded_hosts import said
from tests.ends.sshd import Sshd
from tests.remote.conftest import play_agent
from tests.remote.test_commands import NOTHING, Run, run

__all__ = ["run"]

SAME = {"digest": "cd" * 32, "same": True, "lacking": [], "committed": None, "frozen": None, "differences": NOTHING}
PVE03 = {"10.255.0.3", "fd00:0:0:ffff::3"}


def _without_pve03(host: str) -> dict[str, Any]:
    """What a host says while pve03, which the test's site has nobody answer for, is off."""
    answer = said(host)
    for name in ("ospf_ipv4", "ospf_ipv6"):
        answer[name] = [one for one in answer[name] if one["router_id"] not in PVE03]
    for session in answer["sessions"]:
        if session["address"] in PVE03:
            session["state"] = "Active"
    for vni in answer["vnis"]:
        vni["remotes"] = [address for address in vni["remotes"] if address not in PVE03]
    return answer


def _serve(served: Sshd, live: dict[str, dict[str, Any]]) -> None:
    """Have both hosts answer `check` as planned, and `live` each for itself: they are told apart by what is pinged."""
    (served.folder / "check").write_text(json.dumps(SAME))
    for host, answer in live.items():
        (served.folder / f"live-{host}").write_text(json.dumps(answer))
    play_agent(
        served,
        'if [ "$LAST" = live ]; then given=$(cat); echo "$given" >> "$FOLDER/given"; '
        'case "$given" in *\'"source": "10.255.0.1"\'*) host=pve01 ;; *) host=pve02 ;; esac; cat "$FOLDER/live-$host"; '
        'else cat > /dev/null; cat "$FOLDER/check"; fi',
    )


def _asked(served: Sshd) -> list[str]:
    return sorted(line.removeprefix("agent.py ") for line in (served.folder / "asked").read_text().splitlines())


def test_a_fabric_at_work_is_as_planned_and_each_host_is_asked_once(run: Run, served: Sshd) -> None:
    _serve(served, {host: said(host) for host in ("pve01", "pve02")})
    status, out, _ = run("check", "pve01", "pve02", "--live")
    assert _asked(served) == ["check --manifest", "check --manifest", "live", "live"]
    assert "live assertions hold" in out
    assert (status, "expected:" in out, "\x1b" in out) == (0, False, False)
    pings = [json.loads(line) for line in (served.folder / "given").read_text().splitlines()]
    assert {len(given["pings"]) for given in pings} == {14}


def test_without_live_nobody_is_asked_what_it_does(run: Run, served: Sshd) -> None:
    _serve(served, {})
    status, out, _ = run("check", "pve01")
    assert (status, _asked(served), "live" in out) == (0, ["check --manifest"], False)


def test_a_host_that_is_away_is_named_once_and_fails(run: Run, served: Sshd) -> None:
    _serve(served, {host: _without_pve03(host) for host in ("pve01", "pve02")})
    status, out, _ = run("check", "--live")
    assert status == 1
    assert [line for line in out.splitlines() if line.startswith("pve0")] == [
        next(line for line in out.splitlines() if line.startswith("pve03: host: connect: 127.0.0.3:"))
    ]


def test_each_finding_says_what_was_expected_and_seen_why_it_matters_and_what_to_do(run: Run, served: Sshd) -> None:
    answer = said("pve01")
    answer["vrf_defaults"] = [one | {"next_hops": ["10.255.0.2"]} for one in answer["vrf_defaults"][:1]] + answer[
        "vrf_defaults"
    ][1:]
    _serve(served, {"pve01": answer})
    status, out, _ = run("check", "pve01", "--live")
    assert status == 1
    assert "pve01: default: IPv4 default of vrf_evpnz1: by 10.255.0.2 (pve02)\n" in out
    assert "  expected: by this host's own session with edge1\n  why:      R6: what leaves this host takes" in out
    assert "remedy:   mend its sessions with edges first" in out


def test_findings_as_json_have_a_version_and_a_stable_order(run: Run, served: Sshd) -> None:
    answer = said("pve01")
    answer["vnis"] = answer["vnis"][:-1]
    answer["pings"][-1]["answered"] = False
    _serve(served, {"pve01": answer})
    status, out, _ = run("check", "pve01", "--live", "--json")
    told = json.loads(out)
    assert (status, told["schema_version"], told["same"], told["live"]["holds"]) == (1, 1, True, False)
    assert [one["kind"] for one in told["live"]["findings"]] == ["VNI", "MTU"]
    assert set(told["live"]["findings"][0]) == {"host", "kind", "about", "expected", "seen", "rule", "why", "remedy"}
    assert run("check", "pve01", "--live", "--json")[1] == out


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            'echo "pve01: another agent: this is not the one; trellis install pve01" >&2; exit 3',
            "trellis install pve01",
        ),
        ('echo "{}"', "its agent's answer lacks what is known: 'schema_version'"),
    ],
)
def test_an_agent_that_does_not_know_the_question_is_a_finding_with_its_reason(
    run: Run, served: Sshd, script: str, why: str
) -> None:
    (served.folder / "check").write_text(json.dumps(SAME))
    play_agent(served, f'cat > /dev/null; if [ "$LAST" = live ]; then {script}; else cat "$FOLDER/check"; fi')
    status, out, _ = run("check", "pve01", "--live")
    assert status == 1
    assert "pve01: host: its agent:" in out
    assert why in out
