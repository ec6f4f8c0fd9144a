"""The generated pages say what the declarations say, and links between pages lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from source_gitlab.streams import streams
from source_gitlab.streams.in_words.costs import cost
from source_gitlab.streams.in_words.remarks import remarks, row_and_rest
from tools import docs

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = sorted([docs.ROOT / "README.md", *(docs.ROOT / "docs").rglob("*.md")])
# https://docs.github.com/en/get-started/writing-on-github (headings become anchors)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", docs.PAGES)
def test_page_is_fresh(page: str) -> None:
    """A page that differs from the declarations was edited by hand, or not written again."""
    assert not docs.is_stale(page), f"{page} is stale: run `make docs`"


def test_no_page_of_an_area_is_left_over() -> None:
    """A page that nothing writes any more would stay as it was for ever."""
    assert docs.left_over() == []


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


def test_the_page_of_an_area_that_is_gone_is_named_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What somebody wrote by hand beside the pages stays."""
    docs.main([], tmp_path)
    folder = tmp_path / docs.AREA_PAGES
    (folder / "gone.md").write_text((folder / "code.md").read_text(encoding="utf-8"))
    (folder / "by_hand.md").write_text("# By hand\n")
    assert docs.main(["--check"], tmp_path) == 1
    assert "gone.md" in capsys.readouterr().err
    assert docs.main([], tmp_path) == 0
    assert not (folder / "gone.md").exists()
    assert (folder / "by_hand.md").exists()
    assert docs.main(["--check"], tmp_path) == 0


def test_every_stream_has_a_row_and_a_section_with_its_columns() -> None:
    """Nothing declared is left out of the index and of the page of its area."""
    index = docs.render("docs/streams.md")
    for name, stream in streams().items():
        page = docs.render(f"docs/streams/{stream.area}.md")
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        link = f'<a id="{name}"></a>[{name}](streams/{stream.area}.md#{name})'
        assert f"| {link} |" in index
        assert set(re.findall(r"(?m)^\| `(\w+)`", section)) == stream.columns.keys(), name
        assert section.strip().startswith("A row is "), name
        hidden = section.partition("**Never leaves**")[2].partition("\n")[0]
        assert all(f"`{one}`" in hidden for one in (*stream.drop, *stream.redact)), name


def test_costs_follow_from_the_declaration() -> None:
    """Whoever chooses streams by what they cost goes by these words."""
    said = {
        "issues": "a request per chosen group or project",
        "issue_notes": "a request per issue that changed",
        "issue_award_emoji": "a request per issue that changed; weekly per issue",
        "pipeline_trigger_jobs": "a request per pipeline that changed and has some, and few to find"
        " out which",
        "release_links": "the requests of `releases`, once more",
        "project_variables": "a request per project, weekly",
        "group_members": "a request per group, daily",
        "instance_hooks": "a request, daily",
        "timelogs": "a request per chosen group or project and hundred rows",
    }
    assert {name: cost(streams()[name]) for name in said} == said


def anchors(path: Path) -> set[str]:
    """Where links into a page may lead: its headings, as GitHub names them, and its anchors."""
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    found = set(re.findall(r'<a id="([^"]+)">', text))
    for heading in re.findall(r"(?m)^#+ (.+)$", text):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        numbered = (words, *(f"{words}-{number}" for number in range(1, 1000)))
        found.add(next(one for one in numbered if one not in found))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a page or a section that was moved is noticed by nobody who writes."""
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    broken = set()
    for file, anchor in set(_LINK.findall(text)):
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.add(f"{file}#{anchor}" if anchor else file)
    assert not broken


def test_diagrams_are_small_enough_for_github() -> None:
    """Mermaid draws no diagram of more than 500 edges or 50,000 characters."""
    diagrams = re.findall(r"(?s)```mermaid\n(.*?)```", docs.render("docs/erd.md"))
    assert len(diagrams) == len({one.area for one in streams().values()})
    assert max(len(one.splitlines()) for one in diagrams) <= 500
    assert max(map(len, diagrams)) <= 50_000


def test_a_comment_in_the_declarations_is_a_remark_of_its_stream() -> None:
    """Comments of several lines stay one sentence; the head of the file belongs to no stream."""
    text = (
        "# head\n\na:\n  # One\n  # remark.\n  key: [id]\n  # Another.\n  path: x\nb:\n  key: 1\n"
    )
    assert remarks(text) == {"a": ["One remark.", "Another."]}


def test_a_first_sentence_may_say_what_a_row_is() -> None:
    """Where no sentence does, name and kind say it."""
    said = remarks("# A row is a file.\n# It is old.\na: {}\n# A row has no id.\nb: {}\n")
    assert row_and_rest(said["a"]) == ("a file", ["It is old."])
    assert row_and_rest(said["b"]) == (None, ["A row has no id."])
