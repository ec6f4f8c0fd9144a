"""The generated pages say what the declarations say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from source_gitlab.streams import streams
from tools import docs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", docs.PAGES)
def test_page_is_fresh(page: str) -> None:
    """A page that differs from the declarations was edited by hand, or not written again."""
    assert not docs.is_stale(page), f"{page} is stale: run `make docs`"


def test_check_names_what_is_stale_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` is what a commit hook runs: it must fail without mending."""
    assert docs.main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err
    assert all(page in said for page in docs.PAGES)
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "docs").mkdir()
    assert docs.main([], tmp_path) == 0
    assert docs.main(["--check"], tmp_path) == 0
    first_lines = {path.read_text().splitlines()[0] for path in tmp_path.rglob("*.md")}
    assert all("Generated" in line for line in first_lines)


def test_every_stream_has_a_row_and_a_section() -> None:
    """Nothing declared is left out of the page."""
    page = docs.render("docs/streams.md")
    missing = [
        name
        for name in streams()
        if f"| [{name}](#{name}) " not in page or f"\n## {name}\n" not in page
    ]
    assert not missing


def test_a_comment_in_the_declarations_is_a_remark_of_its_stream() -> None:
    """Comments of several lines stay one sentence; the head of the file belongs to no stream."""
    text = (
        "# head\n\na:\n  # One\n  # remark.\n  key: [id]\n  # Another.\n  path: x\nb:\n  key: 1\n"
    )
    assert docs.remarks(text) == {"a": ["One remark.", "Another."]}
