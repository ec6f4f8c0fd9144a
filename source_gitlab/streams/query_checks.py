"""Refuses declarations of lists in GraphQL whose query is not there, or cannot be filled in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.queries import COUNTING, queries_of, variable_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.streams.model import Stream
    from source_gitlab.streams.queries import Queries


def check_queries(stream: Stream, built: Mapping[str, Stream]) -> None:
    """Check that the query of a stream is there, for each container whose list GitLab has.

    Raises:
        DeclarationError: the first thing that is wrong.
    """
    if not isinstance(stream.rows, str):
        allowed = "the path from the group or project to the rows, like timelogs.nodes"
        raise DeclarationError(stream.name, "rows", stream.rows, allowed)
    if (stream.kind == "child") != bool(stream.global_ids):
        allowed = "the types of the parent's ids, for children only"
        raise DeclarationError(stream.name, "global_ids", dict(stream.global_ids), allowed)
    queries = queries_of(stream.name)
    found = {} if queries is None else queries.operations
    kinds = ("child",) if stream.kind == "child" else containers_of(stream)
    for container in kinds:
        needed = _needed(stream, container, found.get(container, frozenset()))
        if needed - found.get(container, frozenset()):
            variables = ", ".join(f"${one}" for one in sorted(needed))
            allowed = f"an operation {container} with {variables} in graphql/{stream.name}.graphql"
            raise DeclarationError(stream.name, "walk", stream.walk, allowed)
        if queries is not None:
            check_id(stream.name, container, queries)
    if stream.parent:
        _check_variables(stream, built[stream.parent], found["child"])


def check_id(name: str, container: str, queries: Queries) -> None:
    """Check that a response tells whose it is, where a path alone names its container.

    Another one may have taken the path of one that was renamed.

    Raises:
        DeclarationError: it does not.
    """
    by_path = "path" in queries.operations[container] and container in {"group", "project"}
    told = rf"\b{container}\(fullPath: \$path\) {{\s*id\b"
    if by_path and not re.search(told, queries.document):
        allowed = f"an operation {container} that asks for the id of the {container} first"
        raise DeclarationError(name, "walk", "graphql", allowed)


def check_names(stream: Stream) -> None:
    """Check that rows of lists by name are told apart by it.

    Raises:
        DeclarationError: they are not, or the walk knows no such lists.
    """
    lists = stream.by_name
    if lists is None:
        return
    if stream.walk != "graphql" or stream.kind != "child" or not (lists.outer and lists.inner):
        allowed = "an object with lists in {column} with graphql, below a parent"
        raise DeclarationError(stream.name, "rows", stream.rows, allowed)
    if lists.column not in stream.key or lists.column in stream.add:
        allowed = f"columns with {lists.column} among them: two lists may have one row"
        raise DeclarationError(stream.name, "key", list(stream.key), allowed)


def containers_of(stream: Stream) -> tuple[str, ...]:
    """What the slices of a stream are of: groups, projects, or the instance."""
    return stream.containers if stream.kind in {"selection", "child"} else (stream.kind,)


def _needed(stream: Stream, container: str, found: frozenset[str]) -> set[str]:
    """The variables without which an operation reads something else, or not all of it."""
    named = {"id"} if "id" in found else {"path"}
    ids = {variable_of(column) for column in stream.global_ids}
    needed: set[str] = {"instance": set(), "child": ids}.get(container, named)
    needed |= {"first", "after"} if str(stream.rows).endswith("nodes") else set()
    needed |= {"first"} if stream.by_name else set()
    needed |= {"since", *COUNTING} if stream.counts_late_rows else set()
    if stream.span:
        needed |= {"since"} if stream.span.days >= stream.span.kept else {"since", "until"}
    return needed


def _check_variables(stream: Stream, parent: Stream, variables: frozenset[str]) -> None:
    """Check that each variable is a column that a read still knows of a parent which is owed."""
    known = {*stream.braces, *(one.removeprefix("parent.") for one in stream.add.values())}
    columns = {variable_of(one): one for one in parent.columns if one in known}
    for column in stream.global_ids:
        if variable_of(column) not in columns:
            allowed = f"columns of the parent in path or add: {', '.join(sorted(known))}"
            raise DeclarationError(stream.name, "global_ids", column, allowed)
    for one in sorted(variables - {"first", "after"} - columns.keys()):
        allowed = f"variables that are such columns: {', '.join(f'${name}' for name in columns)}"
        raise DeclarationError(stream.name, "walk", f"${one}", allowed)
