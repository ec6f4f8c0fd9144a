"""The page in a browser: it shows the numbers of the views, whatever GitLab's names are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from integration_tests.report import copies
from integration_tests.support.browser import chromium
from source_gitlab.cli import main
from source_gitlab.interfaces.report.charts import CHARTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

WIDTHS = (320, 390, 820, 1440)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file and its page."""
    place = tmp_path_factory.mktemp("report")
    copies.write(place / "gitlab.duckdb")
    assert main(["report", str(place / "gitlab.duckdb"), "-o", str(place / "report.html")]) == 0
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """One browser for all tests of the module."""
    with chromium() as one:
        yield one


@pytest.fixture
def page(browser: Chrome, folder: Path) -> Chrome:
    """The page, opened anew at the width of a desk."""
    browser.set_window_size(1440, 900)
    browser.get((folder / "report.html").as_uri())
    assert browser.execute_script("return document.documentElement.dataset.ready") == "true"
    return browser


def choose(page: Chrome, *, group: str = "Everything", months: int = 12) -> None:
    """Set both filters."""
    Select(page.find_element(By.ID, "group")).select_by_visible_text(group)
    Select(page.find_element(By.ID, "period")).select_by_value(str(months))


def drawn(page: Chrome, name: str) -> list[float]:
    """The values of the marks of a chart, as they are drawn."""
    script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.dataset.value)"
    return [float(one) for one in page.execute_script(script, f"#chart-{name} [data-value]")]


def query(page: Chrome, name: str) -> str:
    """The SQL that a chart shows."""
    found = page.find_element(By.CSS_SELECTOR, f"#chart-{name} pre code")
    return str(found.get_property("textContent"))


def asked(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the file itself answers, through the views that `sync` put there."""
    with duckdb.connect(str(folder / "gitlab.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        return connection.execute(sql).fetchall()


def complaints(page: Chrome) -> list[str]:
    """What the browser's console says."""
    return [str(entry["message"]) for entry in page.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "group",
    ["Everything", "shop", copies.GROUPS[40]],
    ids=["everything", "with-subgroups", "evil-name"],
)
@pytest.mark.parametrize("months", [3, 24])
def test_charts_show_what_their_sql_answers(
    page: Chrome, folder: Path, group: str, months: int
) -> None:
    """Every mark is a number of the query beside it, asked of the file, and none is missing."""
    choose(page, group=group, months=months)
    compared = 0
    for chart in CHARTS:
        rows = asked(folder, query(page, chart.name))
        first = 1 if chart.split is None else 2
        expected = [float(cell) for row in rows for cell in row[first:] if cell is not None]
        # A bar of nothing is not drawn.
        if chart.kind != "lines":
            expected = [cell for cell in expected if cell]
        shown = [cell for cell in drawn(page, chart.name) if cell or chart.kind != "lines"]
        expected = [cell for cell in expected if cell]
        assert sorted(shown) == pytest.approx(sorted(expected), abs=1e-3), chart.name
        compared += len(expected)
    assert compared > 60


def test_the_filters_change_charts_tiles_and_sql(page: Chrome) -> None:
    """A group has fewer rows than everything, and a shorter period fewer months."""
    choose(page, months=12)
    everything, tiles = drawn(page, "merged"), page.find_element(By.ID, "tiles").text
    assert len(everything) in {11, 12}  # on the first of a month nothing may be merged yet
    choose(page, group="shop/web", months=12)
    of_group = drawn(page, "merged")
    assert 0 < sum(of_group) < sum(everything)
    assert page.find_element(By.ID, "tiles").text != tiles
    assert "group_path = 'shop/web'" in query(page, "merged")
    choose(page, months=3)
    last = drawn(page, "merged")
    assert len(last) in {2, 3}
    assert last == everything[-len(last) :]


def test_a_group_has_what_is_below_it(page: Chrome) -> None:
    """The projects of subgroups count in the groups above."""
    sums = {}
    for group in ("shop", "shop/web", "shop/payments"):
        choose(page, group=group, months=24)
        sums[group] = sum(drawn(page, "merged"))
    assert sums["shop"] == sums["shop/web"] + sums["shop/payments"]


def test_nothing_of_gitlabs_becomes_markup(page: Chrome, folder: Path) -> None:
    """A name that ends a script is shown as it is, and runs nothing."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert copies.EVIL not in html
    choose(page, group=copies.GROUPS[40], months=24)
    assert page.execute_script("return window.hacked") is None
    assert page.find_elements(By.CSS_SELECTOR, "img") == []
    cells = page.find_elements(By.CSS_SELECTOR, "#chart-slow-labels tbody th")
    assert copies.EVIL in [cell.get_property("textContent") for cell in cells]
    assert copies.GROUPS[40].replace("'", "''") in query(page, "merged")
    assert complaints(page) == []


def test_a_script_that_got_in_would_not_run(page: Chrome) -> None:
    """The page's policy is a second wall: it names the two scripts that may run."""
    page.execute_script(
        "const one = document.createElement('script'); one.textContent = 'window.hacked = 1';"
        "document.body.append(one)"
    )
    assert page.execute_script("return window.hacked") is None
    assert any("Content Security Policy" in line for line in complaints(page))


def test_the_page_loads_nothing(page: Chrome, folder: Path) -> None:
    """No address stands in it but GitLab's, and none is asked for."""
    script = "return performance.getEntriesByType('resource').map((one) => one.name)"
    assert page.execute_script(script) == []
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<(?:link|img|iframe|script[^>]*\ssrc)", html.split("<script>")[0])
    assert len(html) < 1_000_000


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_the_width(page: Chrome, width: int) -> None:
    """Nothing has to be scrolled sideways, and charts fill their cards, on a phone too.

    320 is the width at which WCAG 2.2 (1.4.10) asks for it.
    """
    # A window cannot be as narrow as a phone; the page in it can.
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    choose(page, months=24)
    script = """
      const cards = [...document.querySelectorAll('.card')];
      return {
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        small: [...document.querySelectorAll('.plot svg')].filter(
          (one) => Math.abs(one.clientWidth - one.parentElement.clientWidth) > 1).length,
        out: [...document.querySelectorAll('.plot svg text')].filter((one) => {
          const box = one.getBoundingClientRect();
          const card = one.closest('.card').getBoundingClientRect();
          return box.left < card.left || box.right > card.right;
        }).map((one) => one.textContent),
        columns: new Set(cards.map((one) => Math.round(one.getBoundingClientRect().left))).size,
      }"""
    found = page.execute_script(script)
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert (found["wide"], found["small"], found["out"]) == (0, 0, [])
    assert found["columns"] == (2 if width > 860 else 1)


def test_each_chart_is_named_and_has_a_table(page: Chrome) -> None:
    """Who cannot see a chart gets its name, what it says, and every number."""
    choose(page, months=24)
    for chart in CHARTS:
        card = page.find_element(By.ID, f"chart-{chart.name}")
        assert card.aria_role == "region"
        assert card.accessible_name == chart.title
        picture = card.find_element(By.CSS_SELECTOR, ".plot svg")
        assert str(picture.get_attribute("aria-label")).startswith(f"{chart.title}: ")
        table = card.find_element(By.TAG_NAME, "table")
        marks = [cell for cell in drawn(page, chart.name) if cell]
        cells = table.find_elements(By.CSS_SELECTOR, "tbody td")
        said = [cell.get_property("textContent") for cell in cells]
        assert len(
            [one for one in said if one not in {"\u2013", "0", "0%", "0 h", "0 min"}]
        ) >= len(marks)
        assert all(head.get_attribute("scope") for head in table.find_elements(By.TAG_NAME, "th"))
    assert page.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(page: Chrome, scheme: str) -> None:
    """Text stands out from what is behind it, 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    script = """
      const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map((one) => {
          const part = one / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const behind = (one) => {
        for (let each = one; each; each = each.parentElement) {
          const color = getComputedStyle(each).backgroundColor;
          if (!color.endsWith(', 0)')) return color;
        }
      };
      return ['h1', '.when', '.lead', '.card h3', '.reading', 'summary', '.tile dt', 'svg text',
              'svg .value', '.foot', '.lacks'].map((name) => {
        const one = document.querySelector(name), style = getComputedStyle(one);
        const pair = [name.startsWith('svg') ? style.fill : style.color, behind(one)].map(light);
        return [name, (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)];
      })"""
    found = dict(page.execute_script(script))
    paper = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert all(contrast >= 4.5 for contrast in found.values()), found
    assert (paper == "rgb(21, 23, 26)") is (scheme == "dark")


def test_a_page_of_little_says_what_it_lacks(browser: Chrome, tmp_path: Path) -> None:
    """Each chart that is not there is named with what it needs; no group can be chosen."""
    copies.write(tmp_path / "little.duckdb", only=("issues", "merge_requests"))
    place = tmp_path / "little.html"
    assert main(["report", str(tmp_path / "little.duckdb"), "-o", str(place)]) == 0
    browser.get(place.as_uri())
    assert not browser.find_element(By.ID, "group").is_displayed()
    assert drawn(browser, "issue-flow")
    said = browser.find_element(By.ID, "missing").text
    assert "little.duckdb has 2 of" in said
    assert "Open vulnerabilities needs vulnerabilities." in said
    assert "Lead time for changes needs deployments." in said
    needs = "merge_request_approvals, merge_request_commits, merge_request_notes"
    assert f"Cycle time by phase needs one of {needs}." in said
    assert "Opened and closed issues" not in said
    assert complaints(browser) == []


def test_the_console_stays_empty(page: Chrome) -> None:
    """Neither drawing nor choosing nor another width makes the browser complain."""
    for group in ("shop", copies.GROUPS[40], "Everything"):
        choose(page, group=group, months=3)
    page.set_window_size(700, 900)
    page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert complaints(page) == []
