"""A picture read back from its text: boxes, words and marks, as someone who has only the file can see them.

The width of a letter is the one of DejaVu Sans Mono, taken from the face itself and not from ``trellis.picture``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

NAMESPACE = "{http://www.w3.org/2000/svg}"
ADVANCE = 0.602
"""Width of a letter of DejaVu Sans Mono by its size: 1233 of 2048 units."""


@dataclass(frozen=True)
class Area:
    """A rectangle and what it is."""

    left: float
    top: float
    right: float
    bottom: float
    what: str

    def overlaps(self, other: Area) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Area) -> bool:
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Picture:
    """The tree of a picture and the sizes of its classes of text."""

    root: ET.Element
    sizes: dict[str, float]

    def elements(self, tag: str, class_: str = "") -> list[ET.Element]:
        """Return the elements of a tag that have a class, without the button that shows instead of the hint."""
        button = {id(below) for group in self.root.iter(f"{NAMESPACE}g") for below in _below_button(group)}
        return [
            found
            for found in self.root.iter(f"{NAMESPACE}{tag}")
            if id(found) not in button and (not class_ or class_ in found.get("class", "").split())
        ]

    def areas(self, class_: str) -> list[Area]:
        """Return the rectangles of a class."""
        return [_area(found) for found in self.elements("rect", class_)]

    def words(self) -> list[Area]:
        """Return where each line of text is."""
        return [self._word(found) for found in self.elements("text")]

    def says(self, class_: str = "") -> list[str]:
        """Return the lines of text."""
        return [text_of(found) for found in self.elements("text", class_)]

    def _word(self, found: ET.Element) -> Area:
        classes = found.get("class", "").split()
        size = self.sizes[classes[0]]
        x, y, text = float(found.get("x", "")), float(found.get("y", "")), text_of(found)
        width = len(text) * size * ADVANCE
        if found.get("transform"):
            assert found.get("transform") == f"rotate(-90 {found.get('x')} {found.get('y')})"
            return Area(x - 0.76 * size, y - width, x + 0.24 * size, y, text)
        left = x - width if "right" in classes else x - width / 2 if "mid" in classes else x
        return Area(left, y - 0.76 * size, left + width, y + 0.24 * size, text)


def read(svg: str) -> Picture:
    """Return a picture read from its text; text that is not well-formed is an error."""
    root = ET.fromstring(svg)
    style = root.findtext(f"{NAMESPACE}style", "")
    return Picture(root, {name: float(size) for name, size in re.findall(r"\.(\w+) { font-size: (\d+)px }", style)})


def text_of(found: ET.Element) -> str:
    """Return what an element says, without what a pointer shows."""
    tip = found.find(f"{NAMESPACE}title")
    return (found.text or "") if tip is None else (tip.tail or "")


def tip_of(found: ET.Element) -> str:
    """Return what a pointer that rests on an element shows."""
    return found.findtext(f"{NAMESPACE}title", "")


def _below_button(group: ET.Element) -> Iterator[ET.Element]:
    if group.get("class") == "all":
        yield from group.iter()


def _area(found: ET.Element) -> Area:
    x, y, width, height = (float(found.get(name, "")) for name in ("x", "y", "width", "height"))
    return Area(x, y, x + width, y + height, found.get("class", ""))
