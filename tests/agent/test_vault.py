"""Placeholders and values: put in and taken out, told apart while they change, and whose sessions a key ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trellis.agent import report, vault
from trellis.agent.report import Fault

Stored = Callable[..., None]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    """Gives this host values; a process of its own would know them from there on."""
    monkeypatch.setattr(vault, "STORE", tmp_path / "secrets.json")
    monkeypatch.setattr(vault, "FOLDER", tmp_path)
    tmp_path.chmod(0o700)
    monkeypatch.setattr(vault, "_known", vault._Values())
    monkeypatch.setattr(report, "_unspoken", set())

    def store(**values: str) -> None:
        vault.STORE.write_text(vault.stored_text(values))

    return store


def line(key: str, neighbour: str = "10.0.0.1") -> str:
    return f" neighbor {neighbour} password {key}\n"


def test_what_is_filled_in_is_hidden_again_and_nothing_else_changes(stored: Stored) -> None:
    stored(edge="the-value-of-edge", mesh="the-value-of-mesh")
    text = f"router bgp 1\n{line('{{secret:edge}}')}{line('{{secret:mesh}}', 'VTEP')} neighbor x description y\nexit\n"
    filled = vault.fill(text.encode()).decode()
    assert filled == text.replace("{{secret:edge}}", "the-value-of-edge").replace(
        "{{secret:mesh}}", "the-value-of-mesh"
    )
    assert vault.hide(filled) == text
    assert vault.hide(line("somebody-elses")) == line("somebody-elses")


def test_bytes_that_are_no_text_pass_as_they_are(stored: Stored) -> None:
    stored(edge="the-value-of-edge")
    assert vault.fill(b"\xff\xfe {{secret:edge}} \x80") == b"\xff\xfe the-value-of-edge \x80"


def test_what_frr_still_runs_of_an_earlier_value_is_told_from_the_new_one(stored: Stored) -> None:
    stored(edge="the-first-value")
    assert vault.hide(line("the-first-value")) == line("{{secret:edge}}")
    vault.change_to({"edge": "the-second-value"})
    assert vault.hide(line("the-first-value")) == line("{{secret:~edge}}")
    assert vault.hide(line("the-second-value")) == line("{{secret:edge}}")
    assert vault.fill(line("{{secret:~edge}}").encode()).decode() == line("the-first-value")
    vault.reread()
    assert vault.hide(line("the-first-value")) == line("{{secret:edge}}")
    assert vault.hide(line("the-second-value")) == line("{{secret:~edge}}")


def test_no_value_is_said_whoever_says_it(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    stored(edge="the-value-of-edge")
    vault.load_quietly()
    report.say("FRR said: the-value-of-edge!")
    report.answer(json.dumps({"why": "the-value-of-edge"}))
    fault = Fault("the-value-of-edge", "the-value-of-edge", "the-value-of-edge")
    assert "the-value" not in "".join((*capsys.readouterr(), fault.what, fault.why, fault.remedy, str(fault)))


def test_a_store_that_cannot_be_read_is_a_fault_that_shows_nothing_of_it(stored: Stored) -> None:
    vault.STORE.write_text('{"secrets": {"edge": "the-value-of-edge"')
    with pytest.raises(Fault) as caught:
        vault.values()
    assert "the-value" not in str(caught.value) + caught.value.remedy
    vault.load_quietly()


def test_a_masked_line_shows_a_placeholder_and_hides_what_is_none() -> None:
    assert report.masked(line("{{secret:edge}}").rstrip()) == line("{{secret:edge}}").rstrip()
    assert report.masked(line("{{secret:edge}} hunter2").rstrip()).endswith(" password ****")
    assert report.masked(line("hunter2").rstrip()).endswith(" password ****")


BEFORE = """\
router bgp 65000
 neighbor MESH peer-group
 neighbor MESH password {{secret:mesh}}
 neighbor 10.0.0.2 peer-group MESH
 neighbor 10.0.0.3 peer-group MESH
 neighbor 10.0.0.9 remote-as 65001
 neighbor 10.0.0.9 password {{secret:edge}}
 neighbor 10.0.0.8 remote-as 65001
exit
router bgp 65000 vrf blue
 neighbor 10.0.0.9 remote-as 65009
exit
"""


@pytest.mark.parametrize(
    ("old", "new", "ended"),
    [
        ("{{secret:edge}}", "{{secret:other}}", {("default", "10.0.0.9")}),
        (" neighbor 10.0.0.9 password {{secret:edge}}\n", "", {("default", "10.0.0.9")}),
        ("{{secret:mesh}}", "{{secret:new}}", {("default", name) for name in ("MESH", "10.0.0.2", "10.0.0.3")}),
        (
            " vrf blue\n neighbor 10.0.0.9 remote-as 65009\n",
            " vrf blue\n neighbor 10.0.0.9 remote-as 65009\n neighbor 10.0.0.9 password {{secret:edge}}\n",
            {("blue", "10.0.0.9")},
        ),
        ("65001", "65002", set()),
    ],
)
def test_a_session_ends_with_its_key_or_its_groups(
    stored: Stored, old: str, new: str, ended: set[tuple[str, str]]
) -> None:
    stored()
    assert old in BEFORE
    assert vault.rekeyed(BEFORE, BEFORE.replace(old, new, 1)) == ended


def test_a_session_ends_with_another_value_of_the_same_name(stored: Stored) -> None:
    stored(edge="the-first-value", mesh="the-value-of-mesh")
    vault.change_to({"edge": "the-second-value", "mesh": "the-value-of-mesh"})
    assert vault.rekeyed(BEFORE, BEFORE) == {("default", "10.0.0.9")}
