"""The JSON Schema of a stack file that holds a site, for editors and for `trellis schema`.

It describes ``Pulumi.<stack>.yaml``, since that is the file that carries the editor's comment; the site itself is
``#/$defs/Site`` in it.
"""

from __future__ import annotations

import json

from trellis.site.delegated import KEY
from trellis.site.described import nouns_below, texts_of
from trellis.site.model import Site
from trellis.site.stack import CONFIG_KEY


def schema_text() -> str:
    """Return the schema as JSON text with a final newline; it is committed as ``site.schema.json``."""
    site = Site.model_json_schema()
    nouns = site.pop("$defs")
    site["properties"].pop(KEY)  # it comes from the prefix file
    defined = {**nouns, "Site": site}
    for noun in nouns_below(Site):
        texts = texts_of(noun)
        for name, shape in defined[noun.__name__]["properties"].items() if noun.__name__ in defined else ():
            shape["description"] = texts[name].replace("``", "`")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Pulumi stack file with a Trellis site",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "required": [CONFIG_KEY],
                "properties": {CONFIG_KEY: {"$ref": "#/$defs/Site"}},
            }
        },
        "$defs": defined,
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
