"""Repositories, merge requests and releases of the default world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration_tests.gitlab.clock import DAY, HOUR, SECOND, moment
from integration_tests.gitlab.repository import Branch, Commit, Repository, Tag, make_sha
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from integration_tests.gitlab.world import World

EPOCH = moment("2024-01-01T00:00:00Z")

AUTHORS = (
    ("Ada Reader", "ada@example.com"),
    ("12345", "12345@example.com"),
    ("Grace Müller 😀", "grace@example.com"),
)

SIZES = {101: 24, 102: 12, 103: 6, 104: 3, 105: 4, 108: 5, 109: 2, 110: 3, 111: 2, 112: 2}
"""Commits on the default branch, by project."""


def new_commit(  # noqa: PLR0913 - a commit is its columns
    repository: Repository,
    parents: tuple[str, ...],
    message: str,
    committed: int,
    *,
    salt: object,
    author: int = 0,
    authored: int | None = None,
    offset: int = 0,
    sha: str | None = None,
) -> Commit:
    """Store a commit; unless told, its sha follows from its contents. Times are whole seconds."""
    committed -= committed % SECOND
    authored = committed if authored is None else authored - authored % SECOND
    name, email = AUTHORS[author % len(AUTHORS)]
    sha = sha or make_sha(salt, parents, message, committed)
    size = int(sha[:2], 16)
    return repository.add(
        Commit(
            sha=sha,
            parents=parents,
            authored=authored,
            committed=committed,
            message=message,
            author_name=name,
            author_email=email,
            committer_name=name,
            committer_email=email,
            additions=size,
            deletions=size // 3,
            offset=offset,
        )
    )


def _history(project_id: int, size: int) -> Repository:
    """A line of commits with side branches, some merged, one pushed late with old dates."""
    repository = Repository(default_branch="main")
    tip: str | None = None
    line: list[str] = []
    for number in range(size):
        parents = () if tip is None else (tip,)
        when = EPOCH + number * 2 * DAY + project_id * SECOND
        made = new_commit(
            repository,
            parents,
            f"Change {number}\n\nBody of change {number}.\n",
            when,
            salt=project_id,
            author=number,
            authored=when - HOUR,
            offset=480 if number % 4 == 1 else 0,
        )
        tip = made.sha
        line.append(made.sha)
        if number % 6 == 5:
            side = new_commit(
                repository,
                (line[number - 2],),
                f"Side {number}\n",
                when - 3 * DAY,
                salt=project_id,
                author=number + 1,
            )
            merge = new_commit(
                repository,
                (tip, side.sha),
                f"Merge branch 'side-{number}' into 'main'\n",
                when + HOUR,
                salt=project_id,
                author=number,
            )
            tip = merge.sha
            repository.branches[f"side-{number}"] = Branch(f"side-{number}", side.sha)
    repository.branches["main"] = Branch("main", tip or "", protected=True)
    _topics(repository, project_id, line)
    repository.changed()
    return repository


def _topics(repository: Repository, project_id: int, line: list[str]) -> None:
    base = line[len(line) // 2]
    for name in ("feature/login", "1.10", "1e5"):
        sha = base
        for number in range(2):
            when = repository.commits[base].committed + (number + 1) * 5 * HOUR
            sha = new_commit(
                repository,
                (sha,),
                f"{name} step {number}\n",
                when,
                salt=(project_id, name),
                author=number,
            ).sha
        repository.branches[name] = Branch(name, sha)
    late = new_commit(
        repository,
        (line[0],),
        "Written long ago, pushed late\n",
        EPOCH - 200 * DAY,
        salt=(project_id, "late"),
        author=2,
    )
    repository.branches["late"] = Branch("late", late.sha)
    for number, name in enumerate(("v1.0", "v1.1", "2.0")):
        sha = line[min(number, len(line) - 1)]
        created = repository.commits[sha].committed + HOUR if number != 1 else None
        message = f"Release {name}" if created else ""
        repository.tags[name] = Tag(name, sha, message, created, protected=number == 0)


def add_repositories(world: World) -> None:
    """A repository for each project that has one."""
    for project_id, size in SIZES.items():
        world.repositories[project_id] = _history(project_id, size)


def add_releases(world: World) -> None:
    """Releases; those of two projects have the same tag names."""
    number = 0
    for project_id in (101, 102, 108, 111):
        tags = world.repository(project_id).tags
        for name in list(tags)[:2]:
            number += 1
            created = world.repository(project_id).commits[tags[name].sha].committed + DAY
            milestones = [row.id for row in world.milestones.of_project(project_id)]
            facts = {
                "tag_name": name,
                "name": f"{world.project_path(project_id)} {name}",
                "description": f"What is new in {name}",
                "author_id": 1,
                "released": created + HOUR + number,
                "links": ["setup.msi"] if number % 2 else [],
                "milestone_ids": milestones if number % 2 else [],
                "evidence_sha": make_sha("evidence", project_id, name),
            }
            world.releases.add(
                Row(
                    600 + number,
                    facts,
                    project_id=project_id,
                    created=created,
                    updated=created + DAY + number,
                )
            )


MERGE_REQUESTS = {101: 23, 102: 8, 103: 3, 104: 2, 105: 1, 108: 2, 109: 1, 110: 1, 111: 1}


def add_merge_requests(world: World) -> None:
    """Merge requests, each with one to four commits of its own."""
    number = 0
    for project_id, count in MERGE_REQUESTS.items():
        repository = world.repository(project_id)
        base = repository.branches["main"].sha
        for iid in range(1, count + 1):
            number += 1
            created = EPOCH + number * 9 * HOUR + number * 777_123
            sha, shas = base, []
            for step in range(1 + number % 4):
                sha = new_commit(
                    repository,
                    (sha,),
                    f"Work {step} for !{iid}\n",
                    created + step * HOUR,
                    salt=(project_id, iid),
                    author=number,
                ).sha
                shas.append(sha)
            state = ("opened", "merged", "closed", "merged")[number % 4]
            facts = {
                "title": f"Merge request {number}",
                "description": None if number % 9 == 0 else f"Closes #{iid}",
                "state": state,
                "merged": created + (3 + 11 * number % 140) * HOUR if state == "merged" else None,
                "merged_by_id": 3 if state == "merged" else None,
                "merge_commit_sha": make_sha("merge", number) if state == "merged" else None,
                "closed": created + 2 * DAY if state == "closed" else None,
                "closed_by_id": 1 if state == "closed" else None,
                "author_id": (1, 2, 3, 5)[number % 4],
                "assignee_ids": [[], [2], [3, 1]][number % 3],
                "reviewer_ids": [[3], []][number % 2],
                "source_branch": f"topic-{iid}",
                "labels": ["bug"] if number % 2 else [],
                "milestone_id": 302 if project_id == 101 and number % 6 == 0 else None,
                "draft": number % 8 == 4,
                "sha": sha,
                "commit_shas": list(reversed(shas)),
                "user_notes_count": number % 3,
                "squash": number % 5 == 0,
            }
            world.merge_requests.add(
                Row(
                    7000 + number,
                    facts,
                    iid=iid,
                    project_id=project_id,
                    created=created,
                    updated=created + 3 * DAY + number * 333,
                )
            )
