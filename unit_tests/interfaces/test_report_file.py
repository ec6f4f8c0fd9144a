"""Where a report may be written: over nothing but an earlier report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from source_gitlab import report_file
from source_gitlab.core.skip_log import SkipLog
from source_gitlab.report_file import NoPlaceError, check_place

YOURS = ["{}", "[]", '{"credentials": {}}', '{"streams": []}', "a: b", "{broken", "SQLite", "\x00"]


@pytest.mark.parametrize("content", YOURS)
def test_a_file_that_is_no_report_stays(tmp_path: Path, content: str) -> None:
    """A database, a configuration, a catalog, a state: whatever it is."""
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(NoPlaceError, match="is no report of source-gitlab"):
        check_place(path)
    assert path.read_text() == content


def test_files_of_the_same_command_are_none(tmp_path: Path) -> None:
    """By whatever name, and also those that are still to be made."""
    path = tmp_path / "gitlab.duckdb"
    link = tmp_path / "link"
    link.symlink_to(path)
    for name in (path, link, tmp_path / "x" / ".." / path.name):
        with pytest.raises(NoPlaceError, match="is the file that this command uses"):
            check_place(name, [None, path])


@pytest.mark.parametrize("name", ["no/where.json", ".", "x" * 300, "a\0b"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    """One sentence, before anything is read."""
    with pytest.raises(NoPlaceError) as caught:
        check_place(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_earlier_report_is_replaced(tmp_path: Path) -> None:
    """And a new or empty file, a pipe and a device are written to."""
    path = tmp_path / "report.json"
    check_place(path)
    path.touch()
    check_place(path)
    for _ in range(2):
        SkipLog().write(path)
        check_place(path)
    assert json.loads(path.read_text())["skipped"] == []
    report_file.write(path, {"status": "ok", "steps": [], "streams": {}})
    check_place(path)
    check_place(Path("/dev/null"))
    SkipLog().write(Path("/dev/null"))


def test_a_pipe_is_refused_and_none_is_waited_for(tmp_path: Path) -> None:
    """Opening a pipe for writing would wait until somebody reads it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(NoPlaceError, match="is a pipe or a socket; name a file"):
        check_place(path)
    with pytest.raises(OSError, match="No such device or address"):
        report_file.write(path, {})


def test_a_dash_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it stands for an output, so a file of that name is not what is meant."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoPlaceError, match="--report - names no file"):
        check_place(Path("-"))
    check_place(Path("./-.json"))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """To an earlier report, and to one that is to be made; not to what cannot be made."""
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "report.json", tmp_path / "link.json"
    link.symlink_to(target)
    for _ in range(2):
        check_place(link)
        SkipLog().write(link)
        assert link.is_symlink()
        assert json.loads(target.read_text())["skipped"] == []
        assert list(target.parent.iterdir()) == [target]
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.symlink_to(tmp_path / "no" / "report.json")
    with pytest.raises(NoPlaceError, match="is not there"):
        check_place(elsewhere)
