"""Each way to spoil a site gets exactly the message that was written for the person who did it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.errors.cases import CASES, Case, base, read, write_expectation
from tests.errors.command_line import plan_of_case
from tests.sites import REPOSITORY
from trellis.site import SiteRefused, load_site


@cache
def refused(path: Path) -> SiteRefused:
    """Return how a case is refused."""
    with pytest.raises(SiteRefused) as caught:
        read(path).load()
    return caught.value


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_spoiled_site_is_refused_with_exactly_this_message(path: Path, request: pytest.FixtureRequest) -> None:
    message = str(refused(path))
    if request.config.getoption("--update-golden"):
        write_expectation(path, message)
        read.cache_clear()
    assert message == read(path).expect


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_trellis_plan_says_it_on_standard_error_and_ends_with_2(path: Path, tmp_path: Path) -> None:
    done = plan_of_case(read(path), tmp_path)
    assert done.stderr == f"trellis: {read(path).expect}\n"
    assert done.stdout == ""
    assert done.exit_code == 2


def test_each_of_the_90_bad_inputs_has_a_case() -> None:
    numbers = {path.stem.partition("-")[0] for path in CASES}
    assert {f"{number:02}" for number in range(1, 91)} - numbers == set()
    assert {number for number in numbers if number.isdigit()} == {f"{number:02}" for number in range(1, 91)}


def test_trellis_plan_accepts_the_stack_file_of_a_site_that_is_not_spoiled(tmp_path: Path) -> None:
    done = plan_of_case(Case(Path("x.yaml"), {"base": "homelab-small"}, ""), tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "solcp01" in done.stdout


def test_two_zones_that_share_routes_say_so_with_a_leak(tmp_path: Path) -> None:
    wanted = {
        "zones.evpnz2": {"id": 2, "mtu": 8950},
        "tenants.tenant200": {"id": 200},
        "vnets.vnet200.zone": "evpnz2",
        "vnets.vnet200.tenant": "tenant200",
        "vnets.vnet200.subnets.ipv6": {"prefix": "fd00:200::/64", "gateway": "fd00:200::1"},
        "leaks.backup": {"between": ["evpnz1", "evpnz2"]},
    }
    done = plan_of_case(Case(Path("49.yaml"), {"base": "homelab-small", "set": wanted}, ""), tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_message_can_move_a_cursor_or_inject_a_line(path: Path) -> None:
    message = str(refused(path))
    assert message.isascii()
    assert message.replace("\n", "").isprintable()
    # One heading, and a block of four lines for each reason: no value can pretend to be another reason.
    assert len(message.splitlines()) == 1 + 4 * len(refused(path).refusals)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_reason_says_path_value_rule_why_and_remedy(path: Path) -> None:
    for refusal in refused(path).refusals:
        for part in (refusal.path, refusal.value, refusal.rule, refusal.why, refusal.remedy):
            assert part.strip(), refusal
        assert "{" not in refusal.rule, "a field of the message was not filled in"


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "bases").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_base_is_accepted_before_it_is_spoiled(path: Path) -> None:
    assert load_site(base(path.stem)).hosts


def test_reasons_are_sorted_by_place_and_given_once() -> None:
    refusals = refused(Path(__file__).parent / "several-at-once.yaml").refusals
    assert list(refusals) == sorted(set(refusals))
    assert len({refusal.path for refusal in refusals}) > 3


def _messages_in_source() -> dict[str, list[str]]:
    """Return where in the source a refusal is made, and the constant pieces of its rule or its reason."""
    found: dict[str, list[str]] = {}
    sources = [*(REPOSITORY / "trellis" / "site").rglob("*.py"), *(REPOSITORY / "trellis" / "render").glob("sound*.py")]
    for path in sorted(sources):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                # Which arguments hold words that appear in no other refusal.
                wanted = {"Refusal": (2, 3), "refuse": (0, 1), "collisions": (1, 2), "matching": (1, 2)}
                pieces = [
                    piece
                    for position in wanted.get(call.func.id, ())
                    if position < len(call.args)
                    for piece in _constants(call.args[position])
                ]
                if pieces:
                    found[f"{path.name}:{call.lineno}"] = pieces
    return found


def _constants(argument: ast.expr) -> list[str]:
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return [text.strip() for text in texts if len(text.strip()) > 7]


def test_every_refusal_in_the_source_has_a_file_here() -> None:
    every_message = "\n".join(read(path).expect for path in CASES)
    made = _messages_in_source()
    assert len(made) > 40, "the source is not read as it is written now"
    every_message += ONLY_IN_JSON
    missing = {where: pieces for where, pieces in made.items() if not all(piece in every_message for piece in pieces)}
    assert missing == {}


ONLY_IN_JSON = "text is Unicode"
"""The rule that a stack file cannot break, for YAML refuses it before; what Pulumi hands over can."""


def test_what_pulumi_hands_over_is_unicode_as_well() -> None:
    with pytest.raises(SiteRefused) as caught:
        load_site({**base("homelab-small"), "name": "\ud800"})
    assert [(refusal.path, refusal.rule) for refusal in caught.value.refusals] == [("name", ONLY_IN_JSON)]


def test_every_shape_that_the_loader_words_has_a_file_here() -> None:
    from trellis.site.shape import _SHAPES  # noqa: PLC0415 - the table is the loader's own

    every_message = "\n".join(read(path).expect for path in CASES)
    unused = [kind for kind, (rule, _, _) in _SHAPES.items() if re.split(r"\{", rule)[0].strip() not in every_message]
    assert unused == []


def test_a_file_with_a_misspelt_key_is_no_case(tmp_path: Path) -> None:
    spoilt = tmp_path / "x.yaml"
    spoilt.write_text("base: homelab-small\nsets: {}\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="unknown keys"):
        read(spoilt)


def test_an_accepted_site_would_fail_its_case() -> None:
    case = Case(Path("x"), {"base": "homelab-small"}, "anything")
    case.load()
