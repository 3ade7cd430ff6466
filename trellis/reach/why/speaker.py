"""Whether a guest's own speaker, as it is rendered, lets a route out; only a warning, for hosts do not rely on it."""

from __future__ import annotations

from trellis.plan.speakers import Range, SpeakerPlan
from trellis.reach.fabric import Network, network
from trellis.reach.why.model import Entry, Step
from trellis.reach.why.question import Question


def speaker(asked: Question) -> Step:
    """Return what a guest's own export filter does with the route.

    Args:
        asked: The route.
    """
    if asked.planned is None:
        entry, why = Entry("its own affair"), "nobody declared it, and nothing is rendered for it"
        return Step("speaker", asked.name, "passes", entry, why)
    plan, prefix = asked.planned.speaker, asked.route.prefix
    found = next((range_ for range_ in plan.announces if _holds(range_, prefix)), None)
    if found is None:
        text = f"{_where(plan, prefix)}: no entry matches, which denies"
        why = f"the speaker that is rendered for {asked.name} would keep {prefix} to itself; another one need not"
        return Step("speaker", asked.name, "warns", Entry(text), why)
    return Step("speaker", asked.name, "passes", _entry(plan, found), _when(plan, prefix))


def _when(plan: SpeakerPlan, prefix: Network) -> str:
    text = str(prefix)
    if text in plan.pods:
        return "announces its pods as long as it runs"
    if text in plan.own:
        return "announces it as long as an interface has it"
    return "lets it out; it is announced when Cilium, or who else routes it, hands it over"


def _where(plan: SpeakerPlan, prefix: Network) -> str:
    if plan.kind == "bird2":
        return f"bird.conf, protocol bgp uplink, ipv{prefix.version}, export"
    if plan.kind == "frr":
        return "route-map TO-GATEWAY"
    return "BGPInstanceConfig, advertise"


def _entry(plan: SpeakerPlan, found: Range) -> Entry:
    """Return the entry as the speaker's own text has it (``trellis.render.speakers``)."""
    where, prefix = _where(plan, network(found.prefix)), found.prefix
    lengths = "" if found.exact else f" of /{found.shortest}"
    lengths += f" to /{found.longest}" if found.longest != found.shortest else ""
    if plan.kind != "frr":
        return Entry(f"{where}: {prefix}{lengths}")
    of_family = [range_ for range_ in plan.announces if range_.version == found.version]
    families = sorted({range_.version for range_ in plan.announces})
    keyword = "ip" if found.version == 4 else "ipv6"
    seq, list_seq = 1 + families.index(found.version), 5 * (1 + of_family.index(found))
    text = f"{where} seq {seq} permit, {keyword} prefix-list TO-GATEWAY seq {list_seq} ({prefix}{lengths})"
    return Entry(text, "TO-GATEWAY", seq, "permit", "TO-GATEWAY", list_seq)


def _holds(range_: Range, prefix: Network) -> bool:
    outer = network(range_.prefix)
    inside = outer.version == prefix.version and prefix.subnet_of(outer)  # type: ignore[arg-type]
    return inside and range_.shortest <= prefix.prefixlen <= range_.longest
