"""What the agent accepts as a manifest, and what it refuses to be told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.agent.documents import document, file
from trellis.agent.manifest import HEADING, BadManifest, digest_of, parse, parse_preparation, sealed


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


def test_a_file_that_a_secret_goes_into_is_not_for_everybody() -> None:
    lines = [" neighbor 10.0.0.2 password {{secret:edge-key}}"]
    parse(json.dumps(sealed(document(lines))))
    open_to_all = {**file("/etc/frr/frr.conf.local", lines, "frr", "0644")}
    content = document(["hostname pve01"], open_to_all)
    assert "frr.conf.local: has a place for a secret, so mode must be 0NN0" in _problems(sealed(content))


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


STANZA = ["auto lo0", "iface lo0 inet static", "    address 10.255.0.1/32", "    link-type dummy", "# ours", ""]
LOOPBACKS = {"interface": "lo0", "addresses": ["10.255.0.1/32", "fd00::1/128"], "stanza": STANZA}
LINK = {"name": "vmbr0.10", "path": "links.a.ends.pve01", "mtu": 9000, "why": "a", "addresses": ["10.0.0.0/31"]}


def test_what_a_host_needs_first_is_read_and_may_be_left_out() -> None:
    needed = {"packages": ["frr"], "interfaces": [LINK]}
    read = parse(json.dumps(_changed(loopbacks=LOOPBACKS, preconditions=needed)))
    assert read.loopbacks
    assert read.loopbacks.addresses == ("10.255.0.1/32", "fd00::1/128")
    assert read.preconditions.interfaces[0].mtu == 9000
    for nothing in ({}, {"loopbacks": None, "preconditions": None, "nftables": None, "units": []}):
        assert parse(json.dumps(_changed(**nothing))).loopbacks is None
    plain = "    pre-up ip link add lo0 type dummy || true"
    parse(json.dumps(_changed(loopbacks={**LOOPBACKS, "stanza": [*STANZA, plain]})))


@pytest.mark.parametrize(
    "line",
    [
        "    up rm -rf /",
        "    pre-up ip link add lo0 type dummy; reboot",
        "auto eth0",
        "iface eth0 inet static",
        "iface lo0 inet dhcp",
        "source /tmp/x",
        "    address 10.255.0.1/32 gateway",
        "    hwaddress $(reboot)",
        "# `reboot`",
        "# a\\",
    ],
)
def test_a_line_that_is_none_of_the_loopbacks_stanza_is_refused(line: str) -> None:
    problems = _problems(_changed(loopbacks={**LOOPBACKS, "stanza": [*STANZA, line]}))
    assert f"loopbacks.stanza: {line!r} is no line of lo0's" in problems


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"loopbacks": {**LOOPBACKS, "interface": "a b"}}, "'a b' is no interface"),
        ({"loopbacks": {**LOOPBACKS, "interface": "-x"}}, "'-x' is no interface"),
        ({"loopbacks": {**LOOPBACKS, "interface": "x" * 16}}, "is no interface"),
        ({"loopbacks": {**LOOPBACKS, "addresses": ["10.255.0.1"]}}, "no address with its length"),
        ({"loopbacks": {**LOOPBACKS, "addresses": ["FD00::1/128"]}}, "canonical"),
        ({"loopbacks": {**LOOPBACKS, "addresses": [7]}}, "no address"),
        ({"loopbacks": {**LOOPBACKS, "stanza": ["a\nb"]}}, "no text of one line"),
        ({"loopbacks": {"interface": "lo0"}}, "loopbacks.addresses: missing"),
        ({"preconditions": {"packages": ["a b"], "interfaces": []}}, "'a b' is no package"),
        ({"preconditions": {"packages": ["--x"], "interfaces": []}}, "'--x' is no package"),
        (
            {"preconditions": {"packages": [], "interfaces": [{**LINK, "mtu": "9000"}]}},
            "mtu: '9000' is of the wrong type",
        ),
        ({"preconditions": {"packages": [], "interfaces": [{**LINK, "name": "x/y"}]}}, "'x/y' is no interface"),
        ({"preconditions": {"packages": [], "interfaces": [{**LINK, "why": "a\nb"}]}}, "no text of one line"),
        ({"preconditions": {"packages": []}}, "preconditions.interfaces: missing"),
        ({"nftables": "/etc/trellis/firewall.nft"}, "none of the files"),
        ({"units": ["trellis-firewall.service"]}, "with a file of its own"),
        ({"units": ["ssh.service"]}, "'ssh.service' is none of"),
    ],
)
def test_what_a_host_may_not_be_asked_for_first_is_named(changes: dict[str, Any], problem: str) -> None:
    assert problem in _problems(_changed(**changes))


def test_the_part_that_makes_a_host_ready_is_read_as_strictly() -> None:
    part = {"schema_version": 1, "host": "pve01", "kind": "pve", "loopbacks": LOOPBACKS}
    assert parse_preparation(HEADING + json.dumps(sealed(part))).loopbacks
    spoilt = {**part, "loopbacks": {**LOOPBACKS, "stanza": ["up reboot"]}}
    for bad in ({**part, "files": []}, {**part, "kind": "x"}, {**part, "schema_version": 2}, spoilt, {"host": "pve01"}):
        with pytest.raises(BadManifest):
            parse_preparation(json.dumps(sealed(bad)))
    with pytest.raises(BadManifest, match="cut or edited"):
        parse_preparation(json.dumps({**sealed(part), "host": "pve02"}))
    for text in ("", "[]"):
        with pytest.raises(BadManifest):
            parse_preparation(text)


def test_a_file_named_twice_is_refused() -> None:
    content = document(["hostname pve01"])
    content["files"].append(content["files"][0])
    assert "named twice" in _problems(sealed(content))
