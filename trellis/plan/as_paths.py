"""AS-path lists: whose ASNs may stand in the path of what a guest announces.

FRR has no ranges of ASNs (``remote-as 65200-65299`` is read as 65200), so a range becomes a regular expression here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.plan import names
from trellis.plan.filter_model import Action, AsPathList
from trellis.plan.peering import PeeringPlan

Entry = tuple[int, Action, str]
"""Number, action and regular expression."""

_LAST = 4294967295
"""FRR's largest number of an entry; no ASN that anybody has."""


def of_guests(infrastructure: Iterable[int]) -> AsPathList:
    """Return the list that every declared guest's paths must pass: none holds an ASN of the infrastructure.

    Args:
        infrastructure: The fabric's ASN and those of the edges.
    """
    return AsPathList(names.GUEST_PATHS, (*_denied(infrastructure), (_LAST, "permit", ".*")))


def of_open_vnet(vnet: str, policy: PeeringPlan) -> AsPathList:
    """Return the list of an open VNet: paths of ASNs of its range alone, without those that declared guests have.

    Args:
        vnet: Id of the VNet.
        policy: Its policy.
    """
    one = f"({'|'.join(between(policy.first_asn, policy.last_asn))})"
    permitted: Entry = (_LAST, "permit", f"^{one}(_{one})*$")
    return AsPathList(names.open_paths(vnet), (*_denied(policy.owned_asns), permitted))


def _denied(asns: Iterable[int]) -> Iterator[Entry]:
    """Yield an entry for each ASN, numbered by it: one that comes or goes changes no other's line."""
    yield from ((asn, "deny", f"_{asn}_") for asn in sorted(asns))


def between(first: int, last: int) -> Iterator[str]:
    """Yield regular expressions that together match the decimal numbers from ``first`` to ``last``, and no others.

    Args:
        first: The smallest, 0 or more.
        last: The largest, inclusive; not less than ``first``.
    """
    while first <= last:
        # The largest block of tens, hundreds, ... that begins here and ends in the range.
        digits = 0
        while first % 10 ** (digits + 1) == 0 and first + 10 ** (digits + 1) - 1 <= last and first > 0:
            digits += 1
        step = 10**digits
        head, final = divmod(first // step, 10)
        most = min(9 - final, (last - first + 1) // step - 1)
        ones = str(final) if most == 0 else f"[{final}-{final + most}]"
        yield f"{head or ''}{ones}{'[0-9]' * digits}"
        first += (most + 1) * step
