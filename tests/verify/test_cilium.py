"""Cilium would take each of its manifests, and none of their mutated twins."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sites import REPOSITORY, site_data
from trellis.plan import plan
from trellis.render.cilium import cilium_manifests
from trellis.site import load_site
from trellis.verify.cilium import KINDS, SchemaMissingError, Schemas, Verdict, published, verdicts


def _given() -> Path | None:
    places = (parent / "shared" / "data" / "cilium" for parent in REPOSITORY.parents)
    return next((place for place in places if place.is_dir()), None)


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """The published schemas that lie beside this repository; the project does not ship them."""
    folder = _given()
    if folder is None:
        pytest.skip("Cilium's schemas are not here (shared/data/cilium beside the repository)")

    def schema(kind: str) -> Mapping[str, Any]:
        found: dict[str, Any] = json.loads((folder / f"{kind.lower()}_v2.schema.json").read_text())
        return found

    return schema


def manifests() -> str:
    site = site_data("homelab")
    site["clusters"]["sol"]["cilium"] = {}
    return cilium_manifests(plan(load_site(site)), "sol")


DOCUMENTS = list(yaml.safe_load_all(manifests()))
OF_EACH_KIND = [next(document for document in DOCUMENTS if document["kind"] == kind) for kind in KINDS]


def found_in(document: Any, schemas: Schemas) -> Verdict:
    return next(verdicts(yaml.safe_dump(document), schemas))


def misspelt(value: Any) -> Iterator[Any]:
    """Yield a value with one key misspelt, for each key in it whose name means something."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield {**{other: kept for other, kept in value.items() if other != key}, f"{key}x": below}
            if key != "matchLabels":
                yield from ({**value, key: twin} for twin in misspelt(below))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from ([*value[:number], twin, *value[number + 1 :]] for twin in misspelt(below))


def test_cilium_takes_every_manifest_and_no_rule_of_it_is_left_unjudged(schemas: Schemas) -> None:
    found = list(verdicts(manifests(), schemas))
    assert len(found) == 9
    assert {verdict.problems for verdict in found} == {()}
    assert {verdict.unchecked for verdict in found} == {()}
    assert found[0].document == "CiliumBGPClusterConfig trellis"


@pytest.mark.parametrize("document", OF_EACH_KIND, ids=KINDS)
def test_a_twin_with_any_misspelt_key_is_refused(document: dict[str, Any], schemas: Schemas) -> None:
    twins = list(misspelt(document["spec"]))
    assert len(twins) > 3
    assert [twin for twin in twins if not found_in({**document, "spec": twin}, schemas).problems] == []


WRONG: list[tuple[str, int, str, Any]] = [
    ("a community of two parts", 2, "advertisements.0.attributes.communities.large", ["4200001000:100"]),
    ("a selector for pods", 2, "advertisements.0.selector", {"matchLabels": {"advertise": "bgp"}}),
    ("services without addresses", 2, "advertisements.1.service", None),
    ("an ASN beyond 32 bits", 3, "bgpInstances.0.localASN", 4294967296),
    ("an ASN as text", 3, "bgpInstances.0.localASN", "4210101011"),
    ("a name for an address", 3, "bgpInstances.0.peers.0.localAddress", "localhost"),
    ("no instance", 0, "bgpInstances", []),
    ("keepalives longer than the hold time", 1, "timers.keepAliveTimeSeconds", 31),
    ("a hold time of nothing", 1, "timers.holdTimeSeconds", 2),
    ("a family that is none", 1, "families.0.afi", "ipv5"),
]


@pytest.mark.parametrize(("what", "number", "path", "value"), WRONG, ids=[what for what, *_ in WRONG])
def test_a_twin_with_a_wrong_value_is_refused_with_its_place(
    what: str, number: int, path: str, value: Any, schemas: Schemas
) -> None:
    twin = copy.deepcopy(OF_EACH_KIND[number])
    *above, last = path.split(".")
    part: Any = twin["spec"]
    for key in above:
        part = part[int(key)] if isinstance(part, list) else part[key]
    if value is None:
        del part[last]
    else:
        part[last] = value
    problems = found_in(twin, schemas).problems
    assert problems, what
    assert all(problem.startswith("spec.") for problem in problems)


@pytest.mark.parametrize("change", [{"apiVersion": "cilium.io/v2alpha1"}, {"kind": "CiliumBGPPeeringPolicy"}])
def test_a_resource_of_another_api_is_refused(change: dict[str, str], schemas: Schemas) -> None:
    assert "Cilium's BGP resources are of cilium.io/v2" in found_in({**DOCUMENTS[0], **change}, schemas).problems[0]


def test_what_is_no_resource_is_refused(schemas: Schemas) -> None:
    assert found_in("text", schemas).problems == ("a document is a Kubernetes resource",)
    assert "metadata.name: a resource has a name" in found_in({**DOCUMENTS[0], "metadata": {}}, schemas).problems


def test_a_rule_that_is_new_is_told_and_not_taken_for_kept(schemas: Schemas) -> None:
    def newer(kind: str) -> Mapping[str, Any]:
        schema = copy.deepcopy(dict(schemas(kind)))
        schema["properties"]["spec"]["x-kubernetes-validations"] = [{"rule": "self.new == 1"}]
        return schema

    assert found_in(DOCUMENTS[0], newer).unchecked == ("spec: self.new == 1",)


def test_a_schema_is_fetched_once_and_kept(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "ciliumbgppeerconfig_v2.json").write_text('{"type": "object"}')
    schemas = published(tmp_path / "kept", f"file://{source}/{{}}")
    assert schemas("CiliumBGPPeerConfig") == {"type": "object"}
    (source / "ciliumbgppeerconfig_v2.json").unlink()
    assert schemas("CiliumBGPPeerConfig") == {"type": "object"}


@pytest.mark.parametrize("answer", [None, "<html>not found</html>"], ids=["nothing", "a page"])
def test_without_the_schema_it_says_where_it_is_to_be_had_and_where_it_goes(tmp_path: Path, answer: str | None) -> None:
    if answer is not None:
        (tmp_path / "ciliumbgppeerconfig_v2.json").write_text(answer)
    with pytest.raises(SchemaMissingError) as raised:
        published(tmp_path / "kept", f"file://{tmp_path}/{{}}")("CiliumBGPPeerConfig")
    said = str(raised.value)
    assert said.startswith("the schema ciliumbgppeerconfig_v2.json is not kept here and file://")
    assert said.endswith(f"run it where there is internet, or put the file into {tmp_path / 'kept'}")
    assert not (tmp_path / "kept").exists(), "what is no schema is not kept"
