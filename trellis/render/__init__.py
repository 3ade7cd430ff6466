"""Plan -> text: the files of each host, and the manifest that carries them to it."""

from trellis.render.bundle import FRR_CONF, FRR_CONF_LOCAL, Bundle, HostFile, render
from trellis.render.manifest import ground_document, manifest, signed_manifest

__all__ = [
    "FRR_CONF",
    "FRR_CONF_LOCAL",
    "Bundle",
    "HostFile",
    "ground_document",
    "manifest",
    "render",
    "signed_manifest",
]
