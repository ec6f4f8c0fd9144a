"""Histories: a world that changes while syncs run, are killed and resumed; then a quiet sync.

A history is plain data, so hypothesis can draw it, repeat it and make it smaller. It says how the
world begins, what the connector is asked for, and of each sync when it is killed and what happens
before which of its requests: changes of the world, and faults. When everything is over, what a
destination holds that appends and dedupes by key must contain every row of the world, as it is;
what is promised within a day, or a week, only is compared after another sync, so much later.

Rows that were deleted in GitLab may stay in the destination: no list tells of them. Some columns
show other things than the row itself, which do not move it when they change (a project's path, a
milestone's title, …): they are not compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.clock import DAY, HOUR, SECOND, stamp
from integration_tests.gitlab.expected import expected_rows
from integration_tests.gitlab.faults import Fault
from integration_tests.gitlab.plain.expectation import may_leave
from integration_tests.gitlab.plain.resource import resources
from integration_tests.gitlab.world import OWNER
from integration_tests.support.history_changes import Changes
from integration_tests.support.history_model import Event, History, Sync
from integration_tests.support.history_reading import KilledError, Reading
from integration_tests.support.history_troubles import (
    TROUBLES,
    Trouble,
    children_hidden,
    headers_stripped,
    no_date,
)
from integration_tests.support.history_world import OWN, SITE, START, TOP, WEB, small_world
from integration_tests.support.inprocess import Wire, session
from source_gitlab.gitlab.errors import FatalError
from source_gitlab.gitlab.tuning import Tuning
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from integration_tests.support.history_reading import Face
    from integration_tests.support.inprocess import HttpAnswer
    from source_gitlab.streams import Stream


Row = dict[str, Any]
Key = tuple[Any, ...]

# Those that administrators alone may read are left out: nobody's role changes for them.
INCREMENTAL = tuple(
    name for name, stream in streams().items() if stream.incremental and stream.role != "admin"
)
# What of a declaration decides how a stream is read, by its value or because it is there.
_BY_VALUE = (
    *("kind", "walk", "paging", "containers", "moves_with", "less_below"),
    *("brings_every_parent", "may_be_hidden"),
)
_BY_BEING = (
    *("sweep", "recheck", "keeps", "span", "only", "probe", "parts", "requests", "item", "gives"),
    "moved_by",
)


def _way(name: str) -> tuple[object, ...]:
    """How a stream is read, and how its parents are."""
    stream = streams()[name]
    return (
        *(str(getattr(stream, one)) for one in _BY_VALUE),
        *(bool(getattr(stream, one)) for one in _BY_BEING),
        stream.refresh.signal if stream.refresh else None,
        _way(stream.parent) if stream.parent else None,
    )


# One incremental stream for each way in which some are read.
EACH_WAY = tuple({_way(name): name for name in reversed(INCREMENTAL)}.values())
# The column that holds the commit, of commits and of what is below them.
_COMMITS = {"commits": "id"} | {
    name: "commit_id" for name, stream in streams().items() if stream.parent == "commits"
}
# The column that holds the job: no pipeline that is listed tells of some jobs.
_OF_JOBS = {"jobs": "id", "job_artifacts": "job_id"}
SCOPES: tuple[dict[str, list[str]], ...] = (
    {"groups_list": ["top"]},
    {"groups_list": ["top", "open"]},
    {},
    {"projects_list": [str(WEB), str(SITE), str(OWN)]},
)
SIZES = (100, 2, 3, 5)
FAULTS = ("reset", "torn", "500", "503", "html", "empty", "not_json")

# Columns that show other things than the row itself; see the top of this module.
_OTHERS = frozenset(
    {"web_url", "references", "_links", "milestone", "milestones", "epic", "deployable", "commit"}
    | {"downstream_pipeline", "commit_path", "tag_path", "assets", "evidences", "detailed_status"}
    | {"blocking_merge_request", "source_merge_request_id"}
)


@dataclass
class Run:
    """A history as it happens, and what it comes to; `figures` counts everything.

    `face` makes what reads in a sync.
    """

    history: History
    figures: Counter[str] = field(default_factory=Counter)
    face: Callable[[Run, Sync], Face] = Reading

    def __post_init__(self) -> None:
        """Make the world."""
        history = self.history
        size = SIZES[history.size]
        self.emulator = small_world(Random(history.seed), size)
        self.wire = Wire(self.emulator)
        self.wire.before = self._before
        self.changes = Changes(
            self.emulator,
            strangers=size == max(SIZES),
            imports=history.imports,
            streams=history.streams,
        )
        self.settings: dict[str, Any] = {
            **SCOPES[history.scope],
            "include_archived": history.archived,
            "commit_refs": "all" if history.every_branch else "default",
            # With so many, a first read asks ahead for what it needs.
            "num_workers": 6 if history.parallel else 1,
        }
        # Windows, and new roots of their page numbers, which need some thousand rows otherwise.
        self.tuning = (
            Tuning(page_size=2, pages_worth_windows=2, window_pages=1, windows_from_root=3)
            if history.parallel
            else Tuning()
        )
        self.tables: dict[str, dict[Key, Row]] = defaultdict(dict)
        self.states: dict[str, Any] = {}
        self._waiting: list[Event] = []
        self._gap = 0
        self._hidden = False
        self._seconds = Random(history.seed)

    def problems(self) -> list[str]:
        """Live through the history; what the destination then lacks."""
        for sync in self.history.syncs:
            self._sync(sync)
        self._bring_back()
        names = self.history.streams
        found = self._compare([name for name in names if not _is_late(name)])
        self.emulator.world.clock.advance(25 * 3600 * SECOND)
        self.changes.late_jobs.clear()
        tables = {table for table, _ in self.changes.late_rows}
        self.changes.late_rows.clear()
        tables |= _OF_JOBS.keys()
        late = [
            name
            for name in names
            if _is_late(name) or {name, root_of(streams()[name]).name} & tables
        ]
        found += self._compare([name for name in late if not _takes_a_week(name)])
        self.emulator.world.clock.advance(7 * DAY)
        return found + self._compare([name for name in names if _takes_a_week(name)])

    def _before(self, _path: str, _query: str) -> None:
        """What happens ahead of a request."""
        self.figures["requests"] += 1
        self.emulator.world.clock.advance(self._seconds.randrange(3) * SECOND)
        self._gap += 1
        while self._waiting and self._gap >= self._waiting[0].gap:
            self._gap = 0
            self._happen(self._waiting.pop(0))

    def _happen(self, event: Event) -> None:
        if event.number >= 0:
            before = self.changes.done
            self.changes.apply(event.number, event.a, event.b)
            self.figures["changes"] += self.changes.done - before
            return
        self.figures["faults"] += 1
        if event.number < -1:
            kind = TROUBLES[-event.number - 2]
            # Without headers a page is known to be full by what was asked for, which is what GitLab
            # gives at most. A world that cuts it further is none that lets them be stripped.
            if kind is headers_stripped and SIZES[self.history.size] != max(SIZES):
                return
            # The day is that of the machine then, which is in another year than this GitLab.
            if kind is no_date and any(map(_tells_day, self.history.streams)):
                return
            # What is hidden from several reads is taken for gone.
            if kind is children_hidden and self._hidden:
                return
            self._hidden = self._hidden or kind is children_hidden
            self.wire.tamper = Trouble(kind, event.a, event.b)
            return
        fault = FAULTS[event.b % len(FAULTS)]
        strikes = 1 + event.a % 4
        if fault in {"reset", "torn"}:
            self.wire.broken, self.wire.torn = strikes, fault == "torn"
        else:
            status = int(fault) if fault.isdigit() else 500
            fault = "status" if fault.isdigit() else fault
            rules = self.emulator.faults.rules
            rules.append(Fault(fault, status=status, times=strikes))

    def _sync(self, sync: Sync) -> None:
        self.figures["syncs"] += 1
        self._waiting, self._gap = list(sync.events), 0
        if sync.level:
            self.changes.role(sync.level)
        reading = self.face(self, sync)
        try:
            settings = dict(self.settings)
            if sync.other_scope:
                settings = {"groups_list": [], "projects_list": []} | settings
                settings |= SCOPES[sync.other_scope - 1]
            if sync.start_days:
                settings["start_date"] = stamp(START - sync.start_days * DAY)
            with session(
                self.wire, tuning=self.tuning, raw_rows=reading.raw_rows, **settings
            ) as opened:
                reading.read(opened, self.history.streams)
        except KilledError:
            self.figures["kills"] += 1
        except FatalError:
            self.figures["failed syncs"] += 1
        self.emulator.faults.rules.clear()
        self.wire.broken = 0
        self.wire.tamper = _untouched
        for event in self._waiting:
            if event.number >= 0:
                self._happen(event)
        self._waiting = []
        self.changes.pause()
        self.emulator.world.clock.advance(sync.pause * SECOND)

    def _bring_back(self) -> None:
        """Let everything that was named be there, and seen."""
        if any(sync.level for sync in self.history.syncs):
            self.changes.role(OWNER)
        for project_id in map(int, self.settings.get("projects_list", [])):
            self.changes.do("show_project", id=project_id)
            if project_id != OWN:
                self.changes.do("move_project", id=project_id, group_id=TOP)

    def _compare(self, names: Sequence[str]) -> list[str]:
        """Read these streams once more, when nothing changes; what the destination then lacks."""
        if not names:
            return []
        # Some rows are those of the day of the read, which takes a while.
        clock = self.emulator.world.clock
        left = DAY - clock.now() % DAY
        clock.advance(left if left < HOUR else 0)
        reading = self.face(self, Sync((), 0, lossy=False, choices=1, pause=0))
        with session(self.wire, tuning=self.tuning, **self.settings) as opened:
            reading.read(opened, names)
            failed = [f"the quiet sync failed: {entry.message}" for entry in opened.report.failed]
        return failed + self._missing(names)

    def expected(self, names: Iterable[str]) -> dict[str, list[dict[str, Row]]]:
        """The rows of these streams that GitLab has now, of what is chosen, each with its place."""
        params = {"streams": ",".join(names)}
        params["groups"] = ",".join(self.settings.get("groups_list", []))
        params["projects"] = ",".join(self.settings.get("projects_list", []))
        if not self.history.archived:
            params["archived"] = "false"
        return expected_rows(self.emulator, params)

    def _missing(self, names: Sequence[str]) -> list[str]:
        found = []
        world = self.expected([*names, "projects"])
        inside = {entry["row"]["id"] for entry in world.pop("projects")}
        for name, entries in world.items():
            for entry in entries:
                row = {**entry["row"], **entry["parent"]}
                commit = row.get(_COMMITS.get(name, ""))
                if commit is not None and not self._is_followed(row["project_id"], commit):
                    continue
                if name in _OF_JOBS and row[_OF_JOBS[name]] in self.changes.late_jobs:
                    continue
                if self.changes.late_rows & set(_owners(name, row)):
                    continue
                # An issue moves its epic only if it is in scope, and tells nothing of its return.
                if (
                    name == "epic_issues"
                    and row["project_id"] not in inside - self.changes.lost_once
                ):
                    continue
                self.figures["rows compared"] += 1
                self.figures[compared(name)] += 1
                found += lacking(name, self.tables[name], entry)
        self.figures["rows lost"] += len(found)
        return found

    def _is_followed(self, project_id: int, commit: str) -> bool:
        if self.history.every_branch:
            return True
        repository = self.emulator.world.repository(project_id)
        head = repository.branches.get(repository.default_branch)
        return head is not None and commit in repository.reachable([head.sha])


def _untouched(_path: str, _query: str, answer: HttpAnswer) -> HttpAnswer:
    """An answer as GitLab gave it."""
    return answer


def compared(name: str) -> str:
    """What the rows of a stream that were compared are counted under."""
    return f"rows of {name}"


def _owners(name: str, row: Row) -> Iterator[tuple[str, Any]]:
    """The row itself, and what it stands below, by table and id."""
    yield name, row.get("id")
    root = root_of(streams()[name]).name
    yield root, row.get(f"{root.removesuffix('s')}_id")


def _is_late(name: str) -> bool:
    """Whether some changes are certain to be seen after a day only.

    Each release touches its project, so nothing of releases has to wait. Some events are no
    activity of their project.
    """
    refresh = streams()[name].refresh
    is_late = refresh is not None and refresh.signal != "touch"
    is_late = is_late or root_of(streams()[name]).moves_with == "activity"
    return is_late or _takes_a_week(name)


def _tells_day(name: str) -> bool:
    """Whether rows have the day on which they were read."""
    return "slice.read_on" in streams()[name].add.values()


def comes_again(stream: Stream) -> bool:
    """Whether some rows are read again though nothing has changed."""
    return any((stream.recheck, stream.sweep, stream.span, stream.less_below, stream.keeps))


def _takes_a_week(name: str) -> bool:
    """Whether some changes are certain to be seen after a week only."""
    stream = streams()[name]
    return stream.sweep or (stream.refresh is not None and stream.refresh.signal == "weekly")


def lacking(name: str, held: dict[Key, Row], entry: dict[str, Row]) -> list[str]:
    """What a destination's table lacks of one expected row of the world."""
    open_ = may_leave(name, entry["row"])
    row = {**entry["row"], **open_, **entry["parent"]}
    key = tuple(row[column] for column in streams()[name].key)
    if key not in held:
        return [f"{name} {key} is missing"]
    if name in resources() and resources()[name].shows_others:
        return []
    return [
        f"{name} {key} has {column} {_own(held[key].get(column))!r}, not {value!r}"
        for column, value in _own(open_).items()
        if _own(held[key].get(column)) != value
    ]


def _own(value: Any) -> Any:
    """A row without what it shows of other things."""
    if isinstance(value, dict):
        return {name: _own(inner) for name, inner in value.items() if name not in _OTHERS}
    return value
