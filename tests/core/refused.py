"""What a refusal looks like, whatever was refused."""

from __future__ import annotations

import re

from trellis.site import SiteRefused

_LONGEST = 2010
"""Characters of a line: a path and a value of at most 1000 each (``trellis.site.refusal``), and what is around them."""


def assert_well_formed(refused: SiteRefused) -> None:
    """Assert that a message has its heading and four lines for each reason, and nothing in them but printable ASCII."""
    message = str(refused)
    assert message.isascii()
    assert message.replace("\n", "").isprintable()
    heading, *rest = message.split("\n")
    assert re.fullmatch(r"the site is refused for \d+ reasons?; nothing was changed", heading)
    assert len(rest) == 4 * len(refused.refusals) > 0
    for position, line in enumerate(rest):
        assert line.startswith(("", "  rule:   ", "  why:    ", "  remedy: ")[position % 4])
        assert len(line) <= _LONGEST, f"{len(line)} characters: {line[:80]}..."
