"""The queries of streams fit GitLab's schema, and name the end of every list."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    parse,
    validate,
)

from integration_tests.gitlab.graphql.endpoint import LONGEST_QUERY, schema
from source_gitlab.streams import streams
from source_gitlab.streams.declaration_error import DeclarationError
from source_gitlab.streams.declarations import build
from source_gitlab.streams.queries import CONTAINERS, parsed, queries_of, variable_of
from source_gitlab.streams.query_checks import check_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import DocumentNode, Node

NAMES = sorted(
    one.name.removesuffix(".graphql")
    for one in resources.files("source_gitlab.streams").joinpath("graphql").iterdir()
    if one.name.endswith(".graphql")
)


def document_of(name: str) -> DocumentNode:
    """What is sent for a stream."""
    queries = queries_of(name)
    assert queries is not None
    return parse(queries.document)


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """By name."""
    found = (one for one in document.definitions if isinstance(one, FragmentDefinitionNode))
    return {one.name.value: one for one in found}


def selected(node: Node, fragments: dict[str, FragmentDefinitionNode]) -> Iterator[FieldNode]:
    """The fields below a field, those of fragments too."""
    below = getattr(node, "selection_set", None)
    for one in below.selections if below else ():
        if isinstance(one, FieldNode):
            yield one
        elif isinstance(one, FragmentSpreadNode):
            yield from selected(fragments[one.name.value], fragments)
        elif isinstance(one, InlineFragmentNode):
            yield from selected(one, fragments)


def connections(
    node: Node, fragments: dict[str, FragmentDefinitionNode], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldNode]]:
    """Every field that has pages, with the path to it from the one around."""
    for one in selected(node, fragments):
        names = [inner.name.value for inner in selected(one, fragments)]
        where = (*path, one.name.value)
        if "nodes" in names or "edges" in names:
            yield where, one
        yield from connections(one, fragments, where)


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_the_schema(name: str) -> None:
    """As a whole, each operation with its own variables."""
    document = document_of(name)
    assert validate(schema(), document) == []
    queries = queries_of(name)
    assert queries is not None
    assert len(queries.document) < LONGEST_QUERY
    for one in document.definitions:
        if isinstance(one, OperationDefinitionNode):
            assert one.name is not None
            variables = {each.variable.name.value for each in one.variable_definitions or ()}
            assert queries.operations[one.name.value] == variables
            ids = {variable_of(column) for column in streams()[name].global_ids}
            named = {"path", "id"} if one.name.value in {"group", "project"} else {"id", *ids}
            assert one.name.value == "instance" or len(named & variables) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_list_can_be_read_to_its_end(name: str) -> None:
    """Each asks for its cursor; one inside a row has an operation that goes on with it."""
    document = document_of(name)
    fragments = fragments_of(document)
    queries = queries_of(name)
    assert queries is not None
    lists = streams()[name].by_name
    outer = lists.outer if lists else ()
    nested: set[str] = set()
    for one in document.definitions:
        if not isinstance(one, OperationDefinitionNode) or one.name is None:
            continue
        found = list(connections(one, fragments))
        assert found or not str(streams()[name].rows).endswith("nodes")
        for place, (where, connection) in enumerate(found):
            infos = [
                inner for inner in selected(connection, fragments) if inner.name.value == "pageInfo"
            ]
            assert len(infos) == 1, where
            told = {inner.name.value for inner in selected(infos[0], fragments)}
            assert told == {"hasNextPage", "endCursor"}
            assert "edges" not in where
            if place and one.name.value in CONTAINERS:
                inside = where[where.index("nodes") + 1 + len(outer) :]
                nested.add("_".join(part for part in inside if part != "nodes"))
    assert nested == queries.nested


def test_comments_and_indents_are_not_sent() -> None:
    """GitLab takes 10,000 characters."""
    queries = parsed("# why\nquery group($path: ID!, $first: Int!) {\n  a # not\n}\n")
    assert queries.document == "query group($path: ID!, $first: Int!) {\na # not\n}\n"
    assert queries.operations == {"group": {"path", "first"}}


@pytest.mark.parametrize(
    ("name", "written", "attribute", "allowed"),
    [
        ("issues", {"rows": "issues.nodes"}, "walk", "graphql/issues.graphql"),
        ("timelogs", {}, "rows", "the path from the group or project to the rows"),
        ("timelogs", {"rows": "timelogs.nodes", "since": "since"}, "walk", r"\$since"),
        ("timelogs", {"rows": "timelogs.nodes", "query": {"a": 1}}, "query", "with the walks"),
    ],
)
def test_a_declaration_without_its_query_is_refused(
    name: str, written: dict[str, Any], attribute: str, allowed: str
) -> None:
    """It could read nothing, or not what it says."""
    with pytest.raises(DeclarationError, match=allowed) as caught:
        build({name: {"kind": "selection", "walk": "graphql", **written}})
    assert caught.value.attribute == attribute


@pytest.mark.parametrize("kind", ["group", "project"])
def test_a_query_that_does_not_tell_whose_its_response_is_is_refused(kind: str) -> None:
    """Another one may have the path of a group or project that was renamed."""
    asked = f"query {kind}($path: ID!) {{ {kind}(fullPath: $path) {{ {{}} name }} }}"
    check_id("timelogs", kind, parsed(asked.replace("{}", "id")))
    with pytest.raises(DeclarationError, match=f"the id of the {kind} first"):
        check_id("timelogs", kind, parsed(asked.replace("{}", "identifier")))
