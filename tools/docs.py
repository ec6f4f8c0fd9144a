"""Write the pages of docs/, and of the dbt package, that follow from the declarations.

`python -m tools.docs` writes them; `--check` changes nothing, names the stale pages, and those of
areas that are gone, and exits 1.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.airbyte_page import airbyte_page
from tools.command_page import command_page
from tools.configuration_page import configuration_page
from tools.declarations_page import declarations_page, editor_schema
from tools.erd_page import erd_page
from tools.markdown import is_generated
from tools.peers_page import peer_pages
from tools.plugin_page import plugin_page
from tools.rights_page import deletions_page, rights_page
from tools.streams_pages import area_page, areas, streams_index
from tools.views_page import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent
AREA_PAGES = "docs/streams"

PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "docs/streams.md": streams_index,
    **{f"{AREA_PAGES}/{area}.md": partial(area_page, area) for area in areas()},
    "docs/erd.md": erd_page,
    "docs/airbyte.md": airbyte_page,
    "docs/configuration.md": configuration_page,
    "docs/command-line.md": command_page,
    "docs/declarations.md": declarations_page,
    "docs/rights.md": rights_page,
    "docs/deletions.md": deletions_page,
    "docs/tap-gitlab.yml": plugin_page,
    **peer_pages(),
    **pages(),
    "source_gitlab/streams/declared.schema.json": editor_schema,
}


def render(page: str) -> str:
    """The text that a page of `PAGES` should have."""
    return "\n".join(PAGES[page]()) + "\n"


def is_stale(page: str, root: Path = ROOT) -> bool:
    """Whether a page below `root` is missing or differs from what the declarations say."""
    path = root / page
    return not path.exists() or path.read_text(encoding="utf-8") != render(page)


def left_over(root: Path = ROOT) -> list[str]:
    """The generated pages below `root` of areas that are gone."""
    found = (path.relative_to(root).as_posix() for path in (root / AREA_PAGES).glob("*.md"))
    return sorted(
        page
        for page in found
        if page not in PAGES and is_generated((root / page).read_text(encoding="utf-8"))
    )


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write the pages below `root`, or with `--check` report stale ones; 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when stale")
    check = parser.parse_args(arguments).check
    stale = [page for page in PAGES if is_stale(page, root)]
    gone = left_over(root)
    for page in stale:
        if check:
            print(f"{page} is stale: run `make docs`", file=sys.stderr)
        else:
            (root / page).parent.mkdir(parents=True, exist_ok=True)
            (root / page).write_text(render(page), encoding="utf-8")
            print(f"wrote {page}")
    for page in gone:
        if check:
            print(f"{page} is of an area that is gone: run `make docs`", file=sys.stderr)
        else:
            (root / page).unlink()
            print(f"removed {page}")
    return 1 if check and (stale or gone) else 0


if __name__ == "__main__":
    sys.exit(main())
