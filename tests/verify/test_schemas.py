"""Talos's published schemas: every document of every release is known there, and its spoilt twins are not."""

from __future__ import annotations

import io
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.verify.twins import CLUSTER, ETCD, KEYS_AND_TYPES, LACKING, NODE, Spoil, spoilt
from tests.verify.variants import VARIANTS, nodes_of, release_of_variant, schema_here, variant
from trellis.verify.schemas import schema_of
from trellis.verify.verdict import NodePatches, Verdict, VerifierMissing

TWINS = [
    (kind, how, spoil)
    for kind in KEYS_AND_TYPES
    for how, spoil in (
        *KEYS_AND_TYPES[kind].items(),
        *([("a mandatory field that lacks", LACKING[kind])] if kind in LACKING else []),
    )
]

ONE_OF_EACH_RELEASE = ("1.11-sulibot", "1.12-sulibot", "1.13-sulibot", "1.14-bird2", "1.14-native")


def judged(name: str, nodes: tuple[NodePatches, ...]) -> list[Verdict]:
    return schema_here(release_of_variant(name)).judge(nodes)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_release_knows_every_document_that_it_gets(name: str) -> None:
    verdicts = judged(name, nodes_of(name))
    assert {verdict.node for verdict in verdicts} == set(_nodes(name))
    assert [verdict for verdict in verdicts if not verdict.ok] == []


@pytest.mark.parametrize("name", ONE_OF_EACH_RELEASE)
@pytest.mark.parametrize(("kind", "how", "spoil"), TWINS, ids=[f"{kind}, {how}" for kind, how, _ in TWINS])
def test_a_spoilt_twin_is_refused_with_its_place(name: str, kind: str, how: str, spoil: Spoil) -> None:
    node = nodes_of(name)[0]
    texts = [spoilt(text, kind, spoil) for _, text in node.patches]
    if texts == [None, None]:
        assert kind in _absent(name), f"{name} has no {kind}"
        return
    patches = tuple((source, new or old) for (source, old), new in zip(node.patches, texts, strict=True))
    refused = [
        verdict
        for verdict in judged(name, (NodePatches(node.cluster, node.node, node.role, node.release, patches),))
        if not verdict.ok
    ]
    assert [verdict.kind for verdict in refused] == [kind if not kind.startswith("(") else "v1alpha1"]
    assert refused[0].line > 0
    assert refused[0].problem


def _nodes(name: str) -> list[str]:
    return [guest.guest.name for guest in variant(name).guests if guest.guest.cluster == "sol"]


def _absent(name: str) -> set[str]:
    """Return kinds that a variant does not have on a control plane."""
    absent = set()
    if name.startswith("1.14"):
        absent |= {NODE, CLUSTER}
    else:
        absent |= {
            ETCD,
            "KubeNodeConfig",
            "KubeClusterConfig",
            "KubeNetworkConfig",
            "KubePrismConfig",
            "KubeProxyConfig",
        }
    if name == "1.14-native":
        absent |= {"ExtensionServiceConfig", "Layer2VIPConfig"}
    else:
        absent.add("BGPInstanceConfig")
    if name != "1.13-sulibot":
        absent.add("BlackholeRouteConfig")
    if name.startswith("1.11"):
        absent |= {"HostnameConfig", "LinkConfig", "DummyLinkConfig", "Layer2VIPConfig"}
    return absent


def test_a_document_of_a_later_release_is_told_by_its_kind_and_line() -> None:
    node = nodes_of("1.14-native")[0]
    refused = [verdict for verdict in schema_here("1.13.9").judge((node,)) if not verdict.ok]
    assert (refused[-1].kind, refused[-1].name) == ("BGPInstanceConfig", "fabric")
    assert refused[-1].problem == "Talos 1.13.9 knows no document of kind BGPInstanceConfig of this version"
    assert {verdict.kind for verdict in refused} == {
        "BGPInstanceConfig",
        "KubeClusterConfig",
        "KubeControllerManagerConfig",
        "KubeFlannelCNIConfig",
        "KubeNetworkConfig",
        "KubeNodeConfig",
        "KubePrismConfig",
        "KubeProxyConfig",
    }


def test_what_is_no_yaml_is_refused_in_one_line() -> None:
    node = NodePatches("sol", "solcp01", "controlplane", "1.13.9", (("node solcp01", "a: [\n---\n"),))
    (verdict,) = schema_of("1.13.9", [_folder_with("1.13.9", {"$defs": {}})]).judge((node,))
    assert verdict.problem is not None
    assert "\n" not in verdict.problem


def _folder_with(release: str, schema: Any, base: Path | None = None) -> Path:
    import tempfile  # noqa: PLC0415 - nothing else here needs it

    folder = base or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"config-v{release}.schema.json").write_text(json.dumps(schema))
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and no Go."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return tmp_path / "cache" / "trellis" / "talos" / "schemas"


def test_a_schema_is_fetched_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        del timeout
        asked.append(url)
        return io.BytesIO(b'{"$defs": {}}')

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert schema_of("1.12.3").title == schema_of("1.12.3").title == "JSON Schema v1.12.3"
    assert asked == [
        "https://raw.githubusercontent.com/siderolabs/talos/v1.12.3/pkg/machinery/config/schemas/config.schema.json"
    ]
    assert [path.name for path in own_cache.iterdir()] == ["config-v1.12.3.schema.json"]


def test_a_machine_without_a_way_out_says_what_to_bring_and_where_to(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(url: str, timeout: float) -> io.BytesIO:
        raise OSError("no way out")

    monkeypatch.setattr(urllib.request, "urlopen", silent)
    with pytest.raises(VerifierMissing) as raised:
        schema_of("1.12.3")
    words = str(raised.value)
    assert words.startswith(
        "the JSON Schema of Talos 1.12.3 is not here: https://raw.githubusercontent.com/siderolabs/"
    )
    assert "(no way out), nor has Go's module proxy that release" in words
    assert f"put it at {own_cache / 'config-v1.12.3.schema.json'}" in words
    assert not own_cache.exists(), "nothing is kept of an answer that did not come"


def test_github_not_answering_talos_own_module_has_the_same_file(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module"
    (module / "config" / "schemas").mkdir(parents=True)
    (module / "config" / "schemas" / "config.schema.json").write_text('{"$defs": {}}')
    go = tmp_path / "empty" / "go"
    go.parent.mkdir()
    go.write_text(f'#!/bin/sh\n[ "$*" = "mod download -json github.com/siderolabs/talos/pkg/machinery@v1.11.6" ] &&'
                  f' echo \'{{"Dir": "{module}"}}\'\n')  # fmt: skip
    go.chmod(0o755)

    def silent(url: str, timeout: float) -> io.BytesIO:
        raise OSError("no way out")

    monkeypatch.setattr(urllib.request, "urlopen", silent)
    assert schema_of("1.11.6").release == "1.11.6"
    assert (own_cache / "config-v1.11.6.schema.json").is_file()


def test_a_schema_that_is_none_is_said_with_its_file(tmp_path: Path) -> None:
    _folder_with("1.12.3", ["no schema"], tmp_path)
    with pytest.raises(VerifierMissing, match=r"cannot be read: .*config-v1\.12\.3\.schema\.json"):
        schema_of("1.12.3", [tmp_path])
