"""GitLab's GraphQL API: what a response says, whose status is 200 whatever went wrong.

| in the response                                   | what it is here                           |
| ------------------------------------------------- | ----------------------------------------- |
| an error with no place, or outside of a list      | an error of the whole query               |
| an error inside one row of a list                 | `Reply.problems`: the other rows are good |
| "… has complexity of 300, which exceeds …"        | `TooComplex`: a smaller page fits         |
| "Timeout on Group.timelogs", or inside a row      | `ServerError`: a smaller page may do      |
| "… you don't have permission to perform this …"   | `Skipped`, "permission"                   |
| "… token lacks the required permissions …"        | `Skipped`, "scope"                        |
| a field, argument or type that GitLab lacks       | `NoSuchList`: it came with a later version |
| "This endpoint has been requested … too many …"   | a 429, before it comes here               |

The sentences are those of lib/gitlab/graphql/authorize/authorize_resource.rb, of resolvers that
count who asks (app/graphql/resolvers/concerns/search_arguments.rb), and of graphql-ruby,
the library that GitLab uses (Schema::Timeout, MaxQueryComplexity, its codes of validation). GitLab
takes at most 250 points a query, 200 without a token, and 100 rows a page
(app/graphql/gitlab_schema.rb). What is over it is refused before anything is looked up, so what a
query costs need not be asked for: a refusal or two in a process tell which page fits.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from source_gitlab.gitlab.errors import (
    LESS_MAY_DO,
    Malformed,
    NoSuchList,
    ReadError,
    ServerError,
    Skipped,
    TooComplex,
)
from source_gitlab.gitlab.page_size import AdaptivePageSize
from source_gitlab.gitlab.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.gitlab.errors import GitlabError
    from source_gitlab.gitlab.pagination import Row

PATH = "api/graphql"
MOST_ROWS = 100
_SIZES = (50, 25, 10, 5, 2, 1)
_SHOWN = 300

_COMPLEX = re.compile(r"Query has complexity of \d+, which exceeds max complexity of \d+")
_LATE = re.compile(r"Timeout on ")
_REFUSED = re.compile(r"you don.t have permission to perform this action", re.IGNORECASE)
_LACKS_SCOPE = re.compile(
    r"token lacks the required permissions|insufficient[_ ]scope", re.IGNORECASE
)
_MANY = b"too many times"
_THROTTLED = re.compile(r"This endpoint has been requested (.* )?too many times")
_UNKNOWN = re.compile(r"doesn't (exist on type|accept argument)|isn't a defined input type")
_UNKNOWN_CODES = frozenset(
    {
        "argumentNotAccepted",
        "undefinedDirective",
        "undefinedField",
        "undefinedType",
        "variableRequiresValidType",
    }
)

Place = tuple[str | int, ...]


def address_of(api_url: str) -> str:
    """Where GraphQL is, beside the REST API."""
    return f"{api_url.removesuffix('/v4')}/graphql"


class Problem(NamedTuple):
    """Something inside a row that GitLab could not give: where in `data`, and the error."""

    place: Place
    error: GitlabError


class Reply(NamedTuple):
    """What a query brought; `problems` are inside rows of lists."""

    data: Row
    problems: tuple[Problem, ...]


class Operation(NamedTuple):
    """One operation of a document, and its variables. `about` says for people what it reads."""

    document: str
    name: str
    variables: Mapping[str, Any]
    about: str

    def request(self, base_url: str) -> Request:
        """The request that asks for it."""
        asked = {"query": self.document, "operationName": self.name, "variables": self.variables}
        return Request(
            f"{base_url}/{PATH}",
            "graphql",
            method="POST",
            body=orjson.dumps(asked),
            about=self.about,
        )


def is_throttled(body: bytes) -> bool:
    """Whether a response of status 200 says that too much was asked for, as a 429 does."""
    if _MANY not in body:
        return False
    try:
        response = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    errors = response.get("errors") if isinstance(response, dict) else None
    if not isinstance(errors, list):
        return False
    told = (one.get("message") for one in errors if isinstance(one, dict))
    return any(isinstance(text, str) and _THROTTLED.match(text) for text in told)


def reply_of(request: Request, response: Any) -> Reply:
    """The data of a response (its parsed body), with the problems of single rows.

    Raises:
        GitlabError: it has none, or not all of it: as the table above sorts it.
    """
    if not isinstance(response, dict) or not isinstance(response.get("errors", []), list):
        raise _malformed(request)
    errors: list[Any] = response.get("errors", [])
    data = response.get("data")
    if data is None and not errors:
        raise _malformed(request)
    problems: list[Problem] = []
    for error in errors:
        sorted_ = _sorted(request, error)
        place = _place(error)
        # A row is lost alone only where the list around it came; a smaller page has what is late.
        is_alone = isinstance(data, dict) and _is_in_row(data, place)
        if not is_alone or isinstance(sorted_, LESS_MAY_DO):
            raise sorted_
        problems.append(Problem(place, sorted_))
    if not isinstance(data, dict):
        raise _malformed(request)
    return Reply(data, tuple(problems))


def _is_in_row(data: Any, place: Place) -> bool:
    for part in place:
        if isinstance(part, int):
            return isinstance(data, list) and part < len(data)
        data = data.get(part) if isinstance(data, dict) else None
    return False


def _place(error: Any) -> Place:
    path = error.get("path") if isinstance(error, dict) else None
    return tuple(path) if isinstance(path, list) else ()


def _sorted(request: Request, error: Any) -> GitlabError:
    """One entry of `errors`."""
    found = error.get("message") if isinstance(error, dict) else None
    said = " ".join(found.split())[:_SHOWN] if isinstance(found, str) else "an error without a word"
    extensions = error.get("extensions") if isinstance(error, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    shown, url = request.shown, request.url
    if code in _UNKNOWN_CODES or _UNKNOWN.search(said):
        message = f"{shown} is not known to this GitLab: it came with a later version ({said})."
        return NoSuchList(message, reason="feature", url=url, status=200)
    if _LACKS_SCOPE.search(said):
        message = f"{shown} may not be read by this token ({said})."
        return Skipped(message, reason="scope", url=url, status=200)
    if _REFUSED.search(said):
        message = f"{shown} may not be read by this token, or is gone ({said})."
        return Skipped(message, reason="permission", url=url, status=200)
    message = f"GitLab failed to answer {shown} ({said})."
    if _COMPLEX.search(said):
        return TooComplex(message, url=url, status=200)
    kind = ServerError if _LATE.match(said) else ReadError
    return kind(message, url=url, status=200)


def _malformed(request: Request) -> Malformed:
    message = f"{request.shown} answered with something else than data."
    return Malformed(message, url=request.url, status=200)


class Ask(Protocol):
    """What sends an operation; `again`: it failed for a larger page already."""

    def __call__(self, operation: Operation, /, *, again: bool) -> Reply:
        """The reply, or a `GitlabError`."""
        ...


class PageSizes:
    """How many rows each query can bring at once. Thread-safe."""

    def __init__(self) -> None:
        """Every query is taken to bring whole pages."""
        self._sizes = AdaptivePageSize(_SIZES)
        self._most: dict[str, int] = {}
        self._lock = threading.Lock()

    def page(self, ask: Ask, operation: Operation, name: str) -> Reply:
        """A page of a list: the variable `$first` is as many rows as GitLab can give at once.

        `name` is that of the query, whose page size is remembered.

        Raises:
            ServerError or Garbled: not even one row can be had.
            GitlabError: as `reply_of` sorts it.
        """
        problem: ReadError | None = None
        size: int | None = self._sizes.size(name, self._wanted(name))
        while size is not None:
            part = operation._replace(variables={**operation.variables, "first": size})
            try:
                reply = ask(part, again=problem is not None)
            except LESS_MAY_DO as error:
                problem = problem or error
                size = self._smaller(name, size, error)
            else:
                self._sizes.worked(name, size, self._wanted(name))
                return reply
        assert problem is not None  # noqa: S101 -- without a reply, the loop ends by an error only
        raise problem

    def _smaller(self, name: str, size: int, error: ReadError) -> int | None:
        """The next smaller page after an `error`; None: there is none."""
        found = next((one for one in _SIZES if one < size), None)
        if found is not None and isinstance(error, TooComplex):
            # It costs so much each time, so a larger page is not tried again.
            with self._lock:
                self._most[name] = min(found, self._wanted(name))
        return found

    def _wanted(self, name: str) -> int:
        return self._most.get(name, MOST_ROWS)
