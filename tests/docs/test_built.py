"""What follows links through the built site finds each kind of one that leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.built import dead_links


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "picture.svg").write_text("<svg/>")
    (tmp_path / "a/index.html").write_text('<h1 id="top">A</h1>')
    good = (
        '<a href="a/#top"></a><img src="picture.svg"><a href="https://example.org/x"></a><a href="#here" id="here"></a>'
    )
    (tmp_path / "index.html").write_text(good)
    return tmp_path


def test_links_that_lead_somewhere_are_nothing_to_tell(site: Path) -> None:
    assert list(dead_links(site)) == []


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ('<a href="b/">', "index.html: b/ leads to no file"),
        ('<img src="other.svg">', "index.html: other.svg leads to no file"),
        ('<a href="a/#end">', "index.html: a/#end leads to no such place"),
        ('<a href="#end">', "index.html: #end leads to no such place"),
        ("<p>see [the rules][rules]</p>", "index.html: no link came of see [the rules][rules]"),
    ],
)
def test_a_link_that_leads_nowhere_is_told(site: Path, html: str, told: str) -> None:
    page = site / "index.html"
    page.write_text(page.read_text() + html)
    assert list(dead_links(site)) == [told]


def test_brackets_in_code_are_no_link(site: Path) -> None:
    page = site / "index.html"
    page.write_text(page.read_text() + "<code>a[0][1]</code>")
    assert list(dead_links(site)) == []
