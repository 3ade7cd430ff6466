"""Compiled templates, kept as Python keeps compiled modules; a change of a template or of Python makes them anew.

The one file that the core writes: it changes how long a rendering takes, and nothing that is rendered.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket


class BesideTheTemplates(FileSystemBytecodeCache):
    """Compiled templates in a folder's ``__pycache__``.

    Args:
        templates: The folder of the templates.
    """

    def __init__(self, templates: Path) -> None:
        super().__init__(str(templates / "__pycache__"), "%s.bytecode")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a compiled template that is there; one that can't be read is made anew."""
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, unless Python may not write there either, or was told not to."""
        with contextlib.suppress(OSError):
            if not sys.dont_write_bytecode:
                Path(self.directory).mkdir(exist_ok=True)
                super().dump_bytecode(bucket)
