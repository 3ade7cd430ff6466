"""Pages say what the program says, and name what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, GENERATED, files_linked, functions_of, named_tests
from tests.sites import REPOSITORY
from trellis.plan.rules import RULES
from trellis.site import Site
from trellis.site.delegated import Prefixes
from trellis.site.described import nouns_below, scalar_texts, texts_of, types_of
from trellis.site.reference import reference_text

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_a_generated_page_is_what_its_command_prints(path: Path, request: pytest.FixtureRequest) -> None:
    text = GENERATED[path]()
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "write it anew: pytest tests/docs --update-golden"


def test_every_key_of_a_site_and_of_a_prefix_file_is_told() -> None:
    untold = [
        f"{noun.__name__}.{name}"
        for root in (Site, Prefixes)
        for noun in nouns_below(root)
        for name in types_of(noun)
        if not texts_of(noun).get(name)
    ]
    assert untold == []


def test_every_scalar_that_the_reference_links_to_is_told() -> None:
    page = reference_text()
    scalars = [line.removeprefix("### ") for line in page.split("## Scalars")[1].splitlines() if line[:4] == "### "]
    assert {"Asn", "SdnId", "V6Prefix"} <= set(scalars)
    assert set(scalars) - scalar_texts().keys() == set()


def test_the_reference_gives_ranges_and_defaults() -> None:
    lines = reference_text().splitlines()
    assert any(
        line.startswith("| `hold_time_s` | whole number, 3 to 65535 | `30` | BGP hold time in sec") for line in lines
    )
    assert any(line.startswith("| `ports` | list of whole number, 1 to 65535 | required |") for line in lines)
    assert "Rule: a zone, VNet or controller id is 2-8 letters" in "".join(lines)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    assert [link for link in files_linked(page) if not (page.parent / link).exists()] == []


def test_a_page_links_to_no_file_outside_the_site() -> None:
    outside = [
        (page.name, link)
        for page in DOCS.rglob("*.md")
        for link in files_linked(page)
        if not (page.parent / link).resolve().is_relative_to(DOCS)
    ]
    assert outside == [], "on the site it would lead nowhere: name the file as code instead"


def _entries(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [entry for part in (nav.values() if isinstance(nav, dict) else nav) for entry in _entries(part)]


def test_the_navigation_has_every_page_once() -> None:
    nav = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    decisions = DOCS / "decisions"
    pages = [page for page in DOCS.rglob("*.md") if page.parent != decisions or page.name == "index.md"]
    assert sorted(_entries(nav)) == sorted(str(page.relative_to(DOCS)) for page in pages), "nav is in mkdocs.yml"


def test_each_rule_is_told_with_tests_that_there_are() -> None:
    parts = (DOCS / "rules.md").read_text(encoding="utf-8").split("\n## ")[1:]
    assert [part.split("\n")[0] for part in parts] == [f"R{number}" for number in range(1, 15)]
    assert {part.split("\n")[0] for part in parts} >= {rule.__name__ if callable(rule) else rule for rule in RULES}
    for part in parts:
        assert list(named_tests(part)), part


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_test_that_a_page_names_is_there(page: Path) -> None:
    for path, function in named_tests(page.read_text(encoding="utf-8")):
        assert (REPOSITORY / path).is_file(), path
        assert function is None or function in functions_of(REPOSITORY / path), (path, function)


def test_each_incident_is_behind_a_rule() -> None:
    text = (DOCS / "rules.md").read_text(encoding="utf-8")
    assert [number for number in range(1, 16) if f"**I{number}**" not in text] == []
