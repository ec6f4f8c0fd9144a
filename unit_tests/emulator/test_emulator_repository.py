"""The emulator's repositories: refs, commits and what a forced push leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.support.emulated_lists import API, WEB, walk

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator


def test_two_projects_have_refs_of_equal_names_and_different_content(gitlab: Emulator) -> None:
    for path, column in (
        ("repository/branches", "name"),
        ("repository/tags", "name"),
        ("releases", "tag_name"),
    ):
        one, other = (
            {row[column]: row["commit"]["id"] for row in walk(gitlab, f"projects/{project}/{path}")}
            for project in (WEB, API)
        )
        shared = set(one) & set(other)
        assert shared
        assert all(one[name] != other[name] for name in shared)


def test_commits_follow_the_graph(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/repository/commits"
    old = gitlab.get(path, per_page=1).json()[0]["id"]
    pushed = gitlab.mutate("push_commits", project_id=WEB, count=3)
    rows = walk(gitlab, path, ref_name=f"{old}..main")
    assert [row["id"] for row in rows] == pushed[::-1]
    side = gitlab.mutate(
        "push_commits",
        project_id=WEB,
        branch="side",
        start=old,
        committed_at="2020-01-01",
    )
    assert [row["id"] for row in walk(gitlab, path, ref_name="main..side")] == side
    assert walk(gitlab, path, ref_name=side[0][:10])[0]["id"] == side[0]
    assert side[0] in {row["id"] for row in walk(gitlab, path, all=True)}
    assert side[0] not in {row["id"] for row in walk(gitlab, path)}
    rows = walk(gitlab, path, ref_name="v1.0", with_stats=True)
    assert (
        rows[0]["stats"]["total"] == rows[0]["stats"]["additions"] + rows[0]["stats"]["deletions"]
    )
    assert gitlab.get(path, ref_name="nowhere").status_code == 404
    gitlab.settings(unknown_ref="400")
    assert gitlab.get(path, ref_name="nowhere").status_code == 400


def test_commits_are_named_as_in_git(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/repository/commits"

    def named(revision: str) -> str | int:
        answer = gitlab.get(path, ref_name=revision, per_page=1)
        return str(answer.json()[0]["id"]) if answer.status_code == 200 else answer.status_code

    old = "5eed" + gitlab.get(path, per_page=1).json()[0]["id"][4:]
    gitlab.mutate("push_commits", project_id=WEB, sha=old)
    pushed = gitlab.mutate("push_commits", project_id=WEB, count=2)
    assert {named(old[:digits]) for digits in (12, 40)} == {old}
    assert named(f"v1.0-7-g{old[:12]}") == old
    assert named(old[:3]) == 404
    for start in (old[:12], f"head-0-g{old[:12]}"):
        rows = walk(gitlab, path, ref_name=f"{start}..{pushed[1]}")
        assert [row["id"] for row in rows] == pushed[::-1]

    gitlab.mutate("create_tag", project_id=WEB, tag=old[:12])
    assert named(old[:12]) == pushed[1], "a ref goes before an abbreviation"
    assert named(f"head-0-g{old[:12]}") == old
    gitlab.mutate("create_branch", project_id=WEB, branch=old)
    assert named(old) == old, "a whole id goes before a ref"

    twin = old[:12] + "0" * 28
    gitlab.mutate("push_commits", project_id=WEB, branch="twin", sha=twin)
    assert named(f"head-0-g{old[:12]}") == 404
    assert gitlab.get(path, ref_name=f"head-0-g{old[:12]}..{pushed[1]}").status_code == 404
    assert named(old) == old
    assert named(twin[:14]) == twin


def test_a_date_never_finds_what_lies_behind_an_old_commit(gitlab: Emulator) -> None:
    path = f"projects/{WEB}/repository/commits"
    gitlab.mutate("push_commits", project_id=WEB, branch="x", committed_at="2025-06-01T00:00:00Z")
    gitlab.mutate("push_commits", project_id=WEB, branch="x", committed_at="2010-01-01T00:00:00Z")
    assert walk(gitlab, path, ref_name="x", since="2025-06-01T00:00:00Z") == []
    late = gitlab.mutate(
        "push_commits",
        project_id=WEB,
        branch="x",
        committed_at="2025-07-01T00:00:00Z",
    )
    rows = walk(gitlab, path, ref_name="x", since="2025-07-01T00:00:00Z")
    assert [row["id"] for row in rows] == late, "since is inclusive"


def test_a_forced_push_keeps_the_old_commits_until_garbage_is_collected(
    gitlab: Emulator,
) -> None:
    path = f"projects/{API}/repository/commits"
    gitlab.mutate("push_commits", project_id=API, branch="x", count=2)
    old = gitlab.get(path, ref_name="x", per_page=1).json()[0]["id"]
    made = gitlab.mutate("force_push", project_id=API, branch="x", back=1, count=2)
    rows = walk(gitlab, path, ref_name=f"{old}..x")
    assert [row["id"] for row in rows] == made[::-1]
    assert gitlab.mutate("collect_garbage", project_id=API)["commits"] > 0
    assert gitlab.get(path, ref_name=f"{old}..x").status_code == 404
