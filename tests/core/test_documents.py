"""What a cluster's bootstrap reads is what the contract says, for every drawn site, and holds no value of a secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.core.generated import Data, site_of
from tests.sites import EXAMPLES, REPOSITORY, plan_of, site_data
from trellis.contract import ContractError, read_cluster
from trellis.contract.schema import cluster_schema_text
from trellis.plan import Plan, plan
from trellis.render.documents import cluster_document, guest_document, secrets_in
from trellis.site import load_site

SCHEMA = Draft202012Validator(json.loads(cluster_schema_text()))

_SYSTEMS: list[Data] = [
    {},
    {"speaker": "frr"},
    {"cilium": {}},
    {"talos": {"release": "1.13.9"}, "cilium": {"advertise": "y"}},
    {"talos": {"release": "1.12.4", "frr_extension": "jsenecal"}, "speaker": "frr"},
    {"talos": {"release": "1.14.0"}, "speaker": "talos-native"},
]
"""What a drawn cluster's nodes run."""


def _planned(seed: int) -> Plan:
    """Return the plan of a drawn site whose clusters run something, with a shared address, some of them signed."""
    draw = Random(seed)
    site = site_of(draw, 1)
    for name, cluster in site["clusters"].items():
        number, nodes = cluster["id"], cluster["nodes"].values()
        has_control_plane = any(node["role"] == "controlplane" for node in nodes)
        system = draw.choice(_SYSTEMS if has_control_plane else _SYSTEMS[:3])
        cluster.update(system)
        if "talos" in system and system.get("speaker", "bird2") != "bird2":  # these know no graceful restart
            for node in nodes:
                node["resilience"] = "fast_failure"
        if system.get("speaker") != "talos-native":  # it signs nothing, and shares no IPv6 address
            if draw.random() < 0.5:
                site["tenants"][f"t{number}"]["guest_bgp"]["md5"] = f"key-of-{name}"
            if has_control_plane and draw.random() < 0.7:
                cluster["vip"] = {"ipv4": f"10.{number}.0.200", "ipv6": f"fd00:{number}::200"}
        if draw.random() < 0.3:
            for node in nodes:
                del node["pod_block"]
    return plan(load_site(site))


def _documents(planned: Plan) -> Iterator[dict[str, Any]]:
    return (cluster_document(planned, cluster.name) for cluster in planned.clusters)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that holds no other, with the key that it stands under."""
    if isinstance(value, dict):
        for below, found in value.items():
            yield from _leaves(found, below)
    elif isinstance(value, list):
        for found in value:
            yield from _leaves(found, key)
    else:
        yield key, value


@given(st.integers(0, 2**32))
def test_every_document_is_what_its_schema_says_and_is_read_back_whole(seed: int) -> None:
    for document in _documents(_planned(seed)):
        assert list(SCHEMA.iter_errors(document)) == []
        text = json.dumps(document)
        assert read_cluster(text).model_dump(mode="json") == json.loads(text) == document


@given(st.integers(0, 2**32))
def test_no_number_of_a_document_is_one_that_a_double_would_spoil(seed: int) -> None:
    planned = _planned(seed)
    guests = [guest_document(planned, guest.guest.name) for guest in planned.guests]
    for key, value in _leaves([*_documents(planned), *guests]):
        if "asn" in key:
            assert isinstance(value, str)
            assert value.isdecimal()
        if isinstance(value, int):
            assert key in {"schema_version", "vmid", "nic", "mtu", "node_length"}


@given(st.integers(0, 2**32))
def test_a_node_has_what_it_boots_from_and_its_digest_is_over_placeholders(seed: int) -> None:
    planned = _planned(seed)
    for document in _documents(planned):
        on_talos = document["talos_release"] is not None
        assert (document["patch"] is not None) == (document["schematic"] is not None) == on_talos
        used: set[str] = set()
        for node in document["nodes"].values():
            boots = node["patch"] if on_talos else node["user_data"]
            assert (node["patch"] is None, node["user_data"] is None) == (not on_talos, on_talos)
            assert node["digest"] == hashlib.sha256(boots.encode()).hexdigest()
            assert node["asn"] in boots
            used |= set(secrets_in(boots))
            if not on_talos:
                assert secrets_in(node["speaker_config"]["text"]) == secrets_in(boots)
        assert document["secrets"] == sorted(used)
        named = {guest.speaker.md5 for guest in planned.guests if guest.guest.cluster == document["cluster"]}
        assert used == named - {None}, "each session that the site signs is signed, and no other"
        shared = [document[key] or "" for key in ("patch", "schematic", "manifests")]
        assert secrets_in(*shared) == (), "what nodes share needs no secret, and is shown"


@given(st.integers(0, 2**32))
def test_control_planes_come_first_and_the_api_is_at_what_they_share(seed: int) -> None:
    for document in _documents(_planned(seed)):
        assert {*document["controlplanes"], *document["workers"]} == document["nodes"].keys()
        assert {document["nodes"][name]["role"] for name in document["controlplanes"]} <= {"controlplane"}
        assert (document["endpoint"] is None) == (document["controlplanes"] == [])
        last = [document["nodes"][name]["addresses"][-1] for name in document["controlplanes"]]
        assert document["endpoints"] == last
        assert not {*document["vip"]} & {*document["endpoints"]}
        at = [*document["vip"], *last]
        assert document["endpoint"] is None or any(address in document["endpoint"] for address in at)
        for node in document["nodes"].values():
            assert node["gateway"] == document["gateway"]
            assert node["card"]["shared"] == (document["vip"] if node["role"] == "controlplane" else [])


def test_the_committed_schema_is_current() -> None:
    committed = (REPOSITORY / "cluster.schema.json").read_text(encoding="utf-8")
    assert committed == cluster_schema_text(), "write it anew: uv run trellis schema --cluster > cluster.schema.json"


def test_a_guest_of_no_cluster_has_its_speaker_s_text_and_a_node_s_texts_are_in_its_cluster() -> None:
    guest = guest_document(plan_of("homelab"), "debian-test-1")
    assert guest["speaker_config"]["kind"] == "frr"
    assert "router bgp 4200101006" in guest["speaker_config"]["text"]
    assert guest["digest"] == hashlib.sha256(guest["user_data"].encode()).hexdigest()
    node = guest_document(plan_of("homelab"), "solcp01")
    assert node["asn"] == "4210101011"
    assert not {"patch", "user_data", "speaker_config"} & node.keys()


def test_a_guest_that_speaks_what_only_talos_has_gets_no_text() -> None:
    site = site_data("homelab")
    site["guests"]["debian-test-1"]["speaker"] = "talos-native"
    guest = guest_document(plan(load_site(site)), "debian-test-1")
    assert (guest["speaker_config"], guest["user_data"], guest["digest"]) == (None, None, None)


def _sol() -> dict[str, Any]:
    return cluster_document(plan_of("homelab"), "sol")


@pytest.mark.parametrize(
    ("version", "behind"), [(1, "the network's stack"), (3, "this program"), (None, "this program")]
)
def test_a_document_of_another_version_is_refused_with_who_is_behind(version: int | None, behind: str) -> None:
    with pytest.raises(ContractError) as raised:
        read_cluster(json.dumps({**_sol(), "schema_version": version}))
    assert str(raised.value) == (
        f"the document has schema_version {version}, and this program reads 2: "
        f"bring {behind} to the other's release, and run it again"
    )


def test_a_key_that_is_new_is_passed_over_and_one_that_is_missing_is_told_without_any_text() -> None:
    assert read_cluster(json.dumps({**_sol(), "added_later": 1})).cluster == "sol"
    broken = _sol()
    del broken["nodes"]["solcp01"]["asn"]
    broken["fabric_asn"] = 4200001000
    broken["patch"] = 7
    with pytest.raises(ContractError) as raised:
        read_cluster(json.dumps(broken))
    assert str(raised.value).splitlines() == [
        "the document is not what its schema_version says:",
        "fabric_asn: Input should be a valid string",
        "nodes.solcp01.asn: Field required",
        "patch: Input should be a valid string",
    ]


@pytest.mark.parametrize("text", ["", "solcp01", "[1]", "7"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        read_cluster(text)


def test_the_examples_have_clusters_to_show() -> None:
    assert [name for name in EXAMPLES if plan_of(name).clusters] == ["homelab", "mixed"]
