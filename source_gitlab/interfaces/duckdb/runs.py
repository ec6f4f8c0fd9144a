"""What each sync did, and what it did not read, as tables of the file.

An empty table may mean that there is nothing, or that nobody was allowed to look. `skips` tells the
two apart, for whoever asks the file and did not see what the sync said.
"""

# Identifiers cannot be parameters of a statement; every name below is ours or is `quoted`.
# ruff: noqa: S608

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final

import orjson

from source_gitlab import __version__
from source_gitlab.engine.exit_codes import INTERRUPTED, code_of, told
from source_gitlab.interfaces.duckdb.file import StoreError
from source_gitlab.interfaces.file_layout import RUNS, SKIPS
from source_gitlab.interfaces.sql_text import literal, quoted
from source_gitlab.redaction import redact
from source_gitlab.timestamps import at, plus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import duckdb

    from source_gitlab.config import Config
    from source_gitlab.interfaces.duckdb.transactions import Transactions
    from source_gitlab.interfaces.sync_result import Outcome

RUN_DAYS: Final = 365
SKIP_DAYS: Final = 31
MOST_SKIPS: Final = 200_000
_AT_ONCE: Final = 5_000
_UNKNOWN: Final = (None, None)

_TABLES: Final = {
    RUNS: (
        f"One row for each sync into this file, of the last {RUN_DAYS} days",
        {
            "id": ("BIGINT", "Number of the run; later runs have greater ones"),
            "started_at": ("TIMESTAMPTZ", "When it began, by the clock of the machine that read"),
            "ended_at": (
                "TIMESTAMPTZ",
                "When it ended; NULL while it runs, and of a run that was killed",
            ),
            "outcome": (
                "VARCHAR",
                (
                    "How it ended: complete, incomplete (streams did not end), interrupted by the"
                    " user, failed (nothing could be read); NULL as ended_at"
                ),
            ),
            "exit_code": ("INTEGER", "Exit code that says it to a scheduler; NULL as ended_at"),
            "problem": ("VARCHAR", "Why it ended early; NULL when it did not"),
            "rows": ("BIGINT", "Rows that were read; NULL of a run that failed or did not end"),
            "requests": ("BIGINT", "Requests that were sent to GitLab; NULL as rows"),
            "version": ("VARCHAR", "Version of source-gitlab"),
            "instance": ("VARCHAR", "Address of the GitLab"),
            "selection": (
                "JSON",
                "What was chosen: groups, projects, include_archived, start_date, and streams",
            ),
        },
    ),
    SKIPS: (
        (
            "What a run did not read, and why: a table may be empty because nobody could look."
            f" Of the last {SKIP_DAYS} days, at most {MOST_SKIPS:,} rows beside those of the last"
            " run"
        ),
        {
            "run_id": ("BIGINT", "Run that did not read it: id in runs"),
            "stream": (
                "VARCHAR",
                "Stream; NULL for a group or project that was chosen and no stream could read",
            ),
            "kind": ("VARCHAR", "group or project; NULL for what is neither, such as all of it"),
            "id": ("BIGINT", "Number of the group or project; NULL where it is not known"),
            "path": ("VARCHAR", "Full path of the group or project; NULL where it is not known"),
            "place": ("VARCHAR", "The same for people, as in: project acme/web"),
            "reason": (
                "VARCHAR",
                (
                    "Why, as a code: permission, scope (of the token), tier, feature (is off),"
                    " gone, partial, missing (the name), archived, failed, or unfinished (the run"
                    " ended before)"
                ),
            ),
            "message": ("VARCHAR", "Why, in a sentence"),
        },
    ),
}
_SKIP: Final = tuple(_TABLES[SKIPS][1])


@dataclass(frozen=True)
class Skip:
    """A row of `skips`, but for its run."""

    stream: str | None
    kind: str | None
    id: int | None
    path: str | None
    place: str | None
    reason: str
    message: str


def skips_of(outcome: Outcome) -> list[Skip]:
    """What a sync did not read, once each."""
    entries = [*outcome.selection, *outcome.skipped, *outcome.failed]
    found = [
        Skip(one.stream or None, one.kind, one.id, one.path, one.where, one.reason, one.message)
        for one in entries
    ]
    told_of = outcome.misnamed | {one.stream for one in outcome.failed}
    found += [
        Skip(name, None, None, None, None, "unfinished", problem)
        for name, problem in outcome.incomplete.items()
        if name not in told_of
    ]
    return list(dict.fromkeys(found))


class Runs:
    """The tables `runs` and `skips` of one file."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        transactions: Transactions,
        most_skips: int = MOST_SKIPS,
    ) -> None:
        """Of a file that is not prepared yet."""
        self._connection = connection
        self._transactions = transactions
        self._most_skips = most_skips
        self._id = 0

    def prepare(self) -> None:
        """Make the tables, if they are missing, in the open transaction."""
        for name, (comment, columns) in _TABLES.items():
            listed = ", ".join(f"{quoted(one)} {kind}" for one, (kind, _) in columns.items())
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({listed})")
            self._connection.execute(f"COMMENT ON TABLE {name} IS {literal(comment)}")
            for one, (_, about) in columns.items():
                column = f"{name}.{quoted(one)}"
                self._connection.execute(f"COMMENT ON COLUMN {column} IS {literal(about)}")

    @contextmanager
    def under_way(self, config: Config, streams: Collection[str]) -> Iterator[None]:
        """In the block, a run is under way; call `end` in it, unless an error ends it.

        Raises:
            StoreError: the file cannot be written; then the run stays as one that did not end.
        """
        self._begin(config, streams)
        try:
            yield
        except StoreError:
            raise
        except KeyboardInterrupt:
            self._transactions.give_up()
            self._end("interrupted", INTERRUPTED, None, _UNKNOWN, [])
            raise
        except Exception as error:
            self._transactions.give_up()
            problem = redact(told(error) or f"{type(error).__name__}: {error}")
            self._end("failed", code_of(error), problem, _UNKNOWN, [])
            raise

    def end(self, outcome: Outcome) -> None:
        """Note what the run did, and commit; what is old enough goes.

        Raises:
            StoreError: the file cannot be written.
        """
        rows = sum(tally.read for tally in outcome.tallies.values())
        numbers = (rows, outcome.requests)
        self._end(outcome.status, outcome.code, outcome.fatal, numbers, skips_of(outcome))

    def _begin(self, config: Config, streams: Collection[str]) -> None:
        selection = {
            "groups": config.groups,
            "projects": config.projects,
            "include_archived": config.include_archived,
            "start_date": config.start_date,
            "streams": list(streams),
        }
        with self._transactions.within():
            (number,) = self._one(f"SELECT coalesce(system.main.max(id), 0) + 1 FROM {RUNS}")
            self._id = int(number)
            self._connection.execute(
                f"INSERT INTO {RUNS} (id, started_at, version, instance, selection) "
                "VALUES (?, CAST(? AS TIMESTAMPTZ), ?, ?, ?)",
                [
                    self._id,
                    at(time.time()),
                    __version__,
                    config.base_url,
                    orjson.dumps(selection).decode(),
                ],
            )
        self._transactions.commit()

    def _end(
        self,
        outcome: str,
        code: int,
        problem: str | None,
        numbers: tuple[int | None, int | None],
        skips: list[Skip],
    ) -> None:
        with self._transactions.within():
            self._connection.execute(
                f"UPDATE {RUNS} SET ended_at = CAST(? AS TIMESTAMPTZ), outcome = ?, exit_code = ?, "
                "problem = ?, rows = ?, requests = ? WHERE id = ?",
                [at(time.time()), outcome, code, problem, *numbers, self._id],
            )
            for start in range(0, len(skips), _AT_ONCE):
                self._insert(skips[start : start + _AT_ONCE])
            self._forget()
        self._transactions.commit()

    def _insert(self, skips: list[Skip]) -> None:
        names, kinds = _SKIP[1:], [kind for kind, _ in _TABLES[SKIPS][1].values()][1:]
        lists = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in kinds)
        columns = ", ".join(map(quoted, names))
        self._connection.execute(
            f"INSERT INTO {SKIPS} (run_id, {columns}) SELECT {self._id}, {lists}",
            [list(column) for column in zip(*map(astuple, skips), strict=True)],
        )

    def _forget(self) -> None:
        """Let go of what is old, but of nothing of this run."""
        now = at(time.time())
        for table, column, days in ((SKIPS, "run_id", SKIP_DAYS), (RUNS, "id", RUN_DAYS)):
            self._connection.execute(
                f"DELETE FROM {table} WHERE {column} < {self._id} AND {column} NOT IN "
                f"(SELECT id FROM {RUNS} WHERE started_at >= CAST(? AS TIMESTAMPTZ))",
                [plus(now, days=-days)],
            )
        total = 0
        for run, count in self._connection.execute(
            f"SELECT run_id, system.main.count(*) FROM {SKIPS} WHERE run_id < {self._id} "
            "GROUP BY run_id ORDER BY run_id DESC"
        ).fetchall():
            total += count
            if total > self._most_skips:
                self._connection.execute(f"DELETE FROM {SKIPS} WHERE run_id <= {run}")
                break

    def _one(self, sql: str) -> tuple[int, ...]:
        return self._connection.execute(sql).fetchone() or (0,)
