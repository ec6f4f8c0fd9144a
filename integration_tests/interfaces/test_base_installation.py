"""The commands of the base installation, which has no CDK, against the emulated GitLab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.support.base_installation import run
from integration_tests.support.process import catalog, file
from integration_tests.support.process import run as run_whole
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


@pytest.fixture
def written(tmp_path: Path, config: dict[str, object]) -> Path:
    """A file with the configuration of the shared GitLab."""
    return file(tmp_path, "config.json", config)


def test_sync_fills_a_file(gitlab: Emulator, written: Path, tmp_path: Path) -> None:
    """And brings it up to date."""
    path = tmp_path / "gitlab.duckdb"
    for _ in range(2):
        done = run("sync", "--config", written, "--to", path)
        assert done.code == 0, done.stderr
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT id FROM issues ORDER BY id").fetchall()
    expected = gitlab.world(streams="issues", groups="acme,public-works")["issues"]
    assert [number for (number,) in found] == sorted(one["row"]["id"] for one in expected)


def test_check_and_token_answer(gitlab: Emulator) -> None:
    """With the token of the environment."""
    arguments = ("--url", gitlab.url)
    done = run("check", *arguments, "--group", "acme", GITLAB_TOKEN=gitlab.token)
    assert done.code == 0, done.stderr
    assert "a read can start" in done.stdout.lower()
    assert run("token", *arguments, GITLAB_TOKEN=gitlab.token).code == 0


@pytest.mark.parametrize("form", [("--config", "{}"), ("--config={}",)])
def test_spec_and_discover_are_what_they_are_with_the_cdk(
    written: Path, form: tuple[str, ...]
) -> None:
    """Both are the same for every GitLab, so nothing of the CDK's is needed."""
    given = [part.format(written) for part in form]
    for arguments in (["spec"], ["discover", *given]):
        done = run(*arguments)
        assert done.code == 0, done.stderr
        assert done.messages == run_whole(*arguments).messages


def test_check_and_read_are_what_they_are_with_the_cdk(written: Path, tmp_path: Path) -> None:
    """The commands write the protocol themselves."""
    chosen = file(tmp_path, "catalog.json", catalog("issues", "project_labels"))
    assert run("check", "--config", written).check["status"] == "SUCCEEDED"
    given = ("read", "--config", written, "--catalog", chosen)
    done, whole = run(*given), run_whole(*given)
    assert (done.code, done.stderr) == (0, "")
    assert done.statuses == dict.fromkeys(("issues", "project_labels"), "COMPLETE")
    assert len(done.of("RECORD")) == len(whole.of("RECORD")) > 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_check_with_a_configuration_answers_people(written: Path, form: str) -> None:
    """In the formats that are not Airbyte's."""
    done = run("check", "--config", written, "--format", form)
    assert (done.code, done.stderr) == (0, "")


def test_the_report_says_what_to_install(written: Path, tmp_path: Path) -> None:
    """The charting library comes with an extra; views need none."""
    path, page = tmp_path / "gitlab.duckdb", tmp_path / "report.html"
    assert run("sync", "--config", written, "--to", path, "--select", "issues").code == 0
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute(
            "SELECT count(*) > 0 FROM gitlab_views.issue_flow"
        ).fetchone() == (True,)
    done = run("report", path, "-o", page)
    assert (done.code, done.stdout) == (2, "")
    command = "pip install 'gitlab-warehouse[report]'"
    assert done.stderr == f"The report needs a charting library. Install it with: {command}\n"
    assert not page.exists()


def test_columns_that_are_the_last_are_empty(written: Path, tmp_path: Path) -> None:
    """GitLab's lists do not have them, and so no row has."""
    path = tmp_path / "gitlab.duckdb"
    names = ("issues", "merge_requests")
    assert run("sync", "--config", written, "--to", path, "--select", *names).code == 0
    with duckdb.connect(str(path), read_only=True) as connection:
        for name in names:
            empty = [one.name for one in streams()[name].columns.values() if not one.in_lists]
            assert empty
            counts = ", ".join(f'count("{one}")' for one in empty)
            query = f"SELECT count(*), {counts} FROM {name}"  # noqa: S608 -- names of ours
            (found,) = connection.execute(query).fetchall()
            assert found[0] > 0
            assert dict(zip(empty, found[1:], strict=True)) == dict.fromkeys(empty, 0)
