"""What the agent accepts as a manifest, and what it refuses to be told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agent.documents import document, file
from trellis.agent.manifest import HEADING, BadManifest, digest_of, parse, sealed


def _problems(content: dict[str, Any]) -> str:
    with pytest.raises(BadManifest) as caught:
        parse(json.dumps(content))
    return "\n".join(caught.value.problems)


def _changed(**changes: Any) -> dict[str, Any]:
    return sealed({**document(["hostname pve01"]), **changes})


def test_a_manifest_is_read_with_its_heading_or_without_it() -> None:
    text = json.dumps(sealed(document(["hostname pve01"])))
    assert parse(HEADING + text) == parse(text)
    assert parse(text).intent == "hostname pve01\n"


def test_the_digest_covers_everything_but_itself() -> None:
    content = sealed(document(["hostname pve01"]))
    assert content["digest"] == digest_of(content)
    assert digest_of({**content, "timeout_s": 61}) != content["digest"]


def test_a_manifest_that_was_cut_or_edited_is_refused() -> None:
    content = sealed(document(["hostname pve01"]))
    content["files"][0]["lines"].append("ip route 0.0.0.0/0 10.0.0.1")
    assert "was it cut or edited?" in _problems(content)
    with pytest.raises(BadManifest, match="not JSON"):
        parse(json.dumps(content)[:-20])


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/frr/../passwd",
        "/etc/frr/sub/frr.conf",
        "/etc/frr/.hidden",
        "/etc/sysctl.d/99-other.conf",
        "/etc/systemd/system/ssh.service.d/x.conf",
        "/etc/systemd/system/frr.service",
        "etc/frr/frr.conf",
        "/etc/frr/frr.conf\n",
    ],
)
def test_a_file_that_is_not_the_agent_s_to_write_is_refused(path: str) -> None:
    content = document(["hostname pve01"])
    content["files"].append(file(path, []))
    assert "not a file that the agent may write" in _problems(sealed(content))


@pytest.mark.parametrize("mode", ["0666", "0622", "4755", "640", "rw-r-----"])
def test_a_mode_that_lets_others_write_or_is_none_is_refused(mode: str) -> None:
    content = document(["hostname pve01"])
    content["files"][0]["mode"] = mode
    assert "mode must be" in _problems(sealed(content))


@pytest.mark.parametrize("end", ["\n", "\r", "\x0b", "\x00", "\x85", "\u2028", "\x1c"])
def test_a_line_that_holds_another_is_refused(end: str) -> None:
    text = f"hostname pve01{end}ip route 0.0.0.0/0 10.0.0.1"
    assert "line 1: holds a control character" in _problems(sealed(document([text])))


def test_a_line_that_would_hang_vtysh_is_refused() -> None:
    assert "longer than 4095 bytes" in _problems(sealed(document(["description " + "x" * 4096])))
    parse(json.dumps(sealed(document(["description " + "x" * 4083]))))


def test_unknown_missing_and_mistyped_fields_are_all_named_at_once() -> None:
    content = document(["hostname pve01"])
    del content["host"]
    content["surprise"] = 1
    content["daemons"] = "bgpd"
    problems = _problems(content)
    assert "host: missing" in problems
    assert "surprise: unknown" in problems
    assert "daemons: 'bgpd' is of the wrong type" in problems


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "linux"}, "kind"),
        ({"frr_version": "10.3.1"}, "frr_version"),
        ({"host": "PVE01.example"}, "host"),
        ({"daemons": ["bgpd; reboot"]}, "daemons"),
        ({"running_config": "/etc/frr/other.conf"}, "running_config"),
        ({"sysctls": "/etc/sysctl.d/90-trellis.conf"}, "none of the files"),
        ({"timeout_s": 1}, "timeout_s"),
        ({"timeout_s": True}, "timeout_s"),
        ({"confirm_within_s": 4000}, "confirm_within_s"),
        ({"schema_version": 2}, "install the agent of that program"),
        ({"units_changed_reload": [{"unit": "ssh.service", "paths": []}]}, "ssh.service"),
    ],
)
def test_a_value_out_of_its_range_is_named(changes: dict[str, Any], problem: str) -> None:
    assert problem in _problems(_changed(**changes))


def test_a_file_named_twice_is_refused() -> None:
    content = document(["hostname pve01"])
    content["files"].append(content["files"][0])
    assert "named twice" in _problems(sealed(content))
