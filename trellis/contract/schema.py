"""The JSON Schema of a cluster's document, for readers that are not Python and for `trellis schema --cluster`."""

from __future__ import annotations

import json

from trellis.contract.model import Cluster


def cluster_schema_text() -> str:
    """Return the schema as JSON text with a final newline; it is committed as ``cluster.schema.json``."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Cluster.model_json_schema(mode="serialization"),
        "title": "What a stack of Trellis tells the bootstrap of a cluster: its output cluster_<name>",
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
