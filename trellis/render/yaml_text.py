"""Data -> YAML as machines and clusters are given it: block style, files as literal blocks, no aliases.

Whatever a value holds, reading the text gives it back: PyYAML chooses a style in which it can stand, and the one
choice that is made here, a literal block for what has several lines, is one that PyYAML leaves where it cannot.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

Document = dict[str, Any]
"""A document: JSON values in the order in which people read them."""

# In C where there is one: a large site has thousands of nodes.
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Writer(_Base):  # type: ignore[misc] # chosen at run time
    """PyYAML's, with files as literal blocks and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say that every value is written out where it stands."""
        return True


def _text(dumper: Any, value: str) -> Any:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Writer.add_representer(str, _text)


def one_document(data: Document, writer: type[Any] = Writer) -> str:
    """Return a document as YAML.

    Args:
        data: The document.
        writer: Writes it.
    """
    text: str = yaml.dump(data, Dumper=writer, sort_keys=False, default_flow_style=False, width=10_000)
    return text


def several_documents(documents: Iterable[Document]) -> str:
    """Return documents as YAML, with a marker between them.

    Args:
        documents: The documents.
    """
    return "---\n".join(map(one_document, documents))
