"""The floor on the engine: the resources of a file with the inputs of that file; nothing is computed.

The file is what `trellis.bench.registered` recorded of the program's own run.  There are no parents, no dependencies
and no provider of its own here: the engine is free to do everything at once.  It imports nothing of Trellis, and the
SDKs of the kinds that it has, as any program that has such resources does.
"""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_command.remote  # noqa: F401
import pulumi_proxmoxve  # noqa: F401

_SECRET = "secret"  # noqa: S105 (the key under which a file holds a secret's value)

given = json.loads(Path(pulumi.Config("trellis").require("given")).read_text(encoding="utf-8"))


def _inputs(resource: dict[str, Any]) -> dict[str, Any]:
    secrets = {key: pulumi.Output.secret(value) for key, value in resource[_SECRET].items()}
    return {**resource["plain"], **secrets}


for resource in given["resources"]:
    if resource["custom"]:
        pulumi.CustomResource(resource["type"], resource["name"], _inputs(resource))
    else:
        component = pulumi.ComponentResource(resource["type"], resource["name"], _inputs(resource))
        component.register_outputs(resource["outputs"])
for name, value in given["exports"].items():
    pulumi.export(name, value)
