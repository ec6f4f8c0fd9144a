"""What a sync did, in words and one table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from source_gitlab.core.alike import groups, places_of, sentence
from source_gitlab.engine.exit_codes import USAGE
from source_gitlab.terminal import aligned, printable, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from source_gitlab.core.skip_log import Entry
    from source_gitlab.interfaces.sync_result import Outcome

_HEADER = ("stream", "read", "new", "updated", "removed", "in file")
_SHORT = ("stream", "read", "written", "removed")  # of a store that does not compare
_MARK = "did not end"


def summary(
    outcome: Outcome,
    place: str,
    before: AbstractSet[str] = frozenset(),
    room: int | None = None,
) -> Iterator[str]:
    """The lines that end a sync: the table, what was left out and why, and the verdict.

    What was chosen in vain is not repeated when it was told `before`, while the sync began. `room`
    are the columns of the terminal, if it is one.
    """
    yield from _table(outcome, room)
    yield ""
    for line in _sentences(outcome, place, before):
        yield from wrapped(printable(line), room)


def _sentences(outcome: Outcome, place: str, before: AbstractSet[str]) -> Iterator[str]:
    told = {entry.message for entry in (*outcome.selection, *outcome.failed)}
    chosen = dict.fromkeys(entry.message for entry in outcome.selection)
    yield from (message for message in chosen if message not in before)
    yield from _left_out([entry for entry in outcome.skipped if entry.message not in told])
    for names, entries in groups(outcome.failed):
        yield f"{', '.join(names)}: failed at {places_of(entries)}. {entries[0].message}"
    yield from _problems(outcome, " ".join(told))
    yield _verdict(outcome, place)


def to_json(outcome: Outcome, place: str) -> dict[str, Any]:
    """The same for programs, as JSON values; `code` is the exit code."""
    return {
        "to": place,
        "code": outcome.code,
        "status": outcome.status,
        "problem": outcome.fatal,
        "since": outcome.since,
        "requests": outcome.requests,
        "seconds": round(outcome.seconds, 3),
        "streams": {
            name: {
                "read": tally.read,
                "new": tally.new,
                "updated": tally.updated if outcome.compares else None,
                "removed": tally.removed,
                "total": tally.total if outcome.compares else None,
                "problem": tally.problem,
            }
            for name, tally in outcome.tallies.items()
        },
        **{
            kind: [asdict(entry) for entry in entries]
            for kind, entries in (
                ("selection", outcome.selection),
                ("skipped", outcome.skipped),
                ("failed", outcome.failed),
            )
        },
    }


def _table(outcome: Outcome, room: int | None) -> Iterator[str]:
    """The table, in which streams that did not end are marked."""
    marks = [_MARK if tally.problem else "" for tally in outcome.tallies.values()]
    yield from aligned([_HEADER if outcome.compares else _SHORT, *_rows(outcome)], room, marks)


def _rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    for name, one in outcome.tallies.items():
        numbers = [one.read, one.new, one.updated, one.removed, one.total]
        if not outcome.compares:
            numbers = [one.read, one.new, one.removed]
        yield name, *(f"{number:,}" for number in numbers)


def _left_out(skipped: Sequence[Entry]) -> Iterator[str]:
    """What was skipped: each reason once, with the streams and places that it concerns."""
    for names, entries in groups(skipped):
        yield f"Left out of {', '.join(names)}: {sentence(entries)}"


def _problems(outcome: Outcome, told: str) -> Iterator[str]:
    """Why streams did not end, each reason once, without what was told before."""
    if outcome.fatal:
        yield f"Stopped: {outcome.fatal}"
    elif outcome.interrupted:
        yield "Interrupted."
    else:
        streams: dict[str, list[str]] = {}
        for name, problem in outcome.incomplete.items():
            if problem not in told:
                streams.setdefault(problem, []).append(name)
        for problem, names in streams.items():
            yield problem if set(names) <= outcome.misnamed else f"{', '.join(names)}: {problem}"


def _verdict(outcome: Outcome, place: str) -> str:
    cost = f"{outcome.requests:,} requests, {outcome.seconds:.1f} s"
    if outcome.complete:
        if not outcome.changed and outcome.since:
            return f"Nothing has changed since {outcome.since}: 0 rows, {cost}."
        return f"{place}: {_changes(outcome)}; {cost}."
    done = f"{place}: incomplete, {_changes(outcome)}; {cost}."
    if outcome.code == USAGE and not outcome.fatal:
        return f"{done} What was named and is not there was left out; everything else was read."
    advice = (
        "Run it again when that is mended."
        if outcome.code == USAGE
        else "Run the same command again to go on."
    )
    return (
        f"{done} {len(outcome.incomplete)} of {len(outcome.tallies)} streams did not end; what was "
        f"read is kept. {advice}"
    )


def _changes(outcome: Outcome) -> str:
    tallies = outcome.tallies.values()
    new = sum(tally.new for tally in tallies)
    updated = sum(tally.updated for tally in tallies)
    removed = sum(tally.removed for tally in tallies)
    if not outcome.compares:
        return f"{new:,} rows written, {removed:,} removed"
    return f"{new:,} rows new, {updated:,} updated, {removed:,} removed"
