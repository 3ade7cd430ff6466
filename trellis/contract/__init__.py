"""What Trellis tells a cluster's bootstrap: the shape of the document, and its reader for a program in Python.

A program in another language reads the same by ``cluster.schema.json``.  What a document says of a plan stands in
``trellis.render.documents``; this package knows no plan and no site, so that whoever bootstraps imports nothing else.
"""

from trellis.contract.model import (
    SCHEMA_VERSION,
    Attached,
    Cluster,
    Gateway,
    Guest,
    NetworkCard,
    Node,
    PodPool,
    SpeakerConfig,
)
from trellis.contract.reading import ContractError, read_cluster

__all__ = [
    "SCHEMA_VERSION",
    "Attached",
    "Cluster",
    "ContractError",
    "Gateway",
    "Guest",
    "NetworkCard",
    "Node",
    "PodPool",
    "SpeakerConfig",
    "read_cluster",
]
