"""The JSON Schema of a site, for editors and for `trellis schema`."""

from __future__ import annotations

import json

from trellis.site.model import Site


def schema_text() -> str:
    """Return the schema as JSON text with a final newline; it is committed as ``site.schema.json``."""
    schema = Site.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
