"""Where a RouterOS edge is asked what was delegated to it, and how it is known to be the one that answers.

The password of its user stands in no file of a site: `trellis prefixes` takes it when it asks.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from trellis.site.access import ENDPOINT_SCHEMA, reached_at
from trellis.site.noun import Noun
from trellis.site.scalars import matching, refuse

Fingerprint = Annotated[
    str,
    AfterValidator(
        matching(
            r"[0-9a-f]{64}",
            "a certificate is known by its SHA-256, in 64 of 0-9 and a-f",
            "a router signs its own certificate: only its fingerprint tells it from anybody else's",
            "take `fingerprint` of `/certificate/print detail` at the router, read at the router itself",
        )
    ),
]
"""The SHA-256 of a certificate, in hexadecimal."""


def _reader(name: str) -> str:
    if name == "admin":
        raise refuse(
            "the edge is asked by a user of its own, who may only read",
            "whoever had admin's password would own the router, and with it the way to every host",
            "at the router: `/user/group/add name=trellis policy=read,api,rest-api`, then a user of that group",
        )
    return name


Reader = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}",
            "a user of RouterOS is 1-63 letters, digits and any of ._@-, and begins with a letter or a digit",
            "a ':' would end the name where the password begins (RFC 7617)",
            "use the login of a user who may only read",
        )
    ),
    AfterValidator(_reader),
]
"""A user of RouterOS who is not its owner."""


class RestApi(Noun):
    """The REST API of an edge that runs RouterOS."""

    endpoint: Annotated[
        str, AfterValidator(reached_at("the edge's REST API", "https://10.10.0.254:443")), ENDPOINT_SCHEMA
    ]
    """Where it answers."""
    certificate: Fingerprint
    """The SHA-256 of its certificate; there is no way to leave it out."""
    user: Reader = "trellis"
    """Who asks: a user whose group has the policies read, api and rest-api, and no others."""
