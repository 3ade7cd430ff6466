"""A policy file that cannot be read is refused whole, with every reason; the committed one is read, and kept to."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.sites import REPOSITORY, plan_of
from trellis.policy import FILE_NAME, judge, read_policy
from trellis.policy.listing import in_words, listed
from trellis.policy.model import RULE_NAMES, schema_text
from trellis.policy.parameters import TIGHTER
from trellis.policy.rules import RULES
from trellis.site import SiteRefused

COMMITTED = (REPOSITORY / FILE_NAME).read_text(encoding="utf-8")


def refused(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(SiteRefused) as found:
        read_policy(text)
    return [(refusal.path, refusal.value, refusal.rule) for refusal in found.value.refusals]


def test_the_homelab_keeps_to_its_policy_and_needs_each_of_its_exceptions() -> None:
    policy = read_policy(COMMITTED)
    found = judge(plan_of("homelab"), policy)
    assert (found.violations, found.unused) == ((), ())
    assert len(found.excepted) == len(policy.exceptions) > 0


def test_the_homelabs_policy_puts_rules_in_force_that_others_break() -> None:
    policy = read_policy(COMMITTED)
    assert {violation.rule for violation in judge(plan_of("leaks"), policy).violations} >= {"closed_ports"}


def test_every_reason_is_told_at_once() -> None:
    text = """
schema_version: 1
rules:
  ports_bound:
  least_edges: {edges: 0}
  least_edgse: {edges: 2}
  forbidden_prefixes: {prefixes: [10.0.0.1/8]}
exceptions:
  - {rule: port_bound, place: "guests..x", owner: a, reason: b, until: 2027-01-01}
"""
    assert refused(text) == [
        ("exceptions.0.place", '"guests..x"', "a place is a path in the site, with dots between its keys"),
        ("exceptions.0.rule", '"port_bound"', "an exception is to a rule that there is"),
        ("exceptions.0.until", "2027-01-01 (of type date)", "this is text, a number, true or false"),
        ("rules.forbidden_prefixes.prefixes.0", '"10.0.0.1/8"', "a prefix has no bits beyond its length"),
        ("rules.least_edges.edges", "0", "this is at least 1"),
        ("rules.least_edgse", '{"edges": 2}', "every key is one that the schema knows"),
        ("rules.ports_bound", "nothing", "a rule is followed by its parameters, in braces where it has none"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "rule"),
    [
        ("", "the policy file", "a policy file says its schema_version, its rules by name, and exceptions to them"),
        (
            "- x\n",
            "the policy file",
            "a policy file says its schema_version, its rules by name, and exceptions to them",
        ),
        ("rules: {}\n", "schema_version", "this key is required"),
        ("schema_version: 2\n", "schema_version", "this is one of 1"),
        ("a: [\n", "line 2", "the policy file is YAML"),
        ("schema_version: 1\nschema_version: 1\n", "line 2", "each key stands once"),
        ("a: &a\n  b: *a\n", "the policy file", "a policy file has at most 1000000 values and 25 levels of nesting"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(text: str, path: str, rule: str) -> None:
    assert [(at, said) for at, _, said in refused(text)] == [(path, rule)]


def test_an_exception_names_an_owner_a_reason_and_an_end() -> None:
    text = "schema_version: 1\nexceptions:\n  - {rule: ports_bound, place: guests}\n"
    assert [path for path, _, _ in refused(text)] == [f"exceptions.0.{key}" for key in ("owner", "reason", "until")]


def test_the_committed_schema_is_current_and_describes_the_committed_policy() -> None:
    committed = (REPOSITORY / "policy.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "write it anew: uv run trellis schema --policy > policy.schema.json"
    Draft202012Validator(json.loads(committed)).validate(yaml.safe_load(COMMITTED))


def test_a_list_names_every_rule_with_what_is_in_force() -> None:
    rules = {rule.name: rule for rule in listed(read_policy(COMMITTED))}
    assert tuple(rules) == RULE_NAMES
    assert in_words(rules["widest_guest_prefix"]) == "ipv4_length 24, ipv6_length 64"
    assert in_words(rules["forbidden_asns"]) == "ranges 1-64495"
    assert in_words(rules["ports_bound"]) == "yes"
    assert (in_words(rules["least_edges"]), rules["least_edges"].in_force) == ("-", False)
    assert rules["declared_guests_only"].exceptions == 1
    assert rules["forbidden_prefixes"].why == "the house and its VPN use them"


def rows() -> Iterator[str]:
    """Each rule as a row of the table in the documentation: name, what must hold, parameters, and which are tighter."""
    schema = json.loads(schema_text())
    for name, rule in RULES.items():
        below = schema["$defs"]["Rules"]["properties"][name]["anyOf"][0]["$ref"].rpartition("/")[2]
        given = {key: part for key, part in schema["$defs"][below]["properties"].items() if key != "why"}
        tighter = {key: part.get("anyOf", [part])[0][TIGHTER] for key, part in given.items()}
        said = ", ".join(f"`{key}` ({which})" for key, which in tighter.items()) or "`{}`"
        yield f"| `{name}` | {rule.what} | {said} |"


def test_the_documentation_has_every_rule_with_its_parameters() -> None:
    text = (REPOSITORY / "docs" / "policies.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| `")] == list(rows())
