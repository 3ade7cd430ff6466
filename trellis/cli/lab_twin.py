"""What every command about a lab begins with: the program's folder, the site's data, errors that people can mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trellis.cli.console import Mistake
from trellis.cli.stack import read_prefix_file, stack_file
from trellis.site import site_data_of_stack
from trellis.site.delegated import with_prefixes


class mistakes:  # noqa: N801 (reads as a statement)
    """Turns what a user can mend into one message."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("trellis"):
            raise Mistake(f"the lab's Python package {error.name} is not installed: uv sync --group lab", 1) from None
        # By name, so that looking at an error imports nothing.
        if type(error).__name__ in ("LabError", "DeploymentError", "EngineMissingError"):
            raise Mistake(str(error), exit_code=1) from None


def project_of(stack: str, file: Path | None) -> Path:
    """The folder of the program that a stack file belongs to.

    Raises:
        Mistake: There is no program there.
    """
    folder = stack_file(stack, file).resolve().parent
    for candidate in (folder, *folder.parents):
        if (candidate / "__main__.py").is_file() and (candidate / "Pulumi.yaml").is_file():
            return candidate
    raise Mistake(f"no Pulumi.yaml and __main__.py in {folder} or above: the program itself is not there")


def site_data_of(stack: str, file: Path | None) -> dict[str, Any]:
    """The object under `trellis:site` of a stack file, with what its prefix file says in it."""
    found = stack_file(stack, file)
    return with_prefixes(site_data_of_stack(found.read_bytes()), read_prefix_file(found))
