"""SVG elements as values, and how wide a text is: the only place where a string becomes markup.

Text is set in a monospaced face, so that its width is known without a font; what is laid out is `trellis.picture`'s.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SIZES = {"title": 26, "head": 15, "body": 12, "note": 11}
"""Classes of text and the height of their letters in px."""

LINE = {"title": 34, "head": 21, "body": 17, "note": 15}
"""Distance of lines in px, by class."""

_ADVANCE = 0.605
"""Width of a letter by its height: 0.602 in DejaVu Sans Mono and Menlo, 0.600 in Liberation Mono, less in Consolas."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


@dataclass(frozen=True, slots=True)
class Element:
    """An SVG element; its children are elements or text that is not yet escaped."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Element | str, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in px, ``y`` downwards."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The right side."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The lower side."""
        return self.y + self.height

    @property
    def middle(self) -> int:
        """The middle between left and right."""
        return self.x + self.width // 2


def element(tag: str, *children: Element | str | None, **attributes: str | int | None) -> Element:
    """Return an element.

    Args:
        tag: Its name.
        children: What it holds; None is left out.
        attributes: By name, ``_`` for ``-``, a ``_`` at the end for Python's own words; None is left out.
    """
    return Element(
        tag,
        tuple(
            (name.rstrip("_").replace("_", "-"), str(value)) for name, value in attributes.items() if value is not None
        ),
        tuple(child for child in children if child is not None),
    )


def rect(box: Box, class_: str, *children: Element | None, radius: int = 0, id_: str | None = None) -> Element:
    """Return a rectangle; ``radius`` rounds its corners."""
    corners = radius or None
    return element(
        "rect",
        *children,
        id_=id_,
        class_=class_,
        x=box.x,
        y=box.y,
        width=box.width,
        height=box.height,
        rx=corners,
    )


def line(x1: int, y1: int, x2: int, y2: int, class_: str) -> Element:
    """Return a straight line."""
    return element("line", class_=class_, x1=x1, y1=y1, x2=x2, y2=y2)


def dot(x: int, y: int, radius: int, class_: str, *children: Element) -> Element:
    """Return a circle."""
    return element("circle", *children, class_=class_, cx=x, cy=y, r=radius)


def words(x: int, y: int, text: str, class_: str, *, upright: bool = False, tip: str | None = None) -> Element:
    """Return a line of text.

    Args:
        x: Its left end, or its middle or right end where a class of `ANCHORS` says so.
        y: Its base line.
        text: What it says.
        class_: The first word is one of `SIZES`.
        upright: Whether it is turned to be read from below.
        tip: What a pointer that rests on it shows.
    """
    turned = f"rotate(-90 {x} {y})" if upright else None
    return element("text", title(tip) if tip else None, text, class_=class_, x=x, y=y, transform=turned)


def title(text: str) -> Element:
    """Return what a pointer that rests on the element around it shows, and a screen reader reads."""
    return element("title", text)


def group(
    *children: Element | None, class_: str | None = None, tip: str | None = None, guests: Iterable[str] = ()
) -> Element:
    """Return elements that belong together.

    Args:
        children: The elements.
        class_: Classes of the group.
        tip: What a pointer that rests on it shows.
        guests: Names of the guests that it stands for, so that a page may colour it by what their sessions do.
    """
    return element("g", title(tip) if tip else None, *children, class_=class_, data_guests=" ".join(guests) or None)


def link(target: str, label: str, *children: Element | None) -> Element:
    """Return elements that, chosen by pointer or keyboard, make the element with the id ``target`` the target."""
    return element("a", *children, href=f"#{target}", aria_label=label)


def text_width(text: str, class_: str) -> int:
    """Return the width of a text in px, rounded up; East Asian wide letters take two places."""
    wide = 0 if text.isascii() else sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    places = len(text) + wide
    return int(places * SIZES[class_] * _ADVANCE) + 1


def table(
    x: int, y: int, rows: Sequence[Sequence[str]], class_: str = "note", *, gap: int = 10, more: str = ""
) -> list[Element]:
    """Return rows of text in aligned columns.

    Args:
        x: Left side.
        y: Upper side of the first line.
        rows: Cells; an empty one prints nothing, and one that is alone in its row may be as long as it likes.
        class_: Class of the text.
        gap: Px between columns.
        more: Further classes.
    """
    starts = _starts(rows, class_, gap)
    return [
        words(x + start, y + SIZES[class_] + index * LINE[class_], cell, f"{class_} {more}".rstrip())
        for index, row in enumerate(rows)
        for start, cell in zip(starts, row, strict=False)
        if cell
    ]


def table_size(rows: Sequence[Sequence[str]], class_: str = "note", gap: int = 10) -> tuple[int, int]:
    """Return width and height in px of what `table` draws."""
    alone = max((text_width(row[0], class_) for row in rows if len(row) == 1), default=0)
    return max(_starts(rows, class_, gap)[-1] - gap, alone), len(rows) * LINE[class_]


def _starts(rows: Sequence[Sequence[str]], class_: str, gap: int) -> list[int]:
    """Return where each column begins, and where one after the last would."""
    starts = [0]
    aligned = [row for row in rows if len(row) > 1]
    for column in range(max((len(row) for row in aligned), default=1)):
        cells = [row[column] for row in aligned if len(row) > column]
        widest = max((text_width(cell, class_) for cell in cells if cell), default=0)
        starts.append(starts[-1] + widest + gap if widest else starts[-1])
    return starts


def document(elements: Iterable[Element], style: str, size: tuple[int, int], name: str, description: str) -> str:
    """Return a whole SVG file.

    Args:
        elements: What it shows.
        style: Its style sheet, ours alone.
        size: Width and height in px.
        name: What it is called.
        description: What it shows, for those who can't see it.
    """
    width, height = size
    root = element(
        "svg",
        element("title", name, id_="title"),
        element("desc", description, id_="description"),
        element("style", style),
        *elements,
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        role="graphics-document document",
        lang="en",
        aria_labelledby="title",
        aria_describedby="description",
    )
    return "".join(_markup(root))


def _markup(shown: Element) -> Iterator[str]:
    """Yield the markup of an element; each element that holds others, and each of those, is a line."""
    attributes = "".join(f' {name}="{_escaped(value)}"' for name, value in shown.attributes)
    if not shown.children:
        yield f"<{shown.tag}{attributes}/>\n"
        return
    yield f"<{shown.tag}{attributes}>"
    inline = shown.tag in ("text", "title", "desc", "style") or all(
        isinstance(child, str) or child.tag == "title" for child in shown.children
    )
    if not inline:
        yield "\n"
    for child in shown.children:
        if isinstance(child, str):
            yield _escaped(child)
        else:
            yield from (part.rstrip("\n") if inline else part for part in _markup(child))
    yield f"</{shown.tag}>\n"


def _escaped(text: str) -> str:
    """Return text as markup; what XML forbids, and what turns the direction of reading, becomes U+FFFD."""
    if not (text.isascii() and text.isprintable()):  # nearly every text is both, and looking at letters takes long
        text = "".join(
            letter if letter == "\n" or unicodedata.category(letter)[0] != "C" else "\ufffd" for letter in text
        )
    return text.translate(_ESCAPES)
