"""The page in a real browser: what it shows, what it is told by hostile guests, and how it is used by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session as Database

from tests.observe.browser import Server, chromium, view
from tests.observe.shown import HOSTILE, homelab_store
from tests.sites import plan_of, site_of
from trellis.observe.api import create_app
from trellis.observe.live_map import live_map
from trellis.observe.tables import Peering, PeeringState

pytestmark = pytest.mark.browser

SHOTS = Path("build/screenshots")
TOKEN = "only-for-this-test-0123456789"
SIZES = {"wide": (1280, 900), "narrow": (360, 740)}


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = homelab_store(tmp_path, datetime.now(UTC))
    yield made
    made.dispose()


@pytest.fixture
def server(engine: Engine) -> Iterator[Server]:
    with Server(create_app(engine, live_map(site_of("homelab"), plan_of("homelab")))) as running:
        yield running


@pytest.fixture
def page(browser: webdriver.Chrome, server: Server) -> webdriver.Chrome:
    """Return the browser with the page open and filled."""
    return opened(browser, server)


def opened(browser: webdriver.Chrome, server: Server, at: str = "") -> webdriver.Chrome:
    view(browser, *SIZES["wide"])
    browser.get("about:blank")
    browser.get(server.url + at)
    until(browser, lambda: "solcp01" in text(browser, "#guests-table") or None)
    complaints(browser)  # those of the test before
    return browser


def until(browser: webdriver.Chrome, seen: Callable[[], Any], limit_s: float = 15) -> Any:
    return WebDriverWait(browser, limit_s, 0.1).until(lambda _: seen())


def text(browser: webdriver.Chrome, selector: str) -> str:
    """Return what stands in an element, seen or not."""
    return str(browser.execute_script("return document.querySelector(arguments[0]).textContent", selector))


def rows(browser: webdriver.Chrome, table: str) -> list[list[str]]:
    """Return the cells of a table's rows."""
    script = "return [...document.querySelectorAll(arguments[0])].map(r => [...r.cells].map(c => c.textContent))"
    found: list[list[str]] = browser.execute_script(script, f"#{table} tbody tr")
    return found


def open_guest(browser: webdriver.Chrome, name: str) -> None:
    browser.find_element(By.XPATH, f"//table[@id='guests-table']//button[text()='{name}']").click()
    until(browser, lambda: rows(browser, "sessions-table")[0][0].startswith("pve") or None)


def complaints(browser: webdriver.Chrome) -> list[str]:
    """Return what the console was told since it was last asked: errors of scripts, and what the policy refused."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]  # type: ignore[no-untyped-call]


def test_a_session_is_up_for_no_less_than_when_it_was_read(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """A browser's clock is behind by a second where the answer that told the time was slow."""
    ahead = homelab_store(tmp_path, datetime.now(UTC) + timedelta(seconds=30))
    try:
        with Server(create_app(ahead, live_map(site_of("homelab"), plan_of("homelab")))) as running:
            page = opened(browser, running)
            assert {row[0]: row[4] for row in rows(page, "guests-table")}["solcp01"] == "3 h 0 min"
    finally:
        ahead.dispose()


def test_guests_are_listed_with_state_host_and_prefixes(page: webdriver.Chrome) -> None:
    found = {row[0]: row[1:7] for row in rows(page, "guests-table")}
    assert found["solcp01"] == ["Established", "vnet101", "pve01", "3 h 0 min", "4", "0"]
    assert found["solwk02"][0] == "Penalty"
    assert found["solcp03"] == ["Unknown", "vnet101", "pve03", "", "", ""]  # no number: nobody knows it
    assert found["fd00:101::bad"][4:] == ["1", "3"]
    assert text(page, "#guests-count") == "9 of 9 guests"
    assert complaints(page) == []


def test_filters_narrow_the_list_and_say_how_many_are_left(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "#guest-filters [name=text]").send_keys("SOLCP")
    assert [row[0] for row in rows(page, "guests-table")] == ["solcp01", "solcp02", "solcp03"]
    page.execute_script("""const form = document.getElementById("guest-filters"); form.reset();
        form.elements.state.value = "Penalty"; form.dispatchEvent(new Event("input"));""")
    assert [row[0] for row in rows(page, "guests-table")] == ["solwk02"]
    assert text(page, "#guests-count") == "1 of 9 guests"


def test_what_a_guest_says_is_text_and_never_markup(page: webdriver.Chrome) -> None:
    open_guest(page, "fd00:101::bad")
    refused = {row[0]: row[1:3] for row in rows(page, "routes-table") if row[1] == "Rejected"}
    assert refused["fd00:101:fe::11/128"] == ["Rejected", f"fd00:101:fe::11/128 belongs to {HOSTILE}"]
    assert HOSTILE in text(page, "#guest-facts")
    assert page.find_elements(By.TAG_NAME, "img") == []
    assert page.title == "Trellis: guests' BGP sessions and routes"
    assert complaints(page) == []


def test_even_a_script_of_the_page_could_not_make_markup_of_a_text(page: webdriver.Chrome) -> None:
    made = page.execute_script("try { document.body.innerHTML = '<b>x</b>'; return 'made' } catch { return 'refused' }")
    assert made == "refused"


def test_it_is_used_by_keyboard_alone(page: webdriver.Chrome) -> None:
    page.execute_script("document.activeElement.blur()")
    met = []
    for _ in range(40):
        page.switch_to.active_element.send_keys(Keys.TAB)
        active = page.switch_to.active_element
        met.append(active.get_attribute("name") or active.text or active.get_attribute("class"))
        if active.text == "solcp01":
            break
        assert page.execute_script(
            "const style = getComputedStyle(document.activeElement); "
            "return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2"
        ), f"{met[-1]} has the focus, and nobody sees it"
    assert met[0].startswith("Skip")
    assert met[1:5] == ["Guests", "Map", "History", "Hosts"]
    assert met[5:10] == ["text", "network_id", "host", "state", "refused"]
    assert met[-1] == "solcp01"
    page.switch_to.active_element.send_keys(Keys.ENTER)
    until(page, lambda: page.execute_script("return document.getElementById('guest').open"))
    assert page.switch_to.active_element.get_attribute("id") == "guest-name"
    page.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not page.execute_script("return document.getElementById('guest').open")
    assert page.switch_to.active_element.text == "solcp01"  # back where one was


def test_the_map_has_each_guest_in_the_colour_of_its_state(page: webdriver.Chrome, server: Server) -> None:
    page.get(f"{server.url}#map")
    live = "return [...document.getElementById('map-box').shadowRoot.querySelectorAll('[data-guests]')]"
    states = dict(page.execute_script(f"{live}.map(g => [g.dataset.guests, g.dataset.live])"))
    assert states["solcp01"] == "up"
    assert (states["solwk01"], states["solwk02"], states["solcp03"]) == ("down", "warn", "lost")
    assert states["isolated-1"] == "off"
    strokes = page.execute_script(f"{live}.map(g => getComputedStyle(g.querySelector('.chip')).stroke)")
    assert len(set(strokes)) == 5  # the style sheets within the picture are let in
    group = page.execute_script(f"{live}.find(g => g.dataset.guests === 'solcp01')")
    group.send_keys(Keys.ENTER)
    assert text(page, "#guest-name") == "solcp01"
    assert complaints(page) == []


def test_what_changes_is_shown_and_said_within_seconds(page: webdriver.Chrome, engine: Engine) -> None:
    with Database(engine) as database, database.begin():
        moved = {"state": PeeringState.ESTABLISHED, "host": "pve02", "uptime_seconds": 1}
        database.execute(update(Peering).where(Peering.guest == "solwk01").values(**moved))
    until(page, lambda: ["Established", "vnet101", "pve02"] in [row[1:4] for row in rows(page, "guests-table")], 6)
    until(page, lambda: text(page, "#news") == "solwk01: Established on pve02")
    label = "return document.getElementById('map-box').shadowRoot.querySelector('.moved').textContent"
    assert page.execute_script(label) == "now on pve02"


def test_unchanged_lists_are_not_sent_again(page: webdriver.Chrome) -> None:
    script = """const done = arguments[0];
        setTimeout(() => done(performance.getEntriesByType("resource").filter(e => e.name.includes("/peerings"))
          .map(e => e.responseStatus)), 5000);"""
    assert page.execute_async_script(script)[-2:] == [304, 304]


def test_a_host_that_is_not_read_is_unknown_with_the_age_of_what_is_known(
    page: webdriver.Chrome, server: Server
) -> None:
    page.get(f"{server.url}#hosts")
    found = {row[0]: row[1:] for row in rows(page, "hosts-table")}
    assert found["pve03"] == ["unknown: not read", "7 min ago", "unknown", "SSH: no answer from 10.10.0.13 within 10 s"]
    assert found["pve01"][0] == "read"


def test_a_server_that_is_gone_is_said_and_its_return_too(browser: webdriver.Chrome, engine: Engine) -> None:
    app = create_app(engine)
    with Server(app) as running:
        page, port = opened(browser, running), running.port
    until(page, lambda: text(page, "#link").startswith("No answer from the server: what is shown is from"), 15)
    assert page.find_element(By.TAG_NAME, "body").get_attribute("data-lost") is not None
    assert "solcp01" in text(page, "#guests-table")  # what was known stays, marked as old
    with Server(app, port):
        until(page, lambda: text(page, "#link") == "Live", 15)


def test_the_token_is_asked_for_and_kept_for_the_tab_alone(browser: webdriver.Chrome, engine: Engine) -> None:
    view(browser, *SIZES["wide"])
    with Server(create_app(engine, token=TOKEN)) as running:
        browser.get(running.url)
        until(browser, lambda: browser.execute_script("return document.getElementById('login').open"))
        field = browser.find_element(By.CSS_SELECTOR, "#login-form [name=token]")
        field.send_keys("a-wrong-one-0123456789", Keys.ENTER)
        until(browser, lambda: text(browser, "#login-why") == "That is not the token.")
        assert rows(browser, "guests-table") == []
        field.send_keys(TOKEN, Keys.ENTER)
        until(browser, lambda: "solcp01" in text(browser, "#guests-table") or None)
        kept = browser.execute_script(
            "return [Object.keys(sessionStorage), Object.keys(localStorage), document.cookie]"
        )
        assert kept == [["trellis-token"], [], ""]
        assert TOKEN not in browser.current_url


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_fits_and_can_be_read(page: webdriver.Chrome, server: Server, size: str, dark: bool) -> None:
    width, height = SIZES[size]
    view(page, width, height, dark=dark)
    SHOTS.mkdir(parents=True, exist_ok=True)
    for name in ("guests", "map", "history", "hosts"):
        page.get(f"{server.url}#{name}")
        until(page, lambda name=name: page.find_element(By.ID, f"view-{name}").is_displayed())
        assert page.execute_script("return document.documentElement.scrollWidth") <= width, f"{name} is too wide"
        assert dim_texts(page) == [], f"{name}: too little contrast"
        page.save_screenshot(str(SHOTS / f"{name}-{size}-{'dark' if dark else 'light'}.png"))
    page.get(f"{server.url}#guests")
    open_guest(page, "fd00:101::bad")
    assert page.execute_script("const d = document.getElementById('guest'); return d.scrollWidth <= d.clientWidth")
    assert dim_texts(page) == []
    page.save_screenshot(str(SHOTS / f"guest-{size}-{'dark' if dark else 'light'}.png"))


CONTRAST = """
const level = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (node) => {
  for (let each = node; each; each = each.parentElement) {
    const found = getComputedStyle(each).backgroundColor;
    if (found !== "rgba(0, 0, 0, 0)") return found;
  }
  return "rgb(255, 255, 255)";
};
const inside = document.getElementById("guest").open ? "#guest *" : "body > :not(dialog) *";
return [...document.querySelectorAll(inside)].filter((node) => node.checkVisibility()
  && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
  && !node.closest(".unseen, .skip, noscript, button:disabled")).map((node) => {
    const [one, other] = [level(getComputedStyle(node).color), level(ground(node))].sort((a, b) => b - a);
    return [node.textContent.slice(0, 30), Math.round((one + 0.05) / (other + 0.05) * 10) / 10];
  }).filter(([, ratio]) => ratio < 4.5);
"""
"""Texts with less contrast than WCAG 2.2 asks of small ones (1.4.3)."""


def dim_texts(browser: webdriver.Chrome) -> list[list[Any]]:
    found: list[list[Any]] = browser.execute_script(CONTRAST)
    return found


def test_nothing_moves_for_who_asks_for_that(page: webdriver.Chrome) -> None:
    view(page, *SIZES["wide"], still=True)
    page.execute_script("document.querySelector('#guests-table tbody tr').classList.add('fresh')")
    animated = "return getComputedStyle(document.querySelector('tr.fresh')).animationName"
    assert page.execute_script(animated) == "none"
    view(page, *SIZES["wide"])
    assert page.execute_script(animated) == "fresh"


def test_tables_keep_their_meaning_when_rows_become_cards(page: webdriver.Chrome) -> None:
    view(page, *SIZES["narrow"])
    table = page.find_element(By.ID, "guests-table")
    assert table.aria_role == "table"
    assert table.accessible_name == "Guests"
    assert table.find_element(By.CSS_SELECTOR, "tbody tr").aria_role == "row"
    assert table.find_element(By.CSS_SELECTOR, "tbody td").aria_role == "cell"
    assert table.find_element(By.CSS_SELECTOR, "tbody th").aria_role == "rowheader"


def test_the_page_asks_nothing_of_anyone_else(page: webdriver.Chrome, server: Server) -> None:
    asked = page.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert {re.sub(r"^(https?://[^/]+/).*", r"\1", url) for url in asked} == {server.url}
