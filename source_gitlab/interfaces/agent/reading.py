"""Calls that are answered here: from GitLab, page by page or through the core, and from the file.

Each works in the thread of its call, and ends with its deadline.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlencode

from source_gitlab.core.session import Session
from source_gitlab.engine.events import Ended, Rows
from source_gitlab.engine.run import Job, Run
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.gitlab.pagination import text_of
from source_gitlab.interfaces.agent.actions import LIST, SEARCH, SQL, Action
from source_gitlab.interfaces.agent.errors import (
    CallError,
    FileUnreadableError,
    close_to,
    of_gitlab,
)
from source_gitlab.interfaces.agent.results import GitlabExecuteResultWithMeta, ListMeta
from source_gitlab.interfaces.agent.search import MOST, Search, nested
from source_gitlab.interfaces.file_reader import FileError
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterable

    from source_gitlab.config import Config
    from source_gitlab.gitlab.cancellation import Deadline
    from source_gitlab.gitlab.connection import Connection
    from source_gitlab.interfaces.file_reader import FileReader

_ROWS: Final = 100
_FOUND: Final = 1_000
# Threads that read slices for a list: a call wants some rows soon, not all of them.
_WORKERS: Final = 4
_STREAM_LIST: Final = ("project_id", "group_id", "limit", "cursor", "read_from")


def from_gitlab(connection: Connection, action: Action, params: Mapping[str, Any]) -> Any:
    """One page of a list, or one object, as GitLab has it.

    Raises:
        GitlabAgentError: the parameters do not fit, or GitLab does not bring it.
    """
    path, query = action.request(params)
    try:
        if action.name != LIST:
            return connection.one(path, query)
        answer = connection.rows(path, query)
    except GitlabError as error:
        raise of_gitlab(error, action.entity, action.name) from error
    meta = ListMeta(total=answer.total, has_more=answer.next is not None)
    if answer.next is not None:
        pairs = {name: text_of(value) for name, value in answer.next.items()}
        meta.next = f"{connection.api_url}/{path}?{urlencode(pairs)}"
        page = str(answer.next.get("page", ""))
        meta.next_page = int(page) if page.isdecimal() else None
    return GitlabExecuteResultWithMeta(answer.data, asdict(meta))


def rows_of_stream(
    connection: Connection, config: Config, name: str, params: Mapping[str, Any], deadline: Deadline
) -> GitlabExecuteResultWithMeta:
    """Some rows of a declared stream, read from GitLab as `sync` reads them.

    Raises:
        GitlabAgentError: the parameters do not fit, or nothing could be read.
    """
    limit = whole(name, LIST, "limit", params.get("limit"), _ROWS)
    if params.get("cursor") is not None:
        _fail(name, LIST, "a list that is read from GitLab has no cursor; ask for more with limit.")
    chosen = _chosen(config, params)
    rows: list[dict[str, Any]] = []
    problem: Exception | None = None
    is_finished = False
    try:
        with Session(chosen, connection=connection) as session:
            session.begin([streams()[name]])
            run = Run(session, [Job(streams()[name])], workers=_WORKERS, is_told_more=True)
            with closing(iter(run)) as events:
                for event in events:
                    if isinstance(event, Rows):
                        rows += event.rows
                    elif isinstance(event, Ended):
                        problem, is_finished = event.problem, event.is_finished
                    deadline.check()
                    if len(rows) > limit:
                        break
            problems = session.report.lines()
    except GitlabError as error:
        raise of_gitlab(error, name, LIST) from error
    if not rows and isinstance(problem, GitlabError):
        raise of_gitlab(problem, name, LIST) from problem
    meta = ListMeta(
        has_more=len(rows) > limit,
        complete=is_finished and problem is None and not problems,
        problems=tuple(problems),
    )
    return GitlabExecuteResultWithMeta(rows[:limit], asdict(meta))


def _chosen(config: Config, params: Mapping[str, Any]) -> Config:
    """The configuration with the project or the group of a call chosen, where there is one."""
    project, group = params.get("project_id"), params.get("group_id")
    if project is None and group is None:
        return config
    return replace(
        config,
        projects=() if project is None else (str(project),),
        groups=() if group is None else (str(group),),
    )


def given_params(entity: object, action: object, params: object) -> dict[str, Any]:
    """The parameters of a call, which a model may have made of anything.

    Raises:
        CallError: it is no call.
    """
    for word, value in (("entity", entity), ("action", action)):
        if not isinstance(value, str):
            message = f"{word} is a text, not {type(value).__name__}."
            raise CallError(message)
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        _fail(str(entity), str(action), "params is an object of names and values.")
    return dict(params)


class FileCalls:
    """Calls that the file of `sync` answers."""

    def __init__(self, file: FileReader) -> None:
        """Open nothing yet."""
        self._file = file

    def search(
        self, name: str, params: Mapping[str, Any], deadline: Deadline, *, action: str = SEARCH
    ) -> dict[str, Any]:
        """The rows that a search finds, and where it goes on.

        Raises:
            GitlabAgentError: the search is wrong, or the file cannot be read.
        """
        began = time.monotonic()
        _check_names(name, action, params, ("query", "limit", "cursor", "fields"))
        limit = whole(name, action, "limit", params.get("limit"), _FOUND)
        cursor = params.get("cursor")
        offset = 0 if cursor is None else whole(name, action, "cursor", cursor, 0)
        try:
            columns = self._file.tables(deadline).get(name)
            if columns is None:
                message = (
                    f"{self._file.path} has no table {name}: sync it with --select {name}, "
                    "or look at a stream that is there."
                )
                raise FileUnreadableError(message, entity=name, action=action)
            wanted = Search(name, columns, streams()[name].key)
            query, fields = params.get("query"), params.get("fields")
            paths = wanted.paths(fields)
            sql = wanted.sql({} if query is None else query, fields, limit=limit, offset=offset)
            found = self._file.query(sql, wanted.values, most=limit, deadline=deadline)
        except FileError as error:
            raise FileUnreadableError(str(error), entity=name, action=action) from error
        except GitlabError as error:
            raise of_gitlab(error, name, action) from error
        rows = [nested(paths, row) for row in found.rows] if paths else found.objects()
        return {
            "data": rows,
            "meta": {
                "has_more": found.more,
                "cursor": str(offset + len(rows)) if found.more else None,
                "took_ms": round((time.monotonic() - began) * 1000),
            },
        }

    def sql(self, name: str, params: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """What one SELECT brings; raises as `search` does."""
        _check_names(name, SQL, params, ("sql", "limit"))
        limit = whole(name, SQL, "limit", params.get("limit"), _FOUND)
        text = params.get("sql")
        if not isinstance(text, str) or not text.strip():
            _fail(name, SQL, "sql is one SELECT.")
        began = time.monotonic()
        try:
            found = self._file.select(text, most=limit, deadline=deadline)
        except FileError as error:
            raise FileUnreadableError(str(error), entity=name, action=SQL) from error
        except GitlabError as error:
            raise of_gitlab(error, name, SQL) from error
        took = round((time.monotonic() - began) * 1000)
        meta = {"has_more": found.more, "cursor": None, "took_ms": took}
        return {"data": found.objects(), "meta": meta}

    def rows_of_stream(
        self, name: str, params: Mapping[str, Any], deadline: Deadline
    ) -> GitlabExecuteResultWithMeta:
        """Rows of a stream as the file has them; raises as `search` does."""
        owners = {
            column: self._number(name, column, params[column], deadline)
            for column in ("project_id", "group_id")
            if params.get(column) is not None
        }
        query = {"filter": {"eq": owners}} if owners else {}
        limit = whole(name, LIST, "limit", params.get("limit"), _ROWS)
        wanted = {"query": query, "limit": limit, "cursor": params.get("cursor")}
        found = self.search(name, wanted, deadline, action=LIST)
        meta = {**asdict(ListMeta(has_more=found["meta"]["has_more"])), **found["meta"]}
        return GitlabExecuteResultWithMeta(found["data"], meta)

    def _number(self, name: str, column: str, value: Any, deadline: Deadline) -> int:
        """The id of a group or project that may be given by its path."""
        text = str(value).strip("/")
        if text.isascii() and text.isdecimal():
            return int(text)
        table, path = (
            ("projects", "path_with_namespace")
            if column == "project_id"
            else ("groups", "full_path")
        )
        query = {"filter": {"like": {path: text.replace("%", "")}}}
        wanted = {"query": query, "fields": ["id"], "limit": 1}
        found = self.search(table, wanted, deadline, action=LIST)["data"]
        if not found:
            message = f"{self._file.path} knows no {column.removesuffix('_id')} {text}."
            raise FileUnreadableError(message, entity=name, action=LIST)
        return int(found[0]["id"])


def is_from_file(name: str, params: Mapping[str, Any], *, has_file: bool, has_gitlab: bool) -> bool:
    """Whether a list of a stream is read from the file.

    Raises:
        CallError: it cannot be read from where the call says, or has an unknown parameter.
    """
    _check_names(name, LIST, params, _STREAM_LIST)
    where = params.get("read_from")
    if where not in {None, "file", "gitlab"}:
        _fail(name, LIST, "read_from is file or gitlab.")
    if (where == "file" and not has_file) or (where == "gitlab" and not has_gitlab):
        _fail(name, LIST, f"the connector was made without a {where}." if where else "")
    return has_file if where is None else where == "file"


def _check_names(name: str, action: str, params: Mapping[str, Any], known: Iterable[str]) -> None:
    for one in params:
        if one not in known:
            problem = f"there is no parameter {str(one)[:80]}{close_to(str(one), known)}"
            _fail(name, action, problem)


def whole(name: str, action: str, parameter: str, value: Any, default: int) -> int:
    """A number of rows, up to `MOST`; a cursor is one of them too.

    Raises:
        CallError: it is none.
    """
    if value is None:
        return default
    is_text = isinstance(value, str) and value.isascii() and value.isdecimal()
    if not (is_text or type(value) is int) or len(str(value)) > len(str(10**12)):
        _fail(name, action, f"{parameter} is a whole number.")
    number = int(value)
    if parameter == "limit" and not 1 <= number <= MOST:
        _fail(name, action, f"limit is from 1 to {MOST}.")
    return number


def _fail(name: str, action: str, problem: str) -> NoReturn:
    message = f"{name} {action}: {problem}"
    raise CallError(message, entity=name, action=action)
