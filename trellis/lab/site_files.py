"""A lab's site as files: the stack's own, and beside it the prefix file, as a project has them.

In memory a lab holds both as one object, with what is delegated under a key that no stack file may have.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trellis.site import site_data_of_stack, with_prefixes
from trellis.site.delegated import KEY


def parted(site_data: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Part a site into what stands in its stack file and the text of its prefix file; None where it has none.

    Args:
        site_data: The object under `trellis:site`, with what is delegated in it.
    """
    own = {key: value for key, value in site_data.items() if key != KEY}
    if KEY not in site_data:
        return own, None
    return own, yaml.safe_dump({"schema_version": 1, "vnets": site_data[KEY]}, sort_keys=False)


def read(folder: Path, stack: str) -> dict[str, Any]:
    """The site that `write` wrote last, with what is delegated in it.

    Args:
        folder: Where.
        stack: The stack's name.

    Raises:
        OSError: Nothing was written there.
    """
    beside = folder / f"Prefixes.{stack}.yaml"
    own = site_data_of_stack((folder / f"Pulumi.{stack}.yaml").read_bytes())
    return with_prefixes(own, beside.read_bytes() if beside.is_file() else None)


def write(folder: Path, stack: str, site_data: Mapping[str, Any]) -> Path:
    """Write a site's files anew; returns the path of the stack's.

    Args:
        folder: Where.
        stack: The stack's name.
        site_data: The object under `trellis:site`, with what is delegated in it.
    """
    own, prefixes = parted(site_data)
    file, beside = folder / f"Pulumi.{stack}.yaml", folder / f"Prefixes.{stack}.yaml"
    file.write_text(yaml.safe_dump({"config": {"trellis:site": own}}, sort_keys=False))
    if prefixes is None:
        beside.unlink(missing_ok=True)
    else:
        beside.write_text(prefixes)
    return file
