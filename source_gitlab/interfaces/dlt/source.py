"""A dlt source, for pipelines that people write themselves.

All streams are read together, as by every face, when dlt asks for the first row. What was read
waits on disk until dlt has taken it, and the states go with it into the same load package.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

import dlt

from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.exit_codes import UsageError
from source_gitlab.interfaces.choice import chosen
from source_gitlab.interfaces.dlt import held
from source_gitlab.interfaces.dlt.collected import SOURCE, Collected, check
from source_gitlab.interfaces.dlt.resource import resource
from source_gitlab.interfaces.dlt.spool import Spool
from source_gitlab.interfaces.dlt.sync import sync_of, tables_of
from source_gitlab.interfaces.rows_file import DEEPEST
from source_gitlab.temporary_files import TemporaryFolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from dlt.extract import DltResource, DltSource

    from source_gitlab.config import Config
    from source_gitlab.interfaces.sync_progress import Standing
    from source_gitlab.interfaces.sync_result import Outcome
    from source_gitlab.tables.table import StreamTable

log = logging.getLogger(__name__)

_ENVIRONMENT: Final = ("GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN")


class StoppedError(Exception):
    """GitLab could not be read any further; the message says why. Nothing of the run is loaded."""


def gitlab_source(  # noqa: PLR0913 -- each is a choice of its own
    groups: Sequence[str] | None = None,
    projects: Sequence[str] | None = None,
    *,
    url: str | None = None,
    token: str | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    since: str | None = None,
    full_refresh: bool = False,
    config: Mapping[str, Any] | None = None,
) -> DltSource:
    """A GitLab as a dlt source, with a resource for each stream.

    Without `groups` and `projects`, everything that the token is a member of is read. The `token`
    is looked for in dlt's configuration (`sources.gitlab.token`) and in GITLAB_TOKEN when it is not
    given, and so is the `url` (`sources.gitlab.url`). `select` and `exclude` are those of the
    command `sync`. `since` is a date: only what changed from then on is read. `config` has any
    further settings, as a configuration file does.

    Rows are merged by key. What GitLab has no more leaves the tables. Streams that could not be
    read to their end are warned of in the log, and the next run goes on with them. What keeps every
    stream from being read ends the run with a `StoppedError`.

    Raises:
        UsageError, ConfigError: what was chosen or configured is wrong.
    """
    given: dict[str, Any] = {
        "groups_list": list(groups) if groups else None,
        "projects_list": list(projects) if projects else None,
        "api_url": url or _configured("url"),
        "start_date": since,
    }
    raw = dict(config or {}) | {name: value for name, value in given.items() if value}
    if "credentials" not in raw:
        raw["credentials"] = _credentials(token)
    reading = _Reading(parse(raw), chosen(select, exclude), full_refresh=full_refresh)

    @dlt.source(name=SOURCE, max_table_nesting=0)
    def gitlab() -> list[DltResource]:
        return reading.resources()

    return gitlab()


def _configured(name: str) -> str | None:
    where = f"sources.{SOURCE}.{name}"
    accessors: tuple[Any, ...] = (dlt.secrets, dlt.config)
    found = next(filter(None, (accessor.get(where) for accessor in accessors)), None)
    return None if found is None else str(found)


def _credentials(token: str | None) -> dict[str, str]:
    found = (
        token or _configured("token") or next(filter(None, map(os.environ.get, _ENVIRONMENT)), "")
    )
    if not found:
        message = (
            f"There is no token. Pass token=…, set {_ENVIRONMENT[0]}, or write token under "
            f"[sources.{SOURCE}] in .dlt/secrets.toml."
        )
        raise UsageError(message)
    return {"auth_type": "access_token", "access_token": found}


class _Logged:
    """A progress that is the log."""

    def show(self, _standing: Standing) -> None:
        """Show nothing: dlt shows what it does itself."""

    def note(self, message: str) -> None:
        """Log a sentence."""
        log.warning("%s", message)

    def close(self) -> None:
        """Nothing to close."""


class _Reading:
    """One source: what it reads, and what of the last read dlt has not taken yet."""

    def __init__(self, config: Config, streams: Mapping[str, Any], *, full_refresh: bool) -> None:
        """Read nothing yet."""
        self._config = config
        self._streams = dict(streams)
        self._tables = tables_of(streams)
        self._full_refresh = full_refresh
        self._lock = threading.Lock()
        self._left: set[str] = set()
        self._store: Collected | None = None
        self._folder: TemporaryFolder | None = None

    def resources(self) -> list[DltResource]:
        """A resource for each stream."""
        return [self._resource(table) for table in self._tables.values()]

    def _resource(self, table: StreamTable) -> DltResource:
        name = table.name
        return resource(table, lambda: self._rows(name), lambda: self._to_keep(name))

    def _rows(self, name: str) -> Iterator[pa.RecordBatch]:
        with self._lock:
            store = self._store
            if store is None or name not in self._left:
                store = self._read()
        yield from store.rows(name)

    def _to_keep(self, name: str) -> dict[str, Any]:
        """What dlt keeps of a stream whose rows it has taken all."""
        store = self._store
        if store is None:
            return {}
        kept = store.to_keep(name)
        store.taken(name)
        self._left.discard(name)
        if not self._left:
            self._forget()
        return kept

    def _read(self) -> Collected:
        """Read all resources that are selected, from where the pipeline's state has them.

        Raises:
            UnfitError: the destination holds another GitLab, or tables of other keys.
            StoppedError, GitlabError: nothing could be read.
        """
        self._forget()
        pipeline = dlt.current.pipeline()
        names = [one for one in self._tables if one in dlt.current.source().selected_resources]
        state = dlt.current.source_state()
        check(state, self._tables, self._config.base_url, self._config.former_url)
        state["instance"] = self._config.base_url
        self._folder = TemporaryFolder()
        tables = {name: self._tables[name] for name in names}
        spool = Spool(self._folder.path, tables.values(), _Logged().note)
        store = self._store = Collected(
            tables,
            spool,
            state.get("resources", {}),
            lambda stream, columns, wanted: held.rows(pipeline, stream, columns, wanted),
            {name for name in names if held.seen(pipeline, name)},
        )
        with Session(self._config, deepest=DEEPEST) as session:
            begin(session, threading.Event())
            streams = {name: self._streams[name] for name in names}
            sync = sync_of(session, store, streams, _Logged(), full_refresh=self._full_refresh)
            outcome = sync.run()
            for line in session.report.lines():
                log.warning("%s", line)
        _tell(outcome)
        store.settled()
        self._left = set(names)
        return store

    def _forget(self) -> None:
        if self._store is not None:
            self._store.spool.close()
        if self._folder is not None:
            self._folder.close()
        self._store = self._folder = None
        self._left = set()


def _tell(outcome: Outcome) -> None:
    """Log what was left out; raise what would stop every run."""
    if outcome.fatal is not None:
        raise StoppedError(outcome.fatal)
    for name, problem in outcome.incomplete.items():
        log.warning("%s was not read to its end: %s", name, problem)
