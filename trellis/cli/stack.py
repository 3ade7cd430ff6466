"""Finds a stack's file and reads its site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trellis.cli.console import Mistake
from trellis.site import Site, site_of_stack

StackOption = Annotated[str, typer.Option("--stack", "-s", help="The stack, as in Pulumi.<stack>.yaml.")]
FileOption = Annotated[Path | None, typer.Option("--file", "-f", help="A stack file, instead of --stack.")]


def stack_file(stack: str, file: Path | None) -> Path:
    """Return the path of the stack's file.

    Args:
        stack: Name of the stack; its file is looked for here and in the folders above.
        file: A file named outright.

    Raises:
        Mistake: If there is no such file.
    """
    if file is not None:
        if not file.is_file():
            raise Mistake(f"there is no file {file}")
        return file
    name = f"Pulumi.{stack}.yaml"
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / name).is_file():
            return folder / name
    raise Mistake(f"there is no {name} in {here} or above; name a stack with --stack, or a file with --file")


def read_site(stack: str, file: Path | None) -> Site:
    """Return the site of a stack; see `stack_file` for the arguments."""
    found = stack_file(stack, file)
    return site_of_stack(found.read_bytes(), read_prefix_file(found))


def prefix_file(stack_file: Path) -> Path:
    """Return where the prefix file of a stack is, if it has one: beside ``Pulumi.X.yaml`` it is ``Prefixes.X.yaml``.

    Args:
        stack_file: The stack's file, whatever it is called.
    """
    return stack_file.with_name(f"Prefixes.{stack_file.name.removeprefix('Pulumi.')}")


def stack_of(stack_file: Path) -> str | None:
    """Return the name of the stack that a file is of; None where the file is called otherwise than the engine wants.

    Args:
        stack_file: The stack's file.
    """
    name = stack_file.name.removeprefix("Pulumi.").removesuffix(".yaml")
    return name if name and stack_file.name == f"Pulumi.{name}.yaml" else None


def read_prefix_file(stack_file: Path) -> bytes | None:
    """Return what the prefix file of a stack holds; None where there is none.

    Args:
        stack_file: The stack's file.
    """
    path = prefix_file(stack_file)
    return path.read_bytes() if path.is_file() else None
