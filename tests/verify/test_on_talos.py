"""Talos's own loader, patcher and validator judge what is rendered, and refuse each spoilt twin of it.

The program is built once for a user (`tools/setup.sh slow`); `make slow` runs this.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from functools import cache

import pytest

from tests.sites import REPOSITORY
from tests.verify.twins import ETCD, KEYS_AND_TYPES, LACKING, NODE, ONLY_THE_VALIDATOR, spoilt
from tests.verify.variants import VARIANTS, nodes_of
from trellis.verify.library import Library, library
from trellis.verify.schemas import schema_of
from trellis.verify.talos import verify_talos
from trellis.verify.verdict import WHOLE, NodePatches, Verdict

pytestmark = pytest.mark.host

KNOWN = [name for name in VARIANTS if not name.startswith("1.14")]
"""Variants that Talos's library knows all documents of; the library's minor is 1.13."""
FRR, BIRD = "1.13-sulibot", "1.13-bird2"
SINCE_1_14 = {ETCD, "BGPInstanceConfig", *(kind for kind in KEYS_AND_TYPES if kind.startswith("Kube"))}
"""What the library does not know yet, or has elsewhere."""
TWINS = [
    (kind, how, spoil)
    for table in (KEYS_AND_TYPES, {kind: {"a mandatory field that lacks": one} for kind, one in LACKING.items()})
    for kind, ways in table.items()
    for how, spoil in ways.items()
    if kind not in SINCE_1_14
] + [(kind, how, spoil) for kind, ways in ONLY_THE_VALIDATOR.items() for how, spoil in ways.items()]

FILLED_IN = {("HostnameConfig", "no name at all")}
"""Refused as a document, while what the generator wrote stays when it is merged."""


@cache
def validator() -> Library:
    return library(print)


def judged(*nodes: NodePatches) -> list[Verdict]:
    return validator().judge(nodes)


@pytest.mark.parametrize("name", KNOWN)
def test_talos_accepts_what_every_node_gets_and_what_it_becomes(name: str) -> None:
    nodes = nodes_of(name)
    verdicts = judged(*nodes)
    assert [verdict for verdict in verdicts if not verdict.ok] == []
    assert [verdict.node for verdict in verdicts if verdict.kind == WHOLE] == [node.node for node in nodes]
    assert {verdict.validator for verdict in verdicts} == {"Talos's library v1.13.9"}


@cache
def judged_twins() -> dict[tuple[str, str], list[Verdict]]:
    """Return what is refused of each twin; all of them are judged in one run."""
    twins = []
    for kind, how, spoil in TWINS:
        nodes = nodes_of(FRR if kind == "BlackholeRouteConfig" else BIRD)
        node = nodes[-1] if how == "etcd on a worker" else nodes[0]
        texts = [spoilt(text, kind, spoil) for _, text in node.patches]
        assert texts.count(None) == 1, f"exactly one patch has {kind}"
        patches = tuple((source, new or old) for (source, old), new in zip(node.patches, texts, strict=True))
        twins.append(replace(node, node=f"{kind}, {how}", patches=patches))
    refused = [verdict for verdict in judged(*twins) if not verdict.ok]
    return {(kind, how): [verdict for verdict in refused if verdict.node == f"{kind}, {how}"] for kind, how, _ in TWINS}


@pytest.mark.parametrize(("kind", "how"), [twin[:2] for twin in TWINS], ids=lambda part: part)
def test_talos_refuses_the_spoilt_twin_of_a_document(kind: str, how: str) -> None:
    refused = judged_twins()[kind, how]
    assert refused, f"{kind} with {how} was accepted"
    assert {verdict.kind for verdict in refused} <= {kind if not kind.startswith("(") else "v1alpha1", WHOLE}
    if (kind, how) not in FILLED_IN:
        assert refused[-1].kind == WHOLE, "what it becomes is refused as well"
    if not kind.startswith("("):
        assert refused[0].kind == kind, "the document is named"


def test_every_kind_that_is_rendered_has_twins() -> None:
    kinds = {verdict.kind for name in KNOWN for verdict in judged(*nodes_of(name))}
    twins = {kind for kind, _, _ in TWINS}
    assert kinds - {WHOLE, "v1alpha1"} == {kind for kind in twins if not kind.startswith("(")}
    assert {kind for kind, how, _ in TWINS if how == "a misspelt key"} == twins


def test_a_node_that_would_be_called_otherwise_than_by_talos_generator_is_not_refused_for_it() -> None:
    # The generated base of 1.12 and later names nodes by itself; `auto: off` takes that back.
    node = nodes_of(BIRD)[0]
    without = node.patches[1][1].replace("auto: 'off'\n", "")
    (whole,) = [
        verdict
        for verdict in judged(replace(node, patches=(node.patches[0], ("node", without))))
        if verdict.kind == WHOLE
    ]
    assert whole.problem is not None
    assert "'auto' and 'hostname' cannot be set at the same time" in whole.problem


def test_a_patch_that_is_merged_twice_is_as_good_as_once() -> None:
    node = nodes_of(FRR)[0]
    again = replace(node, patches=(*node.patches, ("again", node.patches[0][1])))
    assert [verdict for verdict in judged(again) if not verdict.ok] == []


def test_a_place_is_told_by_its_document_and_line() -> None:
    node = nodes_of(BIRD)[0]
    text = node.patches[1][1].replace("mtu: 8950", "mut: 8950")
    refused = [v for v in judged(replace(node, patches=(node.patches[0], ("node solcp01", text)))) if not v.ok]
    assert (refused[0].kind, refused[0].name, refused[0].source) == ("", "", "node solcp01") or refused[
        0
    ].name == "eth0"
    assert text.splitlines()[refused[0].line - 1 :][:3] == ["apiVersion: v1alpha1", "kind: LinkConfig", "name: eth0"]
    assert "mut" in (refused[0].problem or "")


def test_files_are_judged_as_they_stand() -> None:
    done = subprocess.run(
        [str(validator().path)],
        input="apiVersion: v1alpha1\nkind: DummyLinkConfig\nname: a\n---\napiVersion: v1alpha1\nkind: LinkConfig\n",
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [(answer["kind"], answer["ok"]) for answer in answers] == [
        ("DummyLinkConfig", True),
        ("LinkConfig", False),
        (WHOLE, False),
    ]
    assert answers[1]["line"] == 5


def test_what_is_no_machine_ends_with_2_and_a_line() -> None:
    done = subprocess.run(
        [str(validator().path), "-patches"], input='{"machin": 1}\n', capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'talos-validator: no machine: json: unknown field "machin"\n'


def test_the_version_is_the_one_that_go_mod_pins() -> None:
    done = subprocess.run([str(validator().path), "-version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == validator().version
    assert f"pkg/machinery {validator().version}" in (REPOSITORY / "tools" / "talos" / "go.mod").read_text()


def test_an_older_release_is_judged_by_the_library_and_by_its_own_schema() -> None:
    schema_of("1.11.6")  # from Go's module proxy, where GitHub does not answer
    report = verify_talos(nodes_of("1.11-sulibot"), print)
    assert report.validators == (("1.11.6", ("Talos's library v1.13.9", "JSON Schema v1.11.6")),)
    assert report.problems == ()


def test_the_command_prints_documents_versions_and_the_validator() -> None:
    done = subprocess.run(
        [str(REPOSITORY / ".venv" / "bin" / "trellis"), "verify", "talos", "sol"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ExtensionServiceConfig" in done.stdout
    assert "Talos 1.13.9: judged by Talos's library v1.13.9" in done.stdout
    assert done.stdout.splitlines()[-1] == "48 of 48 verdicts on 6 nodes are: accepted"


def test_the_nodes_own_part_is_judged_as_what_it_becomes() -> None:
    node = nodes_of(BIRD)[0]
    part = [verdict for verdict in judged(node) if verdict.kind == "v1alpha1"]
    assert [verdict.source for verdict in part] == ["cluster sol", "node solcp01"]
    assert NODE in KEYS_AND_TYPES
