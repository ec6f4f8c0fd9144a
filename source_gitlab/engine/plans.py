"""A read in parts: planned in one process, read in several, put together in the first.

Everything that travels is plain JSON: a plan, its slices, and results. No secret is in it. A plan
has the state of each stream as planning left it; a result has, of each slice, what reading it
changed. The states after a read are those of its plan with what the results changed, in whatever
order these come, and however often.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypedDict

import orjson

from source_gitlab.core.selection import NotFound
from source_gitlab.core.slices import SCOPE
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.errors import FatalError, GitlabError
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from source_gitlab.core.session import Session
    from source_gitlab.core.slices import Slice
    from source_gitlab.core.state import Progress
    from source_gitlab.streams import Stream

_VERSION: Final = 1
# Why a slice was not read, where nothing more is known.
NOT_READ: Final = "It was not read."
# So many parts for each of those that read them, so that none waits long for the last one.
_PARTS_EACH: Final = 8


class PlanError(ValueError):
    """What was given is no plan, or no result of this plan; the message says which."""


class PlannedSlice(TypedDict):
    """A slice, with the plan that it is of and its number there."""

    plan: str
    number: int
    slice: Slice


class SliceResult(TypedDict):
    """What became of a slice.

    `problem` is why it was not read to its end, None where it was. What GitLab refused counts as
    read, and is in the report. `progress` is for the state, in this order.
    """

    number: int
    stream: str
    problem: str | None
    progress: list[Progress]


class Result(TypedDict):
    """What came of some slices of a `plan`.

    `counts` are rows by stream; `rows` are those that no writer took. `report` is what was skipped
    or failed, as `SkipLog.to_json` has it. `ended` is why nothing more could be read, and
    `is_refused` tells that it is the token that was refused.
    """

    plan: str
    slices: list[SliceResult]
    counts: dict[str, int]
    rows: dict[str, list[dict[str, Any]]]
    report: dict[str, Any]
    ended: str | None
    is_refused: bool


@dataclass(frozen=True)
class Plan:
    """What to read of some streams.

    `states` are as planning left them, by stream: they cover no row of this read. `problems` are of
    streams that could not be planned to their end.
    """

    id: str
    slices: list[PlannedSlice] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON."""
        return {"version": _VERSION, **vars(self)}

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> Plan:
        """What `to_json` made.

        Raises:
            PlanError: it did not.
        """
        if not isinstance(raw, dict) or raw.get("version") != _VERSION:
            message = "This is no plan of this version of the connector."
            raise PlanError(message)
        try:
            return cls(**{name: value for name, value in raw.items() if name != "version"})
        except TypeError as error:
            message = f"The plan cannot be read: {error}."
            raise PlanError(message) from error


def planned(session: Session, states: Mapping[str, StreamState]) -> Plan:
    """A plan of the streams that `states` names, from these states, which it changes.

    Raises:
        NotFound: nothing that was named resolves.
        StateError: a state is not one of its stream.
        FatalError: GitLab could not be asked.
    """
    session.begin()
    plan = Plan(uuid.uuid4().hex)

    def work(name: str) -> list[Slice]:
        found: list[Slice] = []
        try:
            found.extend(session.plan(streams()[name], states[name]))
        except FatalError:
            session.stop()
            raise
        except GitlabError as error:
            if not isinstance(error, NotFound):
                session.report.fail(name, SCOPE, error)
            plan.problems[name] = str(error)
        return found

    # Planning waits for GitLab, so several streams are planned at once.
    with ThreadPoolExecutor(max(1, session.config.num_workers // 2)) as threads:
        for found in list(threads.map(work, states)):
            first = len(plan.slices)
            plan.slices.extend(
                PlannedSlice(plan=plan.id, number=number, slice=slice_)
                for number, slice_ in enumerate(found, first)
            )
    plan.states.update({name: state.to_json() for name, state in states.items()})
    plan.report.update(session.report.to_json())
    return plan


def parts(
    slices: Sequence[PlannedSlice], readers: int, threads: int = 1
) -> list[list[PlannedSlice]]:
    """Slices in parts, some for each of so many that read them, in the order of the plan.

    Each of them reads as many slices of a part at once as it has `threads`, so a part has as many,
    where there are enough for all readers. Children are read together with what they are children
    of: its rows are then asked for once.
    """
    readers = max(1, readers)
    for_all_threads = min(threads, -(-len(slices) // readers))
    most = max(1, len(slices) // (readers * _PARTS_EACH), for_all_threads)
    found: list[list[PlannedSlice]] = []
    for family in _families(slices):
        if found and len(found[-1]) + len(family) <= most:
            found[-1].extend(family)
        else:
            found.append(list(family))
    return found


def parts_for(slices: Sequence[PlannedSlice], readers: int) -> list[list[PlannedSlice]]:
    """Slices in one part for each of so many that read them, or in fewer; none is empty."""
    found: list[list[PlannedSlice]] = [[] for _ in range(max(1, readers))]
    for family in sorted(_families(slices), key=len, reverse=True):
        min(found, key=len).extend(family)
    return [part for part in found if part]


def _families(slices: Sequence[PlannedSlice]) -> list[list[PlannedSlice]]:
    families: dict[tuple[str, str, int], list[PlannedSlice]] = {}
    for one in slices:
        slice_ = one["slice"]
        root = root_of(streams()[slice_["stream"]]).name
        families.setdefault((root, slice_["container"], slice_["id"]), []).append(one)
    return list(families.values())


def applied(plan: Plan, results: Iterable[Result]) -> dict[str, dict[str, Any]]:
    """The states, by stream, after these results of a plan, in any order.

    A result may be there twice, and so may a slice that was read twice. What was not read leaves
    the state where it was.

    Raises:
        PlanError: a result is of another plan, or the plan of another version of the connector.
        StateError: a state of the plan cannot be read.
    """
    lacking = plan.states.keys() - streams().keys()
    if lacking:
        message = f"This version has no stream {', '.join(sorted(lacking))}."
        raise PlanError(message)
    best: dict[int, SliceResult] = {}
    for result in results:
        if result["plan"] != plan.id:
            message = f"A result is of the plan {result['plan']}, not of {plan.id}."
            raise PlanError(message)
        for one in result["slices"]:
            known = best.get(one["number"])
            if known is None or _worth(one) > _worth(known):
                best[one["number"]] = one
    found = states_of({name: streams()[name] for name in plan.states}, plan.states)
    for number in sorted(best):
        for progress in best[number]["progress"]:
            found[best[number]["stream"]].apply(progress)
    return {name: state.to_json() for name, state in found.items()}


def unread(plan: Plan, results: Iterable[Result]) -> dict[int, str]:
    """Why slices of a plan were not read to their end, by their numbers, after these results."""
    left = {one["number"]: NOT_READ for one in plan.slices}
    done: set[int] = set()
    for result in results:
        for one in result["slices"]:
            if one["problem"] is None:
                done.add(one["number"])
            else:
                left[one["number"]] = one["problem"]
    return {number: problem for number, problem in left.items() if number not in done}


def reported(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of one read put together: each thing once, without how often it was met."""
    found: dict[str, Any] = {"ended": None, "selection": [], "skipped": [], "failed": []}
    for report in reports:
        found["ended"] = found["ended"] or report.get("ended")
        for kind in ("selection", "skipped", "failed"):
            for entry in report.get(kind, ()):
                plain = {name: value for name, value in entry.items() if name != "times"}
                if plain not in found[kind]:
                    found[kind].append(plain)
    return found


def states_of(chosen: Mapping[str, Stream], raw: Mapping[str, Any]) -> dict[str, StreamState]:
    """The states of streams, from their JSON; of those that have none, that nothing was read.

    Raises:
        StateError: one is not a state of its stream.
    """
    return {name: StreamState.load(raw.get(name), stream) for name, stream in chosen.items()}


def _worth(one: SliceResult) -> tuple[bool, int, bytes]:
    """Of several readings of a slice, the same one counts, whatever the order: the furthest."""
    progress = one["progress"]
    return (
        one["problem"] is None,
        len(progress),
        orjson.dumps(progress, option=orjson.OPT_SORT_KEYS),
    )
