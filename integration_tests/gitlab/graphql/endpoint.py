"""POST /api/graphql: who asks, whether the query may run, and its data or errors.

Statuses and sentences are those of app/controllers/graphql_controller.rb and of graphql-ruby, the
library that GitLab uses; graphql-core says some things in other words.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from integration_tests.gitlab.errors import ApiError, json_response
from integration_tests.gitlab.graphql.cost import Cost
from integration_tests.gitlab.graphql.fields import resolve, type_of
from integration_tests.gitlab.graphql.pages import Viewing
from integration_tests.gitlab.query import Query

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLSchema
    from starlette.requests import Request
    from starlette.responses import Response

    from integration_tests.gitlab.auth import Token
    from integration_tests.gitlab.emulator import Emulator

PATH = "/api/graphql"
LONGEST_QUERY = 10_000
MOST_POINTS, MOST_POINTS_ANONYMOUS = 250, 200
DEEPEST, DEEPEST_ANONYMOUS = 20, 15
SCOPES = {"api", "read_api"}

# What graphql-core says of a document that does not fit the schema, what graphql-ruby says instead,
# and its code.
RUBY: tuple[tuple[str, str, str], ...] = (
    (
        r"Cannot query field '(\w+)' on type '(\w+)'.*",
        r"Field '\1' doesn't exist on type '\2'",
        "undefinedField",
    ),
    (
        r"Unknown argument '(\w+)' on field '\w+\.(\w+)'.*",
        r"Field '\2' doesn't accept argument '\1'",
        "argumentNotAccepted",
    ),
    (
        r"Unknown type '(\w+)'.*",
        r"No such type \1, so it can't be a fragment condition",
        "undefinedType",
    ),
)


@cache
def schema(lacking: tuple[str, ...] = ()) -> GraphQLSchema:
    """The schema, without the fields and arguments (``Type.field.name``) that an old one lacks."""
    text = Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8")
    made = build_schema(text)
    for one in lacking:
        owner, name, *argument = one.split(".")
        inside = made.type_map[owner].fields  # type: ignore[attr-defined] # an object type
        for inner in argument:
            inside, name = inside[name].args, inner
        del inside[name]
    return made


@lru_cache(1_000)
def understood(text: str, lacking: tuple[str, ...]) -> DocumentNode | list[dict[str, Any]]:
    """A document that fits the schema, or the errors that GitLab answers with.

    Readers send the same few texts with other variables, and to check one costs the most.
    """
    try:
        document = parse(text)
    except GraphQLError as error:
        return [{"message": error.message}]
    wrong = validate(schema(lacking), document)
    return [_in_ruby(error) for error in wrong[:5]] if wrong else document


class GraphqlEndpoint:
    """The endpoint of one instance."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def answer(self, request: Request, _token: Token | None) -> Response:
        """Data, errors, or both; a status of its own only for what is no query at all."""
        try:
            token = self._token(request)
            given = orjson.loads(await request.body())
            return json_response(self._result(given, token))
        except ApiError as error:
            return error.response()
        except orjson.JSONDecodeError:
            return _refused(422, "Invalid JSON").response()

    def _token(self, request: Request) -> Token | None:
        """Whose token it is: a scope that is too small makes it as good as unknown."""
        query = Query(request.scope["query_string"].decode())
        try:
            token = self._emulator.tokens.of_request(request.headers, query)
        except ApiError as error:
            raise _refused(401, "Invalid token") from error
        if token is not None and not SCOPES & set(token.scopes):
            raise _refused(401, "Invalid token")
        return token

    def _result(self, given: dict[str, Any], token: Token | None) -> dict[str, Any]:
        text = str(given.get("query", ""))
        if len(text) > LONGEST_QUERY:
            raise _refused(422, "Query too large")
        settings = self._emulator.world.settings
        lacking = tuple(settings.graphql_lacks)
        known, document = schema(lacking), understood(text, lacking)
        if isinstance(document, list):
            return {"errors": document}
        variables = given.get("variables") or {}
        name = given.get("operationName")
        problem = self._too_much(known, document, name, variables, token)
        if problem:
            return {"errors": [{"message": problem}]}
        viewing = Viewing(self._emulator, None if token is None else token.user_id)
        result = execute_sync(
            known,
            document,
            context_value=viewing,
            variable_values=variables,
            operation_name=name,
            field_resolver=resolve,
            type_resolver=type_of,
        )
        errors = [
            {"message": one.message, "path": list(one.path or ())} for one in result.errors or ()
        ]
        return {"data": result.data, **({"errors": errors} if errors else {})}

    def _too_much(
        self,
        known: GraphQLSchema,
        document: DocumentNode,
        name: str | None,
        variables: dict[str, Any],
        token: Token | None,
    ) -> str:
        operation = get_operation_ast(document, name)
        assert isinstance(operation, OperationDefinitionNode)
        fragments = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        # resolver_complexity in app/graphql/resolvers/ci/project_pipeline_resolver.rb
        spared = {"Project.pipeline": self._emulator.world.settings.graphql_spared_points}
        points, depth = Cost(known, fragments, variables, spared).of(operation)
        most = MOST_POINTS_ANONYMOUS if token is None else MOST_POINTS
        most = self._emulator.world.settings.graphql_most_points or most
        deepest = DEEPEST_ANONYMOUS if token is None else DEEPEST
        if points > most:
            return f"Query has complexity of {points}, which exceeds max complexity of {most}"
        if depth > deepest:
            return f"Query has depth of {depth}, which exceeds max depth of {deepest}"
        return ""


def _refused(status: int, message: str) -> ApiError:
    return ApiError(status, {"errors": [{"message": message}]})


def _in_ruby(error: GraphQLError) -> dict[str, Any]:
    for pattern, words, code in RUBY:
        found = re.fullmatch(pattern, error.message)
        if found:
            return {"message": found.expand(words), "extensions": {"code": code}}
    return {"message": error.message}
