"""A stack's output -> the document as typed values, or one error that says what to do.

Deliberately elsewhere: getting the output, which is Pulumi's part (``examples/cluster-bootstrap``).
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from trellis.contract.model import SCHEMA_VERSION, Cluster


class ContractError(Exception):
    """A document is not one that this release of the contract reads."""


def read_cluster(text: str) -> Cluster:
    """Return the document of a cluster.

    Args:
        text: The value of the stack's output ``cluster_<name>``.

    Raises:
        ContractError: It is of another version, or not such a document; no text of it is repeated, it may be secret.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        raise ContractError("the output is no JSON document; read a stack's output cluster_<name>") from None
    version = found.get("schema_version") if isinstance(found, dict) else None
    if version != SCHEMA_VERSION:
        behind = "the network's stack" if isinstance(version, int) and version < SCHEMA_VERSION else "this program"
        raise ContractError(
            f"the document has schema_version {version!r}, and this program reads {SCHEMA_VERSION}: "
            f"bring {behind} to the other's release, and run it again"
        )
    try:
        return Cluster.model_validate_json(text)
    except ValidationError as error:
        places = [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        lines = "\n".join(("the document is not what its schema_version says:", *places))
        raise ContractError(lines) from None
