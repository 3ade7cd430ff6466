"""What a cluster's nodes run: Talos, the address that its API servers share, and Cilium.

Which guests and ranges a cluster has stands in ``trellis.site.model``; rules between the nouns in
``trellis.site.checks.clusters``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

from trellis.site.noun import Noun
from trellis.site.scalars import InterfaceName, matching

_RELEASE = r"1\.(11|12|13|14)\.(0|[1-9][0-9]{0,2})(-rc\.[0-9]{1,2})?"

TalosRelease = Annotated[
    str,
    AfterValidator(
        matching(
            _RELEASE,
            "a Talos release is one whose machine configuration is known: 1.11, 1.12, 1.13 or 1.14, with its patch",
            "documents that a release does not know are refused as it boots, and the node is never seen",
            "write the release that the nodes run, as in 1.13.9",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_RELEASE}$"}),
]
"""A Talos release; 1.12 brought network documents, 1.14 the speaker of its own (facts/guests.md)."""

LabelValue = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?",
            "a label's value is 1-63 letters, digits, '.', '_' and '-', and begins and ends with a letter or digit",
            "Kubernetes refuses others",
            "write such a value, as in bgp",
        )
    ),
]
"""The value of a Kubernetes label."""


class Talos(Noun):
    """How the machine configurations of a cluster's nodes are written."""

    release: TalosRelease
    interface: InterfaceName = "eth0"
    """The name that a node gives to its network card on the VNet."""
    frr_extension: Literal["sulibot", "jsenecal"] = "sulibot"
    """Whose FRR extension the nodes' image has, where they speak FRR; there is no official one."""


class Cilium(Noun):
    """How Cilium hands a node's routes to the node's speaker."""

    advertise: LabelValue = "bgp"
    """Services with the label ``advertise`` of this value are announced."""
