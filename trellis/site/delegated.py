"""The prefix file: which IPv6 prefixes are delegated to a site's VNets now, and which were until lately.

``Prefixes.<stack>.yaml`` stands beside ``Pulumi.<stack>.yaml`` and is committed; without it no prefix is delegated.  It
is written by hand or by `trellis prefixes`, never by the program: a preview depends on no router and on no clock, which
is why dates are text here that is compared and not understood.  What a prefix file means for a site's other addresses
is judged in ``trellis.site.checks.delegated``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from trellis.site.document import document_of, endless, shown
from trellis.site.noun import Noun
from trellis.site.refusal import Refusal, SiteRefused, raise_if_any
from trellis.site.scalars import SdnId, V6Prefix, refuse
from trellis.site.shape import shaped

FILE = "the prefix file"
KEY = "delegated"
"""Where in a site's data the loader puts what the prefix file says; in a stack file it has no place."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")


def _delegable(prefix: IPv6Network) -> IPv6Network:
    if prefix.prefixlen != 64:
        raise refuse(
            "a delegated prefix is a /64",
            "guests make addresses of their own in a /64 only (SLAAC, RFC 4862)",
            "write the /64 that the router has for this VNet, not the range that the provider gave",
        )
    if not prefix.subnet_of(_GLOBAL_UNICAST):
        raise refuse(
            "a delegated prefix is global unicast, in 2000::/3 (RFC 4291)",
            "nothing else is routed to a site from outside, and guests would prefer it to what is",
            "write the prefix that the provider delegates; a VNet's own subnet stands in the site",
        )
    return prefix


_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


def is_moment(text: str) -> bool:
    """Return whether a text is a moment in UTC as files have it: ``2026-12-01T00:00:00Z``."""
    found = _MOMENT.fullmatch(text)
    return found is not None and _is_on_calendar(*map(int, found.groups()))


def _moment(value: Any) -> str:
    if not isinstance(value, str) or not is_moment(value):
        raise refuse(
            "a moment is in UTC, to the second (RFC 3339)",
            "with a local time or half a date nobody could tell when the prefix goes",
            'write it in quotes, as in "2026-12-01T00:00:00Z"',
        )
    return str(value)


def _is_on_calendar(year: int, month: int, day: int, hour: int, minute: int, second: int) -> bool:
    if not (year >= 1 and 1 <= month <= 12 and hour <= 23 and minute <= 59 and second <= 59):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= (29 if month == 2 and leap else 28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


def _as_text(value: Any) -> Any:
    """Return a prefix that is one already as the text that a file has: `trellis prefixes` makes nouns too."""
    return str(value) if isinstance(value, IPv6Network) else value


GlobalPrefix = Annotated[V6Prefix, BeforeValidator(_as_text), AfterValidator(_delegable)]
"""A global /64."""

Moment = Annotated[
    str,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "a moment in UTC, as RFC 3339"}),
]
"""A moment in UTC, ``YYYY-MM-DDTHH:MM:SSZ``; two of them compare as text as they do in time."""


class DelegatedPrefix(Noun):
    """A prefix that was delegated until lately, and when it goes."""

    prefix: GlobalPrefix
    """The /64."""
    remove_after: Moment
    """When guests have forgotten it: the moment at which it was deprecated, and the valid lifetime."""


class VnetPrefixes(Noun):
    """The delegated prefixes of a VNet."""

    current: GlobalPrefix | None = None
    """What is delegated now; nothing while the delegation is lost."""
    deprecated: tuple[DelegatedPrefix, ...] = ()
    """What guests may still have addresses of, and make no new ones."""

    @property
    def prefixes(self) -> tuple[IPv6Network, ...]:
        """All of them, the current one first, the others in their order as numbers."""
        own = (self.current,) if self.current is not None else ()
        return (*own, *sorted(found.prefix for found in self.deprecated))


class Prefixes(Noun):
    """What a prefix file says."""

    schema_version: Literal[1] = 1
    """The version of the file's form; it has to be said."""
    vnets: dict[SdnId, VnetPrefixes] = {}
    """By VNet, what is delegated to it."""


def read_prefixes(text: str | bytes) -> Prefixes:
    """Return what a prefix file says.

    Args:
        text: The file.

    Raises:
        SiteRefused: If it cannot be read, or says what cannot be, with every reason at once; paths are the file's.
    """
    prefixes = shaped(Prefixes, _data(text), FILE)
    raise_if_any(repeated(prefixes.vnets, "vnets"))
    return prefixes


def prefixes_text(prefixes: Prefixes) -> str:
    """Return the text of a prefix file: VNets by name; reading it gives the same value.

    Args:
        prefixes: What it shall say.
    """
    lines = [*_HEADING, "schema_version: 1"]
    lines.append("vnets:" if prefixes.vnets else "vnets: {}")
    for name, vnet in sorted(prefixes.vnets.items()):
        lines.append(f"  {name}:")
        lines.append(f"    current: {vnet.current}" if vnet.current is not None else "    current: null")
        if vnet.deprecated:
            lines.append("    deprecated:")
            lines += [
                f'      - {{prefix: "{found.prefix}", remove_after: "{found.remove_after}"}}'
                for found in vnet.deprecated
            ]
    return "\n".join((*lines, ""))


_HEADING = (
    "# The IPv6 prefixes that are delegated to this site's VNets, and those that were until lately.",
    "# Written by hand or by `trellis prefixes`; committed, so that a preview needs no router and no clock.",
)


def with_prefixes(data: Mapping[str, Any], text: str | bytes | None) -> dict[str, Any]:
    """Return a site's data with what its prefix file says in it, for ``load_site`` to judge with all the rest.

    Args:
        data: The object under ``trellis:site``.
        text: The prefix file; None where there is none.

    Raises:
        SiteRefused: If the site has delegated prefixes of its own, or the file cannot be read at all.
    """
    if KEY in data:
        rule, why = "delegated prefixes stand in the prefix file", "they change without the site, and are written anew"
        remedy = "move them to Prefixes.<stack>.yaml, beside the stack file; `trellis prefixes` writes it"
        raise SiteRefused([Refusal(KEY, shown(data[KEY]), rule, why, remedy)])
    if text is None:
        return dict(data)
    found = _data(text)
    others = {**found, "vnets": {}} if "vnets" in found else found
    shaped(Prefixes, others, FILE)
    return {**data, KEY: found.get("vnets", {})}


def _data(text: str | bytes) -> dict[str, Any]:
    document = document_of(text, FILE)
    raise_if_any(endless(document, None, FILE))
    if not isinstance(document, dict) or "schema_version" not in document:
        said = "nothing" if document is None else shown(document)
        rule = "a prefix file says its schema_version, and the prefixes of each VNet under vnets"
        why = "what an unknown version of it means, nobody knows"
        remedy = "begin it with schema_version: 1; examples/delegated has one"
        raise SiteRefused([Refusal(FILE, said, rule, why, remedy)])
    return document


def repeated(vnets: Mapping[str, VnetPrefixes], root: str) -> Iterator[Refusal]:
    """Yield a refusal for each prefix that stands twice: for two VNets, or for one as current and as deprecated.

    Args:
        vnets: The prefixes of each VNet.
        root: Path of ``vnets``.
    """
    first: dict[IPv6Network, str] = {}
    for name, vnet in sorted(vnets.items()):
        for path, prefix in placed(f"{root}.{name}", vnet):
            if prefix not in first:
                first[prefix] = path
                continue
            yield Refusal(
                path,
                str(prefix),
                f"a prefix is delegated to one VNet, once; {first[prefix]} is the same",
                "hosts would have it on two VNets, or guests be told to use it and to leave it at once",
                "ask the router which VNet's it is now: `trellis prefixes diff`",
            )


def placed(path: str, vnet: VnetPrefixes) -> Iterator[tuple[str, IPv6Network]]:
    """Yield path and prefix of all that a VNet has, the current one first.

    Args:
        path: Path of ``vnet``.
        vnet: The prefixes of a VNet.
    """
    if vnet.current is not None:
        yield f"{path}.current", vnet.current
    for position, found in enumerate(vnet.deprecated):
        yield f"{path}.deprecated.{position}.prefix", found.prefix
