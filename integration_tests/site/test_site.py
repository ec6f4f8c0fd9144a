"""The documentation site: it is built without a warning, whole, and loads nothing from anywhere."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from integration_tests.site.pages import Page, addresses_in_style, broken, is_foreign, target
from integration_tests.support.browser import chromium
from integration_tests.support.environments import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

DOCS = ROOT / "docs"
WIDTHS = (390, 820, 1440)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site").resolve()
    python = environment("site", with_package=False) / "python"
    done = subprocess.run(
        [python, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the site, by its file."""
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_document_is_a_page(site: Path, pages: dict[Path, Page]) -> None:
    """And the first page leads to each, so that nothing is written that nobody finds."""
    written = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    assert {path.relative_to(site) for path in pages} == written
    first = site / "index.html"
    linked = {target(first, link)[0] for link in pages[first].links if not is_foreign(link)}
    assert {site / one for one in written} <= linked


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    """To a file of the site, and to an anchor that its page has."""
    assert broken(pages) == []
    assert sum(len(page.links) for page in pages.values()) > 1_000


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """A page that is not there, an anchor that is not, and one in a page that is no page."""
    (tmp_path / "a.html").write_text(
        '<h1 id="x">A</h1><a href="b.html#y"></a><a href="#x"></a><a href="https://x.org/#z"></a>'
        '<a href="c.html"></a><a href="b.html#z"></a><a href="#y"></a><a href="f.yml"></a>'
    )
    (tmp_path / "b.html").write_text('<a name="y"></a>')
    (tmp_path / "f.yml").write_text("")
    found = broken({path: Page(path) for path in tmp_path.glob("*.html")})
    assert sorted(found) == ["a.html: #y", "a.html: b.html#z", "a.html: c.html"]


def test_nothing_is_loaded_from_the_network(site: Path, pages: dict[Path, Page]) -> None:
    """No font, script, style or picture: the site is read where there is no network."""
    loaded = {path: page.loaded for path, page in pages.items()}
    loaded |= {path: addresses_in_style(path.read_text("utf-8")) for path in site.rglob("*.css")}
    foreign = {f"{path.name}: {one}" for path, each in loaded.items() for one in each}
    assert len(foreign) > len(pages)
    assert not {one for one in foreign if is_foreign(one.partition(": ")[2])}
    missing = {
        f"{path.name}: {one}"
        for path, each in loaded.items()
        for one in each
        if not one.startswith("data:") and not target(path, one)[0].is_file()
    }
    assert not missing
    scripts = [path.read_text("utf-8") for path in site.rglob("bundle.*.js")]
    assert scripts
    assert not any("unpkg.com" in one for one in scripts)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """One browser for all tests of the module."""
    with chromium() as one:
        yield one


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", ["index.html", "streams/planning.html", "views-sql.html"])
def test_a_page_fits_into_a_window(site: Path, browser: Chrome, page: str, width: int) -> None:
    """Wide tables and long lines of code scroll by themselves: the page does not."""
    browser.set_window_size(width, 900)
    browser.get((site / page).as_uri())
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wide) == 0


def test_the_search_finds_pages_that_are_opened_as_files(site: Path, browser: Chrome) -> None:
    """Where browsers run no workers."""
    browser.set_window_size(1440, 900)
    browser.get((site / "index.html").as_uri())
    script = """
    const done = arguments[arguments.length - 1];
    const field = document.querySelector("[data-md-component=search-query]");
    field.focus();
    field.value = "merge_request_cycle_time";
    field.dispatchEvent(new Event("keyup", {bubbles: true}));
    field.dispatchEvent(new Event("input", {bubbles: true}));
    const found = () => [...document.querySelectorAll(".md-search-result__link")];
    const look = () => found().length
        ? done(found().map((one) => one.getAttribute("href"))) : requestAnimationFrame(look);
    look();
    """
    links = browser.execute_async_script(script)
    assert any("views.html" in link for link in links)


def test_diagrams_are_drawn_without_a_network(site: Path, browser: Chrome) -> None:
    """By the copy of Mermaid that is part of the site, and nothing complains."""
    browser.get((site / "erd.html").as_uri())
    script = """
    const done = arguments[arguments.length - 1];
    const drawn = () => document.querySelectorAll("pre.mermaid").length === 0
        && document.querySelectorAll("div.mermaid").length;
    const look = () => drawn() ? done(drawn()) : requestAnimationFrame(look);
    look();
    """
    assert browser.execute_async_script(script) == 14
    complaints = [str(one["message"]) for one in browser.get_log("browser")]  # type: ignore[no-untyped-call]
    assert complaints == []
