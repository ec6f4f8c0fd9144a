"""What the charts of the report ask for is there, and the page about it names all of it."""

from __future__ import annotations

import re
from pathlib import Path

from source_gitlab.interfaces.report.charts import CHARTS, SECTIONS, TILES
from source_gitlab.views.catalog import views

DOCUMENT = Path(__file__).parents[2] / "docs" / "report.md"


def used(name: str) -> set[str]:
    """All streams that a view reads."""
    view = views()[name]
    return {*view.requires, *view.requires_any, *view.uses}


def test_charts_ask_views_that_there_are() -> None:
    """And a stream that one needs or uses is read by its views."""
    for one in (*TILES, *CHARTS):
        assert one.views() <= set(views())
        read = set().union(*map(used, one.views()))
        assert {*one.needs, *one.uses} <= read, one.title


def test_charts_are_told_apart_and_have_a_place() -> None:
    """A name is part of an address in the page."""
    names = [chart.name for chart in CHARTS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z-]+", name) for name in names)
    assert {chart.section for chart in CHARTS} == set(SECTIONS)


def test_the_document_names_every_stream_that_the_page_can_use() -> None:
    """Whoever copies its command has all charts, and reads nothing else for them."""
    found = re.search(r"--select '(.+?)'", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    selected = set(re.sub(r"[\\\s]", "", found[1]).split(","))
    asked = (*TILES, *CHARTS)
    wanted = set().union(*(one.streams() for one in asked), used("project_groups"))
    wanted = wanted.union(*(used(name) for one in asked for name in one.views()))
    assert selected == wanted
