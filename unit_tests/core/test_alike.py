"""A thousand refusals that are alike are one sentence, and none is lost to programs."""

from __future__ import annotations

import pytest

from source_gitlab.core.alike import groups, places_of, sentence, shown
from source_gitlab.core.skip_log import Entry, SkipLog
from source_gitlab.core.slices import Place

ADDRESS = "https://gitlab.com/api/v4"


def refusal(stream: str, number: int, path: str | None, *, below: str = "hooks") -> Entry:
    """A list of a project that GitLab refused."""
    message = f"{ADDRESS}/projects/{number}/{below} may not be read (403 Forbidden)."
    where = f"project {path or f'(id {number})'}"
    return Entry(stream, where, "permission", message, "project", number, path)


def off(stream: str, feature: str, path: str) -> Entry:
    """A project whose feature is switched off."""
    message = f"The feature {feature} is switched off in {path}."
    return Entry(stream, f"project {path}", "feature", message, "project", len(path), path)


def told(*entries: Entry) -> list[str]:
    """The sentences, with the streams before them."""
    return [f"{', '.join(names)}: {sentence(found)}" for names, found in groups(entries)]


def test_one_line_a_reason_with_a_count_and_the_first_places() -> None:
    entries = [refusal("project_hooks", n, f"acme/p{n}") for n in range(1, 13)]
    (line,) = told(*entries)
    assert line == (
        "project_hooks: 12 projects: acme/p1, acme/p2, acme/p3 and 9 more."
        f" {ADDRESS}/projects/acme%2Fp1/hooks may not be read (403 Forbidden)."
    )


def test_streams_that_lack_the_same_places_share_a_line() -> None:
    """Whatever the order in which they were met."""
    jobs = [off("jobs", "builds", path) for path in ("acme/a", "acme/bb")]
    pipelines = [off("pipelines", "builds", path) for path in ("acme/bb", "acme/a")]
    issues = off("issues", "issues", "acme/a")
    assert told(*jobs, *pipelines, issues) == [
        "jobs, pipelines: The feature builds is switched off in 2 projects: acme/a, acme/bb.",
        "issues: The feature issues is switched off in acme/a.",
    ]


def test_different_reasons_stay_apart() -> None:
    other = Entry("jobs", "project acme/a", "gone", "It is gone.", "project", 1, "acme/a")
    assert len(told(refusal("jobs", 1, "acme/a"), refusal("jobs", 2, "acme/b"), other)) == 2


def test_many_rows_of_one_place() -> None:
    entries = [refusal("notes", 7, "acme/a", below=f"issues/{n}/notes") for n in range(1200)]
    assert places_of(entries) == "project acme/a, 1,200 times"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/projects/1/hooks is refused.", "/projects/acme%2Fa/hooks is refused."),
        ("/projects/12/hooks is refused.", "/projects/12/hooks is refused."),
        ("/groups/1/hooks is refused.", "/groups/1/hooks is refused."),
        ("/projects/1 is refused.", "/projects/acme%2Fa is refused."),
    ],
)
def test_an_address_has_the_path_of_its_project(message: str, expected: str) -> None:
    """An id tells nobody which project it is."""
    entry = Entry("x", "project acme/a", "permission", message, "project", 1, "acme/a")
    assert shown(entry) == expected


def test_what_failed_keeps_its_address() -> None:
    """It is looked up in GitLab's logs."""
    entry = Entry("x", "project acme/a", "failed", "/projects/1: HTTP 502.", "project", 1, "acme/a")
    assert shown(entry) == entry.message


def test_without_a_path_the_id_stays() -> None:
    entries = [refusal("hooks", n, None) for n in (1, 2)]
    (line,) = told(*entries)
    assert line == (
        "hooks: 2 projects: project (id 1), project (id 2)."
        f" {ADDRESS}/projects/1/hooks may not be read (403 Forbidden)."
    )


def test_a_report_says_once_what_is_alike_and_keeps_each() -> None:
    """What a read says while it goes on is the first of its kind; programs get all."""
    report = SkipLog(lambda place: f"acme/p{place.id}")
    said = [
        report.skip("hooks", Place("project", n), "permission", f"/projects/{n}/hooks: no.")
        for n in range(1000)
    ]
    assert said == [True, *[False] * 999]
    assert report.skip("hooks", Place("project", 1), "scope", "/projects/1/hooks: no.")
    assert report.skip("hooks", Place("project", 2), "permission", "Something else.")
    found = report.to_json()["skipped"]
    assert [one["id"] for one in found] == [*range(1000), 1]
    assert found[2]["times"] == 2
    assert found[5]["message"] == "/projects/5/hooks: no."
