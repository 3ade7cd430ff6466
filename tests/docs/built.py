"""Follows every link, image and anchor of the built site: ``python -m tests.docs.built build/docs``.

What builds the pages checks links between pages; it does not see files that are missing, nor what a page brings in
from another file (docs/decisions/0043-*).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """A page's links and the anchors that it has; ``loose`` is text that looks like a link that came to nothing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loose: list[str] = []
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag in ("code", "pre", "script", "style")
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._code and ("][" in data or "](" in data or "--8<--" in data):
            self.loose.append(data.strip())


def dead_links(site: Path) -> Iterator[str]:
    """Yield a line for each link, image or anchor of a built site that leads nowhere.

    Args:
        site: The folder that the site was built into.
    """
    site = site.resolve()
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links are from the root of wherever the site is put
        yield from (f"{path.relative_to(site)}: no link came of {text}" for text in page.loose)
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{path.relative_to(site)}: {link} leads to no file"
            elif parts.fragment and not _has(pages, target, unquote(parts.fragment)):
                yield f"{path.relative_to(site)}: {link} leads to no such place"


def _has(pages: dict[Path, _Page], target: Path, anchor: str) -> bool:
    page = pages.get(target)
    return page is None or anchor in page.anchors or anchor.startswith("__")  # the theme's own are made by its script


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = list(dead_links(folder))
    number = len(list(folder.rglob("*.html")))
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"docs: {number} pages, {len(found)} dead links\n")
    sys.exit(1 if found or number == 0 else 0)
