"""Rows of a world of any size: numbers in memory, JSON cut from templates.

The template of a row is the JSON that the ordinary presenter makes of a stand-in row, with slots
where the stand-in's values were: every column is there, and a row of 4 KB costs a microsecond and
no memory.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from integration_tests.gitlab.clock import MINUTE, SECOND, moment, stamp
from integration_tests.gitlab.present.ci import deployment, job, pipeline
from integration_tests.gitlab.present.code import merge_request
from integration_tests.gitlab.present.planning import issue
from integration_tests.gitlab.repository import Commit, Repository, make_sha
from integration_tests.gitlab.rows import Row
from integration_tests.gitlab.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from integration_tests.gitlab.rows import Facts, Json, Table
    from integration_tests.gitlab.settings import Settings

STAND_IN_ID, STAND_IN_IID = 910_000_000_000_000_001, 910_000_000_000_000_002
STAND_IN_PIPELINE, STAND_IN_PIPELINE_IID = 910_000_000_000_000_003, 910_000_000_000_000_004
STAND_IN_CREATED, STAND_IN_UPDATED = moment("3001-01-01"), moment("3001-01-01T00:01:00Z")
STAND_IN_PIPELINE_CREATED = moment("3001-01-01T00:02:00Z")
STAND_IN_PIPELINE_UPDATED = moment("3001-01-01T00:03:00Z")
STAND_IN_SHA = "feedface" * 5

SLOTS = (
    str(STAND_IN_ID),
    str(STAND_IN_IID),
    stamp(STAND_IN_CREATED),
    stamp(STAND_IN_UPDATED),
    STAND_IN_SHA,
    str(STAND_IN_PIPELINE),
    str(STAND_IN_PIPELINE_IID),
    stamp(STAND_IN_PIPELINE_CREATED),
    stamp(STAND_IN_PIPELINE_UPDATED),
)
_SLOT = re.compile("|".join(map(re.escape, SLOTS)).encode())
_POSITION = {text.encode(): number for number, text in enumerate(SLOTS)}

VARIANTS = 4


@dataclass(frozen=True)
class Size:
    """How large the world is; everything but groups and projects is counted by project."""

    projects: int = 10
    groups: int = 3
    issues: int = 100
    merge_requests: int = 20
    commits_per_mr: int = 2
    pipelines: int = 20
    jobs_per_pipeline: int = 3
    deployments: int = 5
    branches: int = 5
    tags: int = 3
    commits: int = 50
    issue_bytes: int = 0
    id_spread: int = 1


class Template:
    """JSON with slots."""

    def __init__(self, body: bytes) -> None:
        self._parts: list[bytes] = _SLOT.split(body)
        self._slots = [_POSITION[found] for found in _SLOT.findall(body)]

    def fill(self, values: tuple[bytes, ...]) -> bytes:
        """The JSON with these values in its slots."""
        out = [b""] * (len(self._parts) + len(self._slots))
        out[::2] = self._parts
        out[1::2] = [values[slot] for slot in self._slots]
        return b"".join(out)


class ScaledRow(Row):
    """A row that knows its kind and its numbers; ``parent`` is a job's pipeline."""

    __slots__ = ("kind", "parent", "values")

    def __init__(  # noqa: PLR0913, PLR0917 - a row is its columns
        self,
        kind: Kind,
        row_id: int,
        iid: int,
        project_id: int,
        created: int,
        updated: int,
        parent: int = 0,
    ) -> None:
        super().__init__(
            row_id,
            {},
            iid=iid,
            project_id=project_id,
            created=created,
            updated=updated,
        )
        self.kind = kind
        self.parent = parent
        self.values: tuple[bytes, ...] | None = None

    @property
    def facts(self) -> Facts:
        """Worked out when they are asked for, unless the row was changed."""
        return self.own_facts or self.kind.facts(self)

    def slots(self) -> tuple[bytes, ...]:
        """What stands in the slots of the template."""
        if self.values is None:
            self.values = (
                b"%d" % self.id,
                b"%d" % self.iid,
                stamp(self.created).encode(),
                stamp(self.updated or 0).encode(),
                self.kind.world.sha_of(self).encode() if self.kind.key == "merge_request" else b"",
            )
        if not self.parent:
            return self.values
        owner = self.kind.world.pipelines[self.parent]
        return self.values + owner.slots()[:4] if isinstance(owner, ScaledRow) else self.values

    def _presented(self) -> bool:
        """Whether the row, or the pipeline that it shows, differs from its template."""
        if self.own_facts or not self.parent:
            return bool(self.own_facts)
        return bool(self.kind.world.pipelines[self.parent].own_facts)

    def changed(self) -> None:
        """Forget what was worked out."""
        super().changed()
        self.values = None

    @property
    def pipeline_id(self) -> int:
        """The pipeline of a job."""
        return self.parent

    def commits(self, repository: Repository) -> list[Commit]:
        """The commits of a merge request, worked out as well."""
        if self.own_facts:
            return super().commits(repository)
        return self.kind.world.commits_of(self)

    def body(self, stamp: int, key: Hashable, make: Callable[[], Mapping[str, object]]) -> bytes:
        """The row's JSON: from the template in the form that lists have, else presented."""
        if key == self.kind.key and self.overrides is None and not self._presented():
            return self.kind.render(self, stamp)
        return orjson.dumps(self.overridden(make()))


@dataclass
class Kind:
    """What rows of one table have in common."""

    key: str
    world: ScaledWorld
    present: Callable[[World, Row], Json]
    facts: Callable[[Row], Facts]

    def __post_init__(self) -> None:
        self._templates: OrderedDict[tuple[int, int], Template] = OrderedDict()
        self._stamp = -1

    # All variants of ten thousand projects, so that a large world is as quick as a small one.
    MOST_TEMPLATES = 50_000

    def render(self, row: ScaledRow, shown: int) -> bytes:
        """The JSON of a row, cut from the template of its project."""
        if self._stamp != shown:
            self._templates.clear()
            self._stamp = shown
        key = (row.project_id or 0, row.id % VARIANTS)
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = self.template(*key)
            if len(self._templates) > self.MOST_TEMPLATES:
                self._templates.popitem(last=False)
        return template.fill(row.slots())

    def template(self, project_id: int, variant: int) -> Template:
        """Present a stand-in row and cut slots where its values are."""
        row = ScaledRow(
            self,
            STAND_IN_ID,
            STAND_IN_IID,
            project_id,
            STAND_IN_CREATED,
            STAND_IN_UPDATED,
            STAND_IN_PIPELINE,
        )
        row.own_facts = self.facts(row) | variant_facts(variant, self.key)
        return Template(orjson.dumps(self.present(self.world.stand_in(self, project_id), row)))


def variant_facts(number: int, key: str) -> Facts:
    """What differs between rows of a table: author, state, and so on, by the row's id."""
    variant = number % VARIANTS
    user_id = 1 + variant
    if key == "issue":
        return {
            "author_id": user_id,
            "assignee_ids": [1 + (variant + 1) % VARIANTS],
            "state": "closed" if variant == 0 else "opened",
            "labels": ["bug", "team::platform"][: variant % 3],
        }
    if key == "merge_request":
        return {"author_id": user_id, "state": ("merged", "opened", "closed", "opened")[variant]}
    if key == "pipeline":
        return {"status": ("success", "failed", "success", "canceled")[variant]}
    if key == "job":
        return {"status": ("success", "failed", "success", "success")[variant], "user_id": user_id}
    return {"status": "success", "user_id": user_id}


class ScaledWorld(World):
    """A world whose large tables hold :class:`ScaledRow`."""

    def __init__(self, size: Size, settings: Settings | None = None) -> None:
        if settings is None:
            super().__init__()
        else:
            super().__init__(settings)
        self.size = size
        self.text = ""
        """The description of every issue and merge request."""
        self.kinds = {
            "issues": Kind("issue", self, issue, self._issue_facts),
            "merge_requests": Kind("merge_request", self, merge_request, self._request_facts),
            "pipelines": Kind("pipeline", self, pipeline, self._pipeline_facts),
            "jobs": Kind("job", self, job, self._job_facts),
            "deployments": Kind("deployment", self, deployment, self._deployment_facts),
        }

    def stand_in(self, kind: Kind, project_id: int) -> World:
        """This world, with a stand-in for the pipeline that a stand-in job runs in."""
        if kind.key != "job":
            return self
        table: Table = type(self.pipelines)("pipelines")
        table.add(
            ScaledRow(
                self.kinds["pipelines"],
                STAND_IN_PIPELINE,
                STAND_IN_PIPELINE_IID,
                project_id,
                STAND_IN_PIPELINE_CREATED,
                STAND_IN_PIPELINE_UPDATED,
            )
        )
        world = World(
            self.settings,
            self.clock,
            self.repositories,
            users=self.users,
            groups=self.groups,
            projects=self.projects,
        )
        world.pipelines = table
        return world

    def _head(self, row: Row) -> str:
        return self.repository(row.project_id or 0).branches["main"].sha

    def sha_of(self, row: Row) -> str:
        """The head of a merge request."""
        if row.id == STAND_IN_ID:
            return STAND_IN_SHA
        return make_sha("merge request", row.id, self.size.commits_per_mr - 1)

    def _issue_facts(self, row: Row) -> Facts:
        return {
            "title": f"Issue {row.iid}",
            "description": self.text,
            "closed": row.updated,
            **variant_facts(row.id, "issue"),
        }

    def _request_facts(self, row: Row) -> Facts:
        return {
            "title": f"Merge request {row.iid}",
            "description": self.text,
            "source_branch": f"topic-{row.iid}",
            "sha": self.sha_of(row),
            **variant_facts(row.id, "merge_request"),
        }

    def _pipeline_facts(self, row: Row) -> Facts:
        return {
            "sha": self._head(row),
            "ref": "main",
            "source": "push",
            "user_id": 1,
            "started": row.created,
            "finished": row.updated,
            "duration": 60,
            "queued_duration": 1,
            **variant_facts(row.id, "pipeline"),
        }

    def _job_facts(self, row: Row) -> Facts:
        return {
            "pipeline_id": row.pipeline_id,
            "name": "rspec",
            "stage": "test",
            "started": row.created,
            "finished": row.updated,
            "tag_list": ["docker"],
            "retried": False,
            **variant_facts(row.id, "job"),
        }

    def _deployment_facts(self, row: Row) -> Facts:
        return {
            "ref": "main",
            "sha": self._head(row),
            "job_id": None,
            "environment_id": row.project_id,
            **variant_facts(row.id, "deployment"),
        }

    def commits_of(self, row: Row) -> list[Commit]:
        """The commits of a merge request, newest first."""
        parent, made = self._head(row), []
        for number in range(self.size.commits_per_mr):
            sha = make_sha("merge request", row.id, number)
            when = row.created - row.created % SECOND + number * MINUTE
            made.append(
                Commit(
                    sha,
                    (parent,),
                    when,
                    when,
                    f"Work {number} for !{row.iid}\n",
                    "User 1",
                    "user1@example.com",
                    "User 1",
                    "user1@example.com",
                    10,
                    3,
                )
            )
            parent = sha
        return made[::-1]
