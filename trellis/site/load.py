"""From the raw object of a site to a ``Site``, with every refusal in the project's own words.

Three gates: what JSON can hold, then shape (``trellis.site.shape``), then the rules between nouns
(``trellis.site.checks``).  What fails at one gate is left out, with all that refers to it, and the rest is judged by
the next (``trellis.site.remaining``), so that one run tells everything.  Reading the file is ``trellis.site.stack``'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from trellis.site.checks import check, dangling
from trellis.site.delegated import with_prefixes
from trellis.site.model import Site
from trellis.site.refusal import Refusal, SiteRefused
from trellis.site.remaining import Misfit, Remaining
from trellis.site.shape import misshapen, not_json
from trellis.site.stack import CONFIG_KEY, site_data_of_stack


def load_site(data: Mapping[str, Any]) -> Site:
    """Return the site that ``data`` describes.

    Args:
        data: The object under ``trellis:site``, as JSON types, with what its prefix file says (``with_prefixes``).

    Raises:
        SiteRefused: With every reason at once.
    """
    remaining = Remaining(data)
    refusals = remaining.leave_out(not_json(data, CONFIG_KEY))
    while remaining.data is not None:
        try:
            site = Site.model_validate_json(json.dumps(remaining.data))
        except ValidationError as error:
            refusals += remaining.leave_out(misshapen(error, CONFIG_KEY))
            continue
        if found := remaining.leave_out(map(_dangling, dangling(site))):
            refusals += found
            continue
        refusals += remaining.still_true(check(site))
        if not refusals:
            return site
        break
    raise SiteRefused(refusals)


def site_of_stack(text: str | bytes, prefixes: str | bytes | None = None) -> Site:
    """Return the site in the text of a ``Pulumi.<stack>.yaml``.

    Args:
        text: The stack file.
        prefixes: The prefix file beside it, ``Prefixes.<stack>.yaml``; None where there is none.

    Raises:
        SiteRefused: If the file cannot be read, holds a secret in the clear or no site, or the site is refused.
    """
    return load_site(with_prefixes(site_data_of_stack(text), prefixes))


def _dangling(refusal: Refusal) -> Misfit:
    return Misfit(tuple(refusal.path.split(".")), refusal)
