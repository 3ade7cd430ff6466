"""The second program's own part: from a document to files and commands, without an engine."""

from __future__ import annotations

import json
import runpy
import shlex
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from tests.sites import REPOSITORY, site_data
from trellis.plan import plan
from trellis.render.documents import cluster_document
from trellis.site import load_site

bootstrap: Callable[[str], dict[str, Any]] = runpy.run_path(
    str(REPOSITORY / "examples" / "cluster-bootstrap" / "bootstrap.py")
)["bootstrap"]


def document(**cluster: Any) -> dict[str, Any]:
    site = site_data("homelab")
    site["clusters"]["sol"] |= {"talos": {"release": "1.13.9"}, "cilium": {}, **cluster}
    return cluster_document(plan(load_site(site)), "sol")


def rendered(**cluster: Any) -> dict[str, Any]:
    return bootstrap(json.dumps(document(**cluster)))


def test_each_node_gets_its_own_patch_on_its_role_s_configuration_control_planes_first() -> None:
    made = rendered()
    patched = [line.split() for line in made["commands"] if " machineconfig patch " in line]
    assert [words[-1] for words in patched] == [f"sol{part}0{n}.yaml" for part in ("cp", "wk") for n in (1, 2, 3)]
    for words in patched:
        name = words[-1]
        assert words[3] == ("controlplane.yaml" if name.startswith("solcp") else "worker.yaml")
        assert words[5] == f"@patches/{name}"
        assert made["files"][f"patches/{name}"] == document()["nodes"][name.removesuffix(".yaml")]["patch"]


def test_every_file_that_a_command_reads_is_rendered_or_made_by_one_before_it() -> None:
    made = rendered()
    there = set(made["files"])
    for line in made["commands"]:
        words = shlex.split(line)
        read = {word.removeprefix("@") for word in words if word.startswith("@")}
        read |= {words[words.index("-f") + 1]} if "-f" in words else set()
        read |= {words[words.index("--file") + 1]} if "--file" in words else set()
        assert read <= there, line
        if "gen" in words and "config" in words:
            there |= {"controlplane.yaml", "worker.yaml", "talosconfig"}
        there |= {words[words.index("--output") + 1]} if "--output" in words else set()
    assert made["commands"].index(next(line for line in made["commands"] if " bootstrap " in line)) > 12


def test_only_the_first_control_plane_is_bootstrapped() -> None:
    lines = [line for line in rendered()["commands"] if " bootstrap " in line]
    assert lines == ["talosctl --talosconfig talosconfig bootstrap --nodes fd00:101::11"]


def test_pods_that_are_bound_are_given_to_their_nodes() -> None:
    made = rendered()
    patches = [shlex.split(line) for line in made["commands"] if " patch node " in line]
    given = {words[5]: json.loads(words[-1])["spec"] for words in patches}
    assert given["solcp01"] == {"podCIDR": "10.101.240.0/24", "podCIDRs": ["10.101.240.0/24", "fd00:101:244::/64"]}
    assert len(given) == 6


def test_pods_that_are_bound_to_nobody_are_left_to_kubernetes() -> None:
    nodes = site_data("homelab")["clusters"]["sol"]["nodes"]
    free = {name: {key: node[key] for key in node if key != "pod_block"} for name, node in nodes.items()}
    made = rendered(nodes=free)
    assert not [line for line in made["commands"] if "podCIDR" in line]


def test_without_cilium_there_is_nothing_to_apply() -> None:
    made = rendered(cilium=None)
    assert "cilium.yaml" not in made["files"]
    assert not [line for line in made["commands"] if "cilium" in line]


def test_no_text_of_the_document_is_in_what_is_not_secret() -> None:
    made = rendered()
    shown = json.dumps([made["commands"], made["nodes"]])
    for text in made["files"].values():
        assert not [line for line in text.splitlines() if len(line) > 20 and line.strip() in shown]


@pytest.mark.parametrize("change", [{"schema_version": 1}, {"patch": None}, {"endpoint": None}, {"nodes": 7}])
def test_a_document_that_it_cannot_use_ends_the_program_with_the_reason(change: dict[str, Any]) -> None:
    with pytest.raises(pulumi.RunError):
        bootstrap(json.dumps({**document(), **change}))
