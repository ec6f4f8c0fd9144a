"""One page out of a file: its numbers, the library that draws them, and nothing from elsewhere.

Whatever GitLab holds comes into the page as JSON in which nothing ends a script, and from there as
text. The page's policy names the two scripts and the style by their hashes, so that no other runs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson
from jinja2 import Environment, StrictUndefined

from source_gitlab import __version__
from source_gitlab.distribution import install_command
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.report.charts import CHARTS, SECTIONS, TILES
from source_gitlab.interfaces.report.questions import sql
from source_gitlab.streams import streams
from source_gitlab.views.catalog import SCHEMA, views

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from source_gitlab.interfaces.report.copied import Copied
    from source_gitlab.interfaces.report.questions import Chart, Tile

PERIODS: Final = (3, 6, 12, 24)
"""The periods that can be chosen: months, the current one included."""

MOST_GROUPS: Final = 25
"""Groups that can be chosen: those with the most projects."""

_ASSETS: Final = resources.files(__package__) / "assets"
# As orjson writes it, with what could end the element or a line of a script put as escapes.
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"} | {
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def page(copied: Copied, path: Path) -> str:
    """The page as HTML.

    Raises:
        UsageError: the charting library is not installed.
    """
    library = _library()
    style, script = (_asset(name) for name in ("report.css", "report.js"))
    text = orjson.dumps(numbers(copied, path)).decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_asset("page.html")).render(
        data=text,
        style=style,
        scripts=[library, script],
        policy=_policy(style, [library, script]),
        instance=re.sub(r"^https?://", "", copied.instance or "GitLab"),
        version=__version__,
    )


def numbers(copied: Copied, path: Path) -> dict[str, Any]:
    """All that the page shows, as plain JSON."""
    asked: tuple[Tile | Chart, ...] = (*TILES, *CHARTS)
    wanted = set().union(*(one.views() for one in asked)) | {"project_groups"}
    refused = copied.make(wanted, set().union(*(one.streams() for one in asked)))
    groups, left_out = _groups(copied, refused)

    def is_shown(one: Tile | Chart) -> bool:
        return not any(_absent(one, copied)) and not one.views() & set(refused)

    until = _until([chart for chart in CHARTS if is_shown(chart)], copied)
    since = {months: _since(until, months) for months in PERIODS}
    return {
        "instance": copied.instance,
        "file": path.name,
        "at": copied.at,
        "until": until,
        "groups": groups,
        "groups_left_out": left_out,
        "schema": SCHEMA,
        "periods": [{"months": months, "since": day} for months, day in since.items()],
        "sections": SECTIONS,
        "tiles": [
            {**_words(tile, copied), "rows": _numbers_of(tile, copied, groups, since)}
            for tile in TILES
            if is_shown(tile)
        ],
        "charts": [
            {
                **_words(chart, copied),
                "name": chart.name,
                "section": chart.section,
                "kind": chart.kind,
                "series": list(chart.series),
                "is_split": chart.split is not None,
                "order": chart.order,
                "parts": chart.parts,
                "rows": _rows_of(chart, copied, groups, since),
            }
            for chart in CHARTS
            if is_shown(chart)
        ],
        "missing": [
            {
                "title": chart.title,
                "streams": _absent(chart, copied)[0],
                "one_of": _absent(chart, copied)[1],
                "reasons": [refused[name] for name in sorted(chart.views() & set(refused))],
            }
            for chart in CHARTS
            if not is_shown(chart)
        ],
        "unfinished": sorted(set(copied.streams) - set(copied.read_at)),
        "streams": {"there": len(copied.streams), "declared": len(streams())},
    }


def _words(one: Tile | Chart, copied: Copied) -> dict[str, Any]:
    """What is said of a chart or tile: of when its data are, and what they lack."""
    used = [views()[name] for name in one.views()]
    needed = {stream for view in used for stream in (*view.requires, *view.requires_any)}
    read = needed | {stream for view in used for stream in view.uses} | one.streams()
    times = [copied.read_at[name] for name in read if name in copied.read_at]
    return {
        "title": one.title,
        "reading": one.reading,
        "unit": one.unit,
        "query": one.query,
        "at": min(times) if times else None,
        "lacks": sorted(set(one.uses) - set(copied.streams)),
    }


def _absent(one: Tile | Chart, copied: Copied) -> tuple[list[str], list[str]]:
    """The streams that the file would have to have too, and those of which it needs one."""
    there = set(copied.streams)
    asked = [views()[name] for name in one.views()]
    needed = {name for view in asked for name in view.requires} | one.streams()
    choices = [set(one.needs), *(set(view.requires_any) for view in asked)]
    one_of = set().union(*(choice for choice in choices if not choice & there))
    if len(one_of) == 1:
        needed, one_of = needed | one_of, set()
    return sorted(needed - there), sorted(one_of)


def _groups(copied: Copied, refused: Mapping[str, str]) -> tuple[list[str], int]:
    """The paths of the groups that can be chosen, and how many more there are."""
    if "project_groups" in refused or views()["project_groups"].lacks(copied.streams):
        return [], 0
    rows = copied.ask(
        f"SELECT group_path FROM {SCHEMA}.project_groups WHERE group_path IS NOT NULL "  # noqa: S608
        "GROUP BY group_path ORDER BY count(*) DESC, group_path"
    )
    paths = [path for (path,) in rows]
    return sorted(paths[:MOST_GROUPS]), max(0, len(paths) - MOST_GROUPS)


def _until(charts: list[Chart], copied: Copied) -> str:
    """The first day of the month with which periods end: the last one in which something happened.

    Of a group that rests, the months until the copy was made would show nothing.
    """
    last = [
        copied.ask(f"SELECT max(month) FROM ({sql(chart.query, None, None)})")[0][0]  # noqa: S608
        for chart in charts
        if chart.is_by_month
    ]
    made = date.fromisoformat(copied.at[:10]).replace(day=1)
    return min(max((month for month in last if month is not None), default=made), made).isoformat()


def _since(until: str, months: int) -> str:
    """The first day of a period that ends with a month."""
    day = date.fromisoformat(until)
    for _ in range(months - 1):
        day = day.replace(day=1) - timedelta(days=1)
    return day.replace(day=1).isoformat()


def _scopes(groups: list[str]) -> Iterable[tuple[int, str | None]]:
    """All groups as -1, and each by its place in the list."""
    return [(-1, None), *enumerate(groups)]


def _numbers_of(
    tile: Tile, copied: Copied, groups: list[str], since: Mapping[int, str]
) -> list[list[Any]]:
    """Rows of group, months and number."""
    return [
        [number, months, _plain(copied.ask(sql(tile.query, path, day))[0][0])]
        for number, path in _scopes(groups)
        for months, day in since.items()
    ]


def _rows_of(
    chart: Chart, copied: Copied, groups: list[str], since: Mapping[int, str]
) -> list[list[Any]]:
    """Rows of group, months (0 for any), and what the query gives."""
    if chart.is_by_month:
        spans: Mapping[int, str | None] = {0: since[max(since)]}
    else:
        spans = since if chart.when else {0: None}
    return [
        [number, months, *map(_plain, row)]
        for number, path in _scopes(groups)
        for months, day in spans.items()
        for row in copied.ask(sql(chart.query, path, day))
        if row[0] is not None
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (Decimal, float)):
        return round(float(value), 4)
    return value


def _library() -> str:
    try:
        folder = resources.files("xstatic.pkg.d3")
    except ModuleNotFoundError:
        command = install_command("report")
        message = f"The report needs a charting library. Install it with: {command}"
        raise UsageError(message) from None
    return (folder / "data" / "d3.js").read_text(encoding="utf-8")


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    """What a browser may do with the page: nothing but these scripts and this style."""
    allowed = " ".join(_digest(one) for one in scripts)
    return f"default-src 'none'; style-src {_digest(style)}; script-src {allowed}"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
