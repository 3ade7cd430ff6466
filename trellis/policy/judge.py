"""Whether a plan keeps to a policy file: all violations at once, and which of them an exception lets pass.

An exception covers its place and what lies below it.  Its end is compared with ``now`` as text, and with nothing where
no moment is given: the program reads no clock, so that the same commit gives the same preview on any day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trellis.plan import Plan
from trellis.policy.model import RULE_NAMES, ExceptionToRule, PolicyFile
from trellis.policy.rules import RULES
from trellis.site.refusal import Refusal, SiteRefused


@dataclass(frozen=True, slots=True)
class Violation:
    """A value of a site that a rule of its policy does not allow.

    Attributes:
        rule: Name of the rule.
        place: Where in the site, in dots.
        value: What stands there, with its unit.
        limit: What it may be, with its unit.
        what: What must hold.
        why: What would go wrong otherwise, in the policy's own words where it has some.
        remedy: What to do about it.
    """

    rule: str
    place: str
    value: str
    limit: str
    what: str
    why: str
    remedy: str

    @property
    def refusal(self) -> Refusal:
        """The violation as a reason to refuse the site."""
        return Refusal(
            self.place, self.value, f"{self.rule}: {self.what}; allowed: {self.limit}", self.why, self.remedy
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy says of a plan.

    Attributes:
        violations: What no exception lets pass, by rule in the order of ``RULE_NAMES``, then by place.
        excepted: What one lets pass, each with the first that does.
        ended: Violations that an exception would let pass had it not ended, with it; they are violations too.
        unused: Exceptions that let nothing pass and have not ended either: what they were for is gone.
    """

    violations: tuple[Violation, ...]
    excepted: tuple[tuple[Violation, ExceptionToRule], ...]
    ended: tuple[tuple[Violation, ExceptionToRule], ...]
    unused: tuple[ExceptionToRule, ...]


class PolicyViolated(SiteRefused):
    """A site that does not keep to its policy file, with every violation at once."""

    what_of_it = "the policy file refuses the site for"


def judge(plan: Plan, policy: PolicyFile, now: str | None = None) -> Judgement:
    """Return what a policy says of a plan.

    Args:
        plan: The plan.
        policy: The policy.
        now: The moment at which exceptions are looked at, ``YYYY-MM-DDTHH:MM:SSZ``; None lets none of them end.
    """
    here = [one for one in policy.exceptions if one.site in (None, plan.site_name)]
    valid = [one for one in here if now is None or now < one.until]
    past = [one for one in here if one not in valid]
    violations: list[Violation] = []
    excepted: list[tuple[Violation, ExceptionToRule]] = []
    ended: list[tuple[Violation, ExceptionToRule]] = []
    for violation in _violations(plan, policy):
        if (lets_pass := _covering(violation, valid)) is not None:
            excepted.append((violation, lets_pass))
            continue
        violations.append(violation)
        if (did := _covering(violation, past)) is not None:
            ended.append((violation, did))
    unused = tuple(one for one in valid if not any(_covers(one, violation) for violation, _ in excepted))
    return Judgement(tuple(violations), tuple(excepted), tuple(ended), unused)


def hold_to(plan: Plan, policy: PolicyFile | None) -> None:
    """Refuse a plan that does not keep to the policy; exceptions count whatever the date.

    Args:
        plan: The plan.
        policy: The policy; None where there is none.

    Raises:
        PolicyViolated: With every violation at once.
    """
    if policy is not None and (found := judge(plan, policy).violations):
        raise PolicyViolated(violation.refusal for violation in found)


def _violations(plan: Plan, policy: PolicyFile) -> Iterator[Violation]:
    for name in RULE_NAMES:
        given = getattr(policy.rules, name)
        if given is None:
            continue
        rule = RULES[name]
        why = given.why if given.why is not None else rule.why
        for found in sorted(set(rule.find(plan, given))):
            yield Violation(name, found.place, found.value, found.limit, rule.what, why, found.remedy)


def _covering(violation: Violation, exceptions: list[ExceptionToRule]) -> ExceptionToRule | None:
    return next((one for one in exceptions if _covers(one, violation)), None)


def _covers(one: ExceptionToRule, violation: Violation) -> bool:
    inside = violation.place == one.place or violation.place.startswith(f"{one.place}.")
    return one.rule == violation.rule and inside
