"""``trellis check --live``: what the hosts do now, held against what follows from the plan.

What is asserted is ``trellis.reach.assertions``'; here hosts are asked and findings are told.  A host that the
comparison of its configuration could not reach is named there, and is not asked again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trellis.cli.console import out
from trellis.cli.hosts import content_or_why
from trellis.plan import plan as make_plan

if TYPE_CHECKING:
    from trellis.reach.assertions import Finding, Judgement, Seen
    from trellis.remote import Answer, Login, Unreached
    from trellis.site import Site

ANSWER_S = 300.0
"""Seconds for a host's answer: the most pings that one is given, all of them lost."""


def live_checks(site: Site, where: Sequence[Login], unreached: Sequence[str]) -> Judgement:
    """Which live assertions hold, asked of some hosts all at once.

    Args:
        site: The site.
        where: The hosts.
        unreached: Those of them that are known not to answer.
    """
    from trellis.reach.assertions import expected, judge, pings_of
    from trellis.remote import across, ask_agent

    plan = make_plan(site)
    wanted = expected(plan)
    left_alone = dict.fromkeys(unreached, "it does not answer")
    left_alone |= {name: host.maintenance for name, host in site.hosts.items() if host.maintenance is not None}
    asked = [login for login in where if login.host not in left_alone]
    given = {login.host: json.dumps(pings_of(wanted.hosts[login.host])) for login in asked}
    answers = across(asked, lambda login: ask_agent(login, "live", given[login.host], ANSWER_S))
    understood = {host: _understood(host, answer) for host, answer in answers.items()}
    return judge(plan, wanted, understood, left_alone)


def as_json(judged: Judgement) -> dict[str, Any]:
    """What is printed of it as JSON."""
    return {
        "holds": judged.holds,
        "asserted": judged.asserted,
        "left_alone": judged.left_alone,
        "findings": judged.findings,
    }


def print_live(judged: Judgement) -> None:
    """Print each finding, and how many assertions hold."""
    for finding in judged.findings:
        out.print(_text(finding), markup=False)
    failed = len(judged.findings)
    out.print(f"{judged.asserted - failed} of {judged.asserted} live assertions hold")


def _text(finding: Finding) -> str:
    rule = f"{finding.rule}: " if finding.rule else ""
    return (
        f"{finding.host}: {finding.kind}: {finding.about}: {finding.seen}\n"
        f"  expected: {finding.expected}\n  why:      {rule}{finding.why}\n  remedy:   {finding.remedy}"
    )


def _understood(host: str, answer: Answer | Unreached) -> Seen | str:
    from trellis.reach.agent_answers import BadAnswer
    from trellis.reach.assertions import seen

    content = content_or_why(host, answer)
    if isinstance(content, str):
        return content
    try:
        return seen(host, content)
    except BadAnswer as bad:
        return str(bad)
