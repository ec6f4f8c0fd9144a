"""The tests of the streams: one row of each list, tried where it is most likely to be had.

There are more streams than a test may make requests. So one of each need is tried first, then one
of each family of lists, then all others; what was not tried is told by what was and needs the same.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from source_gitlab.core.inventory import Project
from source_gitlab.setup_check.budget import OutOfBudget, Unanswered
from source_gitlab.setup_check.hidden import HiddenRows
from source_gitlab.setup_check.needs import Needs, speaks_for
from source_gitlab.setup_check.probes import Place, Probes, Trial, level_of
from source_gitlab.setup_check.result import (
    EMPTY_SCOPE,
    FEATURE_OFF,
    NEEDS_ANOTHER_TOKEN,
    NEEDS_ROLE,
    NEEDS_SCOPE,
    NEEDS_TIER,
    NEEDS_TOKEN,
    NOT_PROBED,
    OK,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from concurrent.futures import Future

    from source_gitlab.core.prefetch import Prefetcher
    from source_gitlab.gitlab.pagination import Query, Row
    from source_gitlab.setup_check.budget import Budget
    from source_gitlab.setup_check.identity import Identity
    from source_gitlab.setup_check.selection import Found
    from source_gitlab.streams import Stream

_PLACES = 3  # groups or projects that one stream is tried on


class StreamTests:
    """Finds a verdict for every declared stream."""

    def __init__(  # noqa: PLR0913 -- what was found out before, and what to do with it
        self,
        budget: Budget,
        prefetcher: Prefetcher,
        found: Found,
        declared: Mapping[str, Stream],
        *,
        enterprise: bool | None,
        identity: Identity,
        inside: Query,
    ) -> None:
        """Try the streams on what was `found`; `identity` is that of the token.

        `inside` is the query of the projects of a group that are in scope.
        """
        self._budget = budget
        self._prefetcher = prefetcher
        self._found = found
        self._declared = declared
        self._enterprise = enterprise
        self._identity = identity
        self._probes = Probes(budget, identity)
        self._features = {int(row["id"]): Project.of(row) for row in found.projects}
        self._hidden = HiddenRows(budget, self._probes, identity, self._features.values(), inside)
        self._groups = [
            Place("group", int(row["id"]), str(row.get("full_path", row["id"])))
            for row in found.groups
        ]
        self._parents = {stream.parent for stream in declared.values() if stream.parent}
        self._verdicts: dict[str, Verdict] = {}
        self._tried: dict[str, Needs] = {}
        self._rows: dict[str, Row] = {}

    def verdicts(self) -> dict[str, Verdict]:
        """A verdict for each stream, in declared order.

        Raises:
            Unauthorized: the token was refused meanwhile.
        """
        for stream in self._declared.values():
            known = self._known(stream) if stream.kind != "child" else None
            if known is not None:
                self._verdicts[stream.name] = known
        self._probe()
        return {name: self._verdict(stream) for name, stream in self._declared.items()}

    def tried(self) -> list[Verdict]:
        """What was found of the lists of groups and projects that were asked for themselves."""
        return [
            self._verdicts[name] for name in self._tried if self._declared[name].kind != "instance"
        ]

    def _verdict(self, stream: Stream) -> Verdict:
        if stream.name not in self._verdicts:
            self._verdicts[stream.name] = self._untried(stream)
        return self._verdicts[stream.name]

    def _probe(self) -> None:
        """Try streams, as many at once as there are workers, until all are tried or none may be."""
        running: dict[Future[Trial | None], Stream] = {}
        is_open = True
        try:
            while True:
                while is_open and len(running) < self._prefetcher.workers:
                    stream = self._next(running.values())
                    if stream is None:
                        break
                    running[self._prefetcher.submit(partial(self._try, stream))] = stream
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    stream, trial = running.pop(future), future.result()
                    if trial is None:
                        is_open = False
                    else:
                        self._note(stream, trial)
        finally:
            for future in running:
                future.cancel()

    def _note(self, stream: Stream, trial: Trial) -> None:
        self._verdicts[stream.name] = trial.verdict
        self._tried[stream.name] = self._needs(stream)
        if trial.row is not None:
            self._rows[stream.name] = trial.row

    def _next(self, running: Collection[Stream]) -> Stream | None:
        """What is tried next: a stream of a need, or else a family, of which none was; or any.

        The most common need comes first, and in it a parent, whose row the streams below it take.
        """
        names = {stream.name for stream in running}
        declared = self._declared.values()
        left = [one for one in declared if one.name not in names and self._can_be_tried(one)]
        if not left:
            return None
        seen = {*self._tried.values(), *map(self._needs, running)}
        broad = {needs.broad for needs in seen}
        needs = {stream.name: self._needs(stream) for stream in left}
        common = Counter(one.broad for one in needs.values())

        def rank(stream: Stream) -> tuple[bool, bool, int, bool]:
            mine = needs[stream.name]
            is_parent = stream.name in self._parents
            return mine.broad not in broad, mine not in seen, common[mine.broad], is_parent

        return max(left, key=rank)

    def _can_be_tried(self, stream: Stream) -> bool:
        if stream.name in self._verdicts or stream.walk == "derived":
            return False
        return stream.parent is None or stream.parent in self._rows

    def _needs(self, stream: Stream) -> Needs:
        in_group = stream.kind == "group" or self._reads_groups(stream)
        return Needs.of(stream, "group" if in_group else stream.kind)

    def _untried(self, stream: Stream) -> Verdict:
        """What is told of a stream for which no request was left, or no row to try it on."""
        if stream.parent is not None:
            above = self._verdict(self._declared[stream.parent])
            if above.verdict != OK:
                message = f"As {stream.parent}, which it is read through."
                return Verdict(above.verdict, message, above.tried_as)
            if stream.walk == "derived":
                message = f"It is inside the rows of {stream.parent}. {above.message}"
                return Verdict(OK, message, above.tried_as)
            if stream.parent in self._tried and stream.parent not in self._rows:
                message = f"{stream.parent} can be read, but had no row to try it on."
                return Verdict(NOT_PROBED, message)
        name = self._spokesman(stream)
        if name is not None:
            told = self._verdicts[name]
            message = f"Not tried; {name} was, which needs the same. {told.message}"
            return Verdict(told.verdict, message, name)
        return Verdict(NOT_PROBED, f"{self._budget.why} A read tells.")

    def _spokesman(self, stream: Stream) -> str | None:
        """The stream that was tried and tells most of one that was not."""
        if self._is_singly_allowed:
            return None
        needs = self._needs(stream)

        def rank(name: str) -> tuple[int, bool]:
            verdict = self._verdicts[name]
            return speaks_for(self._tried[name], verdict, needs), verdict.verdict == OK

        best = max(self._tried, key=rank, default=None)
        if best is not None and rank(best)[0]:
            return best
        above = self._declared.get(stream.parent or "")
        if above is not None and (above.tier, above.role) == (stream.tier, stream.role):
            return self._verdicts[above.name].tried_as or above.name
        return None

    @property
    def _is_singly_allowed(self) -> bool:
        """Whether GitLab allows each list by itself to such a token, whatever it takes.

        Jobs' tokens (https://docs.gitlab.com/ci/jobs/ci_job_token/), fine-grained ones
        (https://docs.gitlab.com/auth/tokens/fine_grained_access_tokens/), and no token at all.
        """
        return self._identity.kind in {"job", "none"} or self._identity.is_fine_grained

    def _known(self, stream: Stream) -> Verdict | None:
        """What can be told without asking."""
        if stream.kind == "inventory":
            return self._inventory(stream)
        if stream.tier != "free" and self._enterprise is False:
            message = "This GitLab is the Community Edition, which does not have it."
            return Verdict(f"{NEEDS_TIER} {stream.tier.capitalize()}", message)
        if any(self._places(stream)):
            return None
        if self._only_groups(stream) or not self._found.projects:
            what = "group" if self._only_groups(stream) else "project"
            what += " at the top" * stream.top_level
            return Verdict(EMPTY_SCOPE, f"There is no {what} in scope, so it has no rows.")
        return Verdict(FEATURE_OFF, f"{stream.feature} is switched off in {self._sample()}.")

    def _inventory(self, stream: Stream) -> Verdict:
        if stream.name == "groups":
            if not self._found.groups:
                return Verdict(EMPTY_SCOPE, "There is no group in scope, so it has no rows.")
            return Verdict(OK, f"Seen: {self._groups[0].path}.")
        if not self._found.projects:
            return Verdict(EMPTY_SCOPE, "There is no project in scope, so it has no rows.")
        first = self._features[int(self._found.projects[0]["id"])]
        return Verdict(OK, f"Seen: {first.path}.")

    @staticmethod
    def _only_groups(stream: Stream) -> bool:
        return stream.kind == "group" or stream.containers == ("group",)

    def _reads_groups(self, stream: Stream) -> bool:
        """Whether a read would take the stream from a group's list."""
        if not self._groups or stream.kind in {"project", "instance"}:
            return False
        return self._only_groups(stream) or self._found.whole

    def _places(self, stream: Stream) -> Iterator[Place]:
        """Where to try the stream, most promising first."""
        if stream.kind == "instance":
            yield Place("instance", 0, "this GitLab")
            return
        if self._reads_groups(stream):
            tops = (one for one in self._groups if not stream.top_level or "/" not in one.path)
            yield from islice(tops, _PLACES)
            return
        if self._only_groups(stream):
            return
        places = []
        for row in self._found.projects:
            project = self._features[int(row["id"])]
            if stream.feature is None or stream.feature not in project.off:
                empty = stream.feature == "repository" and bool(row.get("empty_repo"))
                place = Place("project", project.id, project.path, level_of(row))
                places.append((empty, project.archived, place))
        # A stable sort, so that among equals the project that was active last comes first.
        places.sort(key=lambda entry: entry[:2])
        yield from (place for _, _, place in places[:_PLACES])

    def _sample(self) -> str:
        paths = [self._features[int(row["id"])].path for row in self._found.projects]
        if len(paths) == 1:
            return paths[0]
        return f"each of the {len(paths)} projects looked at ({paths[0]}, …)"

    def _try(self, stream: Stream) -> Trial | None:
        """The best of what a stream brings at several places; None where nothing was asked."""
        try:
            if stream.parent is not None:
                parent = self._declared[stream.parent]
                return self._probes.below(stream, parent, self._rows[parent.name])
            return self._try_places(stream)
        except Unanswered as error:
            return Trial(Verdict(NOT_PROBED, f"{error} A read tells."))
        except OutOfBudget:
            return None

    def _at(self, stream: Stream, place: Place) -> Trial:
        trial = self._probes.at(stream, place)
        if trial.verdict.verdict != OK or trial.row is not None:
            return trial
        hidden = self._hidden.verdict(stream, place)
        return trial if hidden is None else Trial(hidden)

    def _try_places(self, stream: Stream) -> Trial | None:
        best: Trial | None = None
        row: Row | None = None
        too_low = -1
        for found in self._places(stream):
            try:
                place = self._probes.with_level(found) if too_low >= 0 else found
                if place.level is not None and place.level <= too_low:
                    continue
                trial = self._at(stream, place)
            except OutOfBudget:
                if best is None:
                    raise
                break
            if best is None or trial.verdict.readable:
                best = trial
            row = row or trial.row
            if best.verdict.verdict == OK and (row or stream.name not in self._parents):
                break
            if best.verdict.verdict.startswith((NEEDS_SCOPE, NEEDS_TOKEN, NEEDS_ANOTHER_TOKEN)):
                break
            if trial.verdict.verdict.startswith(NEEDS_ROLE):
                too_low = self._probes.with_level(place).level or 0
        return None if best is None else replace(best, row=row)
