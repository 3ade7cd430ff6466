"""No text in a site can add a line to what is rendered, nor stand anywhere but where it belongs.

Every field that holds text, every name and every key that is not known gets texts that break lines, quotes, comments,
templates and shells; either the site is refused, or what is rendered is what any harmless text would have given.
``make properties`` runs a hundred thousand cases.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from functools import cache
from ipaddress import IPv6Address, ip_address
from textwrap import fill
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import reject

from tests.core import hostile
from tests.core.refused import assert_well_formed
from tests.core.rendered import texts
from tests.core.text_fields import Place, names_of, places, text_fields, with_text
from tests.core.whole_site import REFUSED_WHATEVER_IT_HOLDS, WHOLE
from tests.counted import Cases
from trellis.plan import plan
from trellis.render.stanzas import Stanzas
from trellis.site import Site, SiteRefused, load_site
from trellis.site.model import Service

PLACES = places(WHOLE)
TAKEN = names_of(WHOLE)

HARMLESS = "zq7xq7z"
"""A text that most fields take, and that stands in no other word."""

WITHIN_A_TOKEN = re.compile(r"[A-Za-z0-9 ._:/()+,=\[\]-]*")
"""What an accepted text is made of: nothing that ends, opens or comments out anything in any language of ours."""

LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

DERIVED = re.compile(r'("digest": "|generation \\*"|generation-pass-|trellis:)[0-9a-f]+( [0-9a-f]{8})?')
"""What a manifest, an edge's filter and its script say of their content and of its order, which any text changes."""

Lines = Counter[tuple[str, str]]


def lines_of(site: Site) -> Lines:
    """Return how often each line is rendered for a site; names decide the order, so that it counts for nothing.

    Of a picture, the elements: where they stand and how wide they are follows from the length of what they say.
    """
    lines: Lines = Counter()
    for what, text in texts(site, plan(site)):
        if what == "picture":
            lines.update(
                (what, f"{element.tag} {element.get('class')}") for element in ElementTree.fromstring(text).iter()
            )
        else:
            ended = LINE_END.split(DERIVED.sub(r"\1", text))
            lines.update((what, line.rstrip(",")) for line in ended)
    return lines


@cache
def harmless(place: Place) -> tuple[str, Lines]:
    """Return a harmless text for a place, and what is rendered with it."""
    for text in (HARMLESS, f"https://{HARMLESS}:8006"):
        with suppress(SiteRefused):
            return text, lines_of(load_site(with_text(WHOLE, place, text, TAKEN)))
    # Such as a MAC address; the one that stands there is no part of another word either.
    return place.text(WHOLE), lines_of(load_site(WHOLE))


def judged(place: Place, text: str) -> str:
    """Return how a site with ``text`` at ``place`` ended: refused or rendered; fail if it did anything else."""
    if text in TAKEN and text != place.text(WHOLE):
        reject()  # two entries of one name: the file's own reader refuses that
    try:
        site = load_site(with_text(WHOLE, place, text, TAKEN))
        found = lines_of(site)
    except SiteRefused as refused:
        assert_well_formed(refused)
        return "refused"
    assert not place.is_unknown, "a key that no noun has was taken"
    if place.choices:
        assert text in place.choices
        return "rendered"
    parsed = value_at(site, place)
    address = address_in(parsed) if isinstance(parsed, str) else str(parsed)
    if address is not None:
        # A parsed address is written by `ipaddress`: what is rendered depends on its value alone.
        assert re.fullmatch(r"[0-9a-f.:/]+", address)
        wanted = f"https://[{address}]:8006" if ":" in address else f"https://{address}:8006"
        sound = wanted if text.startswith("https:") else address
        assert found == lines_of(load_site(with_text(WHOLE, place, sound, TAKEN)))
        return "rendered"
    assert found == with_another_text(*harmless(place), text)
    assert WITHIN_A_TOKEN.fullmatch(text), "an accepted text holds what means something"
    return "rendered"


def with_another_text(before: str, lines: Lines, text: str) -> Lines:
    """Return lines with another text wherever one stood, or what follows from it."""
    forms = list(zip(forms_of(before), forms_of(text), strict=False))
    changed: Lines = Counter()
    for (what, line), count in lines.items():
        for old, new in forms:
            line = line.replace(old, new)  # noqa: PLW2901
        changed[what, line] += count
    return changed


def forms_of(text: str) -> list[str]:
    """Return a text as it is rendered; a MAC also in lower case, and as what a kernel makes of it (RFC 4291, 2.5.1).

    That is its link-local address, and one of its VNet's prefix, which is advertised.
    """
    if re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", text) is None:
        return [text]
    octets = bytes.fromhex(text.replace(":", ""))
    last = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    made = [IPv6Address(IPv6Address(prefix).packed[:8] + last) for prefix in ("fe80::", "fd00:101::")]
    return [text, text.lower(), *map(str, made), *(f"0x{int(address):032x}" for address in made)]


@pytest.mark.parametrize("mac", ["00:00:00:00:00:01", "BC:24:11:0A:0B:0C", "fe:ff:ff:ff:ff:ff"])
@pytest.mark.parametrize("path", [("guests", "guest1", "mac"), ("clusters", "cluster1", "nodes", "node1", "mac")])
def test_any_mac_is_rendered_in_its_place_and_in_what_follows_from_it(mac: str, path: tuple[str, ...]) -> None:
    assert judged(next(place for place in PLACES if place.path == path), mac) == "rendered"


def value_at(site: Site, place: Place) -> Any:
    """Return what a site made of the text at a place."""
    if place.is_name:
        return place.text(WHOLE)
    value: Any = site
    try:
        for part in place.path:
            value = value[part] if isinstance(value, dict | tuple) else getattr(value, str(part))
    except KeyError:  # a name above it was changed with it, since it is that name
        return place.text(WHOLE)
    return value


def address_in(text: str) -> str | None:
    """Return the IP address that a text is, or that its URL names, as `ipaddress` writes it; None if that is a name."""
    named = re.fullmatch(r"https://\[?(.*?)\]?:\d+/?", text)
    try:
        return str(ip_address(named[1] if named else text))
    except ValueError:
        return None


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place.path)))
def test_a_text_is_refused_or_stays_within_its_own_token(place: Place, cases: Cases) -> None:
    drawn = hostile.texts(place.text(WHOLE))
    cases.run(lambda text: [judged(place, text)], len(PLACES), of=repr(place), text=drawn)


def test_every_field_that_holds_text_is_among_the_places() -> None:
    missing = text_fields() - {place.field for place in PLACES}
    assert missing == REFUSED_WHATEVER_IT_HOLDS.keys(), "give tests/core/whole_site.py a value for it"


def test_the_whole_site_is_accepted_and_most_places_take_a_harmless_text() -> None:
    told = [place for place in PLACES if not place.is_unknown and harmless(place)[0] == HARMLESS]
    assert {"name", "hosts.(name)", "vnets.*.alias", "leaks.(name)", "firewall.(name)"} <= {p.field for p in told}


def place_of(field: str) -> Place:
    return next(place for place in PLACES if place.field == field)


@pytest.mark.parametrize("text", ['x" accept comment "', "x\n        accept\n#", "{% x %}"])
def test_a_field_that_takes_anything_would_be_noticed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Open(Site):
        firewall: dict[str, Service]  # names of any text

    monkeypatch.setattr("trellis.site.load.Site", Open)
    with pytest.raises(AssertionError):
        judged(place_of("firewall.(name)"), text)


def test_a_renderer_that_breaks_long_lines_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    filled, place, longest = Stanzas.fill, place_of("firewall.(name)"), "s" * 63

    def broken(stanzas: Stanzas, template: str, **view: Any) -> str:
        text = filled(stanzas, template, **view)
        return "".join(fill(line, 120) + "\n" for line in text.splitlines()) if "firewall.j2" in template else text

    assert judged(place, longest) == "rendered"
    monkeypatch.setattr(Stanzas, "fill", broken)
    with pytest.raises(AssertionError):
        judged(place, longest)


@pytest.mark.parametrize("message", ["x: 1\n  rule:   none", "x\x1b[2K", "x" * 9999])
def test_a_message_that_lets_a_value_through_would_be_noticed(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.site.refusal.Refusal.__str__", lambda refusal: f"{message}\n\n\n")
    with pytest.raises(AssertionError):
        judged(place_of("name"), "not a name")
