"""What a read will cost, as a table and as JSON: for `check --cost` and `sync --dry-run`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from source_gitlab.core.cost import Cost, Costs
from source_gitlab.terminal import aligned, width_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from source_gitlab.core.session import Session
    from source_gitlab.core.state import StreamState
    from source_gitlab.streams import Stream

# https://docs.gitlab.com/user/gitlab_com/#rate-limits-on-gitlabcom: a user's requests in a minute.
_OF_GITLAB_COM: Final = 2_000
_GITLAB_COM: Final = "https://gitlab.com"
_MINUTE: Final = 60
_HOUR: Final = 3_600


@dataclass(frozen=True)
class Forecast:
    """The costs of streams by name, and how long their requests take.

    `asked` is how many requests it took to find out, `seconds` how long one of them took,
    `at_once` how many are made at the same time, and `per_minute` how many are allowed in a minute,
    where that is known. `planned` requests find out what changed: a read makes them, too.
    """

    costs: Mapping[str, Cost]
    asked: int
    seconds: float
    at_once: int
    per_minute: int | None
    planned: int = 0

    def duration(self, requests: int) -> float:
        """How long so many requests take at least, in seconds."""
        least = requests * self.seconds / self.at_once
        return max(least, requests * _MINUTE / self.per_minute) if self.per_minute else least

    def to_json(self) -> dict[str, Any]:
        """The forecast as JSON values."""
        return {
            "requests_to_estimate": self.asked,
            "streams": {
                name: {"first": cost.first, "daily": cost.daily, "is_rough": cost.is_rough}
                for name, cost in self.costs.items()
            },
            "first": self._total(_first(self.costs.values())),
            "daily": self._total(_daily(self.costs.values())),
        }

    def _total(self, requests: int) -> dict[str, int]:
        return {"requests": requests, "seconds": round(self.duration(requests))}


def forecast(
    session: Session, wanted: Iterable[Stream], states: Mapping[str, StreamState] | None = None
) -> Forecast:
    """Estimate what streams cost; where one has a state, its `daily` cost is that of the next read.

    Raises:
        GitlabError: GitLab could not be asked what is in the selection.
    """
    config = session.config
    before, began = _requests(session), time.monotonic()
    chosen, estimate, planned = list(wanted), Costs(session), 0
    costs = {}
    if states:
        due = {
            one.name: estimate.due(one, states[one.name]) for one in chosen if one.name in states
        }
        planned = _requests(session)
        costs = {one.name: estimate.again(one, due[one.name]) for one in chosen if one.name in due}
    others = estimate.of(one for one in chosen if one.name not in costs)
    costs = {one.name: {**costs, **others}[one.name] for one in chosen}
    asked = _requests(session) - before
    allowed = config.max_requests_per_minute
    if config.base_url == _GITLAB_COM:
        allowed = min(allowed or _OF_GITLAB_COM, _OF_GITLAB_COM)
    # Most of them were made as many at once as a read makes them.
    each = (time.monotonic() - began) * config.num_workers / max(asked, 1)
    return Forecast(costs, asked, each, config.num_workers, allowed, planned)


def show(
    found: Forecast,
    out: TextIO,
    *,
    done: Collection[str] | None = None,
    whole: Collection[str] = (),
) -> None:
    """Write the forecast, at most 80 columns wide.

    `done` are the streams that were read before, of a sync; without it both reads are shown. Those
    in `whole` are read as a whole by each.
    """
    out.writelines(f"{line}\n" for line in _lines(found, done, whole, width_of(out)))


def _lines(
    found: Forecast, done: Collection[str] | None, whole: Collection[str], room: int | None
) -> Iterator[str]:
    if done is None:
        rows = [
            (name, _told(cost, cost.first), _told(cost, cost.daily))
            for name, cost in found.costs.items()
        ]
        yield from aligned([("stream", "first read", "each day"), *rows], room)
        yield ""
        first, daily = _first(found.costs.values()), _daily(found.costs.values())
        yield from wrapped(f"The first read takes about {_in_words(found, first)}.", room)
        yield from wrapped(f"A read each day takes about {_in_words(found, daily)}.", room)
    else:
        yield from _of_a_sync(found, done, whole, room)
    if any(cost.is_rough for cost in found.costs.values()):
        text = "~ is an estimate, from a few projects or of lists that GitLab does not count."
        yield from wrapped(text, room)
    yield f"To find out took {found.asked:,} requests."


def _of_a_sync(
    found: Forecast, done: Collection[str], whole: Collection[str], room: int | None
) -> Iterator[str]:
    total, rows, marks = found.planned, [("stream", "requests")], []
    for name, cost in found.costs.items():
        one, how = cost.first, "all"
        if name in done:
            one, how = cost.daily, "what changed" if cost.daily else "nothing is due"
            how = "the whole list" if name in whole else how
        total += one
        rows.append((name, _told(cost, one)))
        marks.append(how)
    if found.planned:
        rows.append(("(finding out)", f"{found.planned:,}"))
        marks.append("what may have changed")
    yield from aligned(rows, room, marks)
    yield ""
    text = f"This sync would take about {_in_words(found, total)}. Nothing was read."
    yield from wrapped(text, room)


def _told(cost: Cost, requests: int) -> str:
    return f"{'~' if cost.is_rough else ''}{requests:,}"


def _in_words(found: Forecast, requests: int) -> str:
    seconds = found.duration(requests)
    if seconds < _MINUTE:
        long = "less than a minute"
    elif seconds < _HOUR:
        long = f"{seconds / _MINUTE:.0f} min"
    else:
        long = f"{seconds / _HOUR:.1f} h"
    return f"{requests:,} requests, or {long}"


def _first(costs: Iterable[Cost]) -> int:
    return sum(cost.first for cost in costs)


def _daily(costs: Iterable[Cost]) -> int:
    return sum(cost.daily for cost in costs)


def _requests(session: Session) -> int:
    return sum(session.client.requests.values())
