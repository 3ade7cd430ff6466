"""The committed JSON Schema is the one of the model, and it describes the file that names it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sites import EXAMPLES, REPOSITORY, site_data
from trellis.site import CONFIG_KEY, Site
from trellis.site.schema import schema_text


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
    options = [option for option in part.get("anyOf", [part]) if option.get("type") != "null"]
    return _resolved(schema, options[0]) if "$ref" in options[0] else options[0]


def _unknown(schema: dict[str, Any], part: dict[str, Any], value: Any, path: str) -> list[str]:
    """Return the keys of ``value`` that the schema does not know."""
    part = _resolved(schema, part)
    if isinstance(value, list):
        return [
            found for n, below in enumerate(value) for found in _unknown(schema, part["items"], below, f"{path}.{n}")
        ]
    if not isinstance(value, dict):
        return []
    others = part.get("additionalProperties", True)
    found: list[str] = []
    for key, below in value.items():
        known = part.get("properties", {}).get(key, others)
        if known is False:
            found.append(f"{path}.{key}")
        elif isinstance(known, dict):
            found += _unknown(schema, known, below, f"{path}.{key}")
    return found


def test_the_committed_schema_is_current() -> None:
    committed = (REPOSITORY / "site.schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "write it anew: uv run trellis schema > site.schema.json"


def test_the_schema_knows_every_key_of_a_site() -> None:
    schema = json.loads(schema_text())
    site = _resolved(schema, schema["properties"]["config"]["properties"][CONFIG_KEY])
    assert site["properties"].keys() == Site.model_fields.keys() - {"delegated"}, "that stands in the prefix file"
    assert site["additionalProperties"] is False


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_file_that_the_schema_describes(example: str) -> None:
    schema = json.loads(schema_text())
    site = {key: value for key, value in site_data(example).items() if key != "delegated"}
    document = {"config": {CONFIG_KEY: site}, "encryptionsalt": "v1:..."}
    assert _unknown(schema, schema, document, "") == []
    document["config"][CONFIG_KEY]["zones"]["x1"] = {"mtus": 1}
    assert _unknown(schema, schema, document, "") == [".config.trellis:site.zones.x1.mtus"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_names_the_schema_by_a_path_that_leads_to_it(example: str) -> None:
    path = EXAMPLES[example]
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert (path.parent / first.split("$schema=")[1]).resolve() == REPOSITORY / "site.schema.json"
