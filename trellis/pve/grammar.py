"""The grammar of frr.conf.local that every merge keeps whole: a recogniser, so that the usual case is fast.

Comparing a file with its merge line by line costs more than the merge itself.  A text that this recogniser
accepts loses nothing, so it need not be compared; one that it refuses may still be kept whole.  A property test
holds it to that: nothing that the comparison finds fault with is accepted.
"""

import re

from trellis.pve.versions import MergeStyle

# A statement inside a block: never one that a parser takes for a block, a list or an end, nor anything with `!`.
_NOT_READ_OTHERWISE = (
    r"(?!(?:router|vrf|interface|route-map|access-list|bgp community-list|ip prefix-list|ipv6 prefix-list|"
    r"address-family|exit|end|quit)\b)"
)
_REST = r"[^\n!]*+\n"
_SEPARATOR = r" ++!\n"
_OWN = rf" ++{_NOT_READ_OTHERWISE}[a-z]{_REST}|{_SEPARATOR}"
# In a router that Proxmox may generate: nothing that FRR would look up in a parent node either.
_BGP = rf" ++(?!(?:no )?(?:ip|ipv6|bfd|log|hostname|line|key)\b){_NOT_READ_OTHERWISE}[a-z]{_REST}|{_SEPARATOR}"
_FAMILY = rf"(?:{_SEPARATOR})*+ address-family (?:ipv4|ipv6|l2vpn) [a-z]++\n(?:{_BGP})*+ exit-address-family\n"
_LIST = r"(?:ip|ipv6) prefix-list \S++ seq \d++ (?:permit|deny) [^\s!]++(?: [gl]e \d++)*+\n"


def _forms(vrf_end: str) -> dict[str, str]:
    """Every form of a block, by a name for it; what is read out of a block has a name as well."""
    entry = rf"(?: ++(?:match|set|call|description|on-match next)\b{_REST})*+"
    return {
        "comment": r"[!#][^\n]*+\n|[ \t]*+\n",
        "lists": rf"(?:{_LIST}|bgp community-list [^\n!]++\n)++",
        "entry": rf"route-map (?P<map>\S++) (?:permit|deny) (?P<seq>\d++)\n{entry}exit\n",
        "bgp": rf"router bgp (?P<asn>\d++)(?: vrf (?P<of>\S++))?\n"
        rf"(?P<statements>(?:{_BGP})*+)(?P<families>(?:{_FAMILY})*+)exit\n",
        "router": rf"router (?!bgp\b)[^\n!]++\n(?:{_OWN})*+exit\n",
        "interface": rf"interface \S++\n(?: (?:no )?(?:ip|ipv6) (?:ospf6?|nd) {_REST})++exit\n",
        "vrf": rf"vrf (?P<device>\S++)\n"
        rf"(?P<inside>(?: (?:no )?(?:ip|ipv6) (?:route|nht|protocol|router-id) {_REST}| vni \d++\n)++){vrf_end}\n",
    }


def _either(vrf_end: str) -> str:
    return "|".join(f"(?P<{name}>{form})" for name, form in _forms(vrf_end).items())


def _file(vrf_end: str) -> re.Pattern[str]:
    """A file of such blocks; without groups, which Python's `re` miscounts inside a possessive repetition."""
    return re.compile(rf"(?:{re.sub(r'[(][?]P<[a-z]+>', '(?:', _either(vrf_end))})*+", re.ASCII)


BLOCK = re.compile(_either("exit(?:-vrf)?"), re.ASCII)
"""One block in the grammar of the verbatim merge; the group that matched last names its form."""

_GRAMMARS = {
    MergeStyle.VERBATIM: _file("exit(?:-vrf)?"),
    # The old parser keeps `exit-vrf` as a statement.
    MergeStyle.SORTED: _file("exit"),
}
_ENTRY = re.compile(r"^route-map (\S+) \S+ (\d+)$", re.MULTILINE)
_NUMBERED = re.compile(r"^(?:ip|ipv6) prefix-list \S+ seq \d+", re.MULTILINE)


def surely_kept(text: str, style: MergeStyle, generated_maps: frozenset[str]) -> bool:
    """Whether a frr.conf.local certainly arrives whole.

    Args:
        text: The file, each line ended.
        style: How it will be merged.
        generated_maps: Names of the route-maps that Proxmox generates.

    Returns:
        ``True`` if nothing can be lost; ``False`` says nothing.
    """
    if _GRAMMARS[style].fullmatch(text) is None:
        return False
    if holds_stray_family(text):
        return False
    entries: dict[str, int] = {}
    for name, sequence in _ENTRY.findall(text):
        due = entries.get(name, 0) + 1
        if sequence != str(due) or name in generated_maps:
            return False
        entries[name] = due
    if style is MergeStyle.SORTED:
        numbered = _NUMBERED.findall(text)
        return len(numbered) == len(set(numbered))
    return True


def holds_stray_family(text: str) -> bool:
    """Whether the words ``address-family``, which would open one, stand elsewhere than in the lines around a family."""
    return text.count("address-family") != 2 * text.count("\n exit-address-family\n")
