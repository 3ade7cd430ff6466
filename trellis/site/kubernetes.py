"""What a cluster's nodes run: Talos, the address that its API servers share, and Cilium.

Which guests and ranges a cluster has stands in ``trellis.site.model``; rules between the nouns in
``trellis.site.checks.clusters``.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, WithJsonSchema

from trellis.site.noun import Noun
from trellis.site.scalars import InterfaceName, V4Prefix, V6Prefix, matching

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

_KUBERNETES = r"1\.(29|3[0-9])\.(0|[1-9][0-9]{0,2})"

KubernetesRelease = Annotated[
    str,
    AfterValidator(
        matching(
            _KUBERNETES,
            "a Kubernetes release has three numbers: 1.29 or later, with its patch",
            "its images are named after it, and a node waits for ever for an image that nobody has",
            "write the release that the nodes shall run, as in 1.36.1",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^{_KUBERNETES}$"}),
]
"""A Kubernetes release."""

DiskPath = Annotated[
    str,
    AfterValidator(
        matching(
            r"/dev(/[a-zA-Z0-9][a-zA-Z0-9:._-]{0,63}){1,4}",
            "a disk is the path of a device below /dev",
            "a node installs itself there; without a disk it is back where it was after its next boot",
            "write the path as the node sees it, as in /dev/sda, or /dev/vda for VirtIO Block",
        )
    ),
]
"""A disk of a machine, as its operating system names it."""

ImageName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]{0,127}){1,8}(:[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})(@sha256:[0-9a-f]{64})?",
            "an installer is the name of an image with its registry and its tag",
            "without a tag it is `latest`, and the same configuration installs another Talos next month",
            "write it whole, as in registry.example.net/talos/installer:v1.13.9",
        )
    ),
]
"""A container image by its registry, repository and tag."""

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


class ClusterIps(Noun):
    """The addresses that services have inside a cluster; each node translates them, and nobody announces them."""

    ipv4: V4Prefix = IPv4Network("10.96.0.0/16")
    """A /12 or longer.  The defaults are kind's: Talos's own 10.96.0.0/12 reaches to 10.111.255.255, over what many
    fabrics number their VNets from."""
    ipv6: V6Prefix = IPv6Network("fd00:10:96::/112")
    """A /108 or longer."""


class Talos(Noun):
    """How the machine configurations of a cluster's nodes are written."""

    release: TalosRelease
    """The release that the nodes run."""
    cluster_ips: ClusterIps = ClusterIps()
    """Of the families that its pods have."""
    interface: InterfaceName = "eth0"
    """The name that a node gives to its network card on the VNet."""
    frr_extension: Literal["sulibot", "jsenecal"] = "sulibot"
    """Whose FRR extension the nodes' image has, where they speak FRR; there is no official one."""
    bootstrap: bool = False
    """Whether this program configures the nodes and bootstraps the cluster; many do so elsewhere, from the outputs.
    What follows is for those that it bootstraps."""
    kubernetes_version: KubernetesRelease | None = None
    """What the nodes run; it has no default, for the provider's own moves with the provider."""
    install_disk: DiskPath = "/dev/sda"
    """Where a node installs itself; the default is Proxmox's first SCSI disk."""
    installer: ImageName | None = None
    """The image that a node installs; by default Image Factory's, with the extension of the speaker."""


class Cilium(Noun):
    """How Cilium hands a node's routes to the node's speaker."""

    advertise: LabelValue = "bgp"
    """Services with the label ``advertise`` of this value are announced."""
