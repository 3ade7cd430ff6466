"""The fabric's picture for the page: the plan's SVG, whose marks name the guests that they stand for.

The page puts it into its document and colours those marks by what the API says; its style sheet is allowed by digest,
so that no other style can come in beside it.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass

from trellis.picture import draw
from trellis.plan import Plan
from trellis.site import Site

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LiveMap:
    """A picture to be coloured.

    Attributes:
        svg: The text of an SVG file.
        style_hash: SHA-256 of its style sheet, in base64, as a content security policy names it.
    """

    svg: str
    style_hash: str


def live_map(site: Site, plan: Plan) -> LiveMap:
    """Return the picture of a fabric, to be coloured by a page.

    Args:
        site: The site.
        plan: Its plan.
    """
    svg = draw(site, plan)
    style = _STYLE.search(svg)
    assert style is not None
    digest = hashlib.sha256(html.unescape(style[1]).encode()).digest()
    return LiveMap(svg, base64.b64encode(digest).decode())
