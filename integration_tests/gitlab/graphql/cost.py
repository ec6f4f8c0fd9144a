"""What a query costs: points as GitLab counts them, and its depth.

A field costs one point and what is selected below it. A connection costs that again in parts of a
hundred: with ``first: 100``, twice (``connection_complexity_multiplier`` in
app/graphql/types/base_field.rb, 0.01 in app/graphql/resolvers/base_resolver.rb). Of the types of a
union, the dearest counts. What a directive leaves out costs nothing, as graphql-ruby has it.
Some fields (``spared``) cost so many points less than that, which may be less than nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import (
        FragmentDefinitionNode,
        GraphQLNamedType,
        GraphQLSchema,
        OperationDefinitionNode,
        SelectionNode,
        SelectionSetNode,
    )

MOST_ROWS = 100
_EACH = 0.01


class Cost:
    """Works out what one operation costs."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        spared: Mapping[str, int],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = dict(variables)
        self._spared = spared

    def of(self, operation: OperationDefinitionNode) -> tuple[int, int]:
        """Points and depth."""
        root = self._schema.query_type
        assert root is not None
        return self._selected(operation.selection_set, root)

    def _selected(self, selections: SelectionSetNode, owner: GraphQLNamedType) -> tuple[int, int]:
        """Points and depth of what is selected of one type."""
        points, deepest = 0, 0
        dearest = 0
        for one in selections.selections:
            if self._is_left_out(one):
                continue
            if isinstance(one, FieldNode):
                cost, depth = self._field(one, owner)
                points += cost
            elif isinstance(one, (FragmentSpreadNode, InlineFragmentNode)):
                fragment = (
                    self._fragments[one.name.value] if isinstance(one, FragmentSpreadNode) else one
                )
                condition = fragment.type_condition
                assert condition is not None
                kind = self._schema.get_type(condition.name.value)
                assert kind is not None
                cost, depth = self._selected(fragment.selection_set, kind)
                if kind is owner:
                    points += cost
                else:
                    dearest = max(dearest, cost)
            else:
                continue
            deepest = max(deepest, depth)
        return points + dearest, deepest

    def _field(self, node: FieldNode, owner: GraphQLNamedType) -> tuple[int, int]:
        name = node.name.value
        if name == "__typename":
            return 1, 1
        definition = owner.fields[name]  # type: ignore[attr-defined] # validated before
        inner = get_named_type(definition.type)
        below, depth = 0, 0
        if node.selection_set is not None and is_composite_type(inner):
            below, depth = self._selected(node.selection_set, inner)
        points = below + 1 - self._spared.get(f"{owner.name}.{name}", 0)
        if inner.name.endswith("Connection"):
            rows = min(self._first(node) or MOST_ROWS, MOST_ROWS)
            points += int(points * rows * _EACH)
        return points, depth + 1

    def _is_left_out(self, node: SelectionNode) -> bool:
        """Whether a directive with a variable says so, which is false where it is not given."""
        for one in node.directives or ():
            (value,) = (argument.value for argument in one.arguments or ())
            given = isinstance(value, VariableNode) and self._variables.get(value.name.value, False)
            if given is (one.name.value == "skip"):
                return True
        return False

    def _first(self, node: FieldNode) -> int | None:
        """How many rows a connection is asked for."""
        for one in node.arguments or ():
            if one.name.value == "first" and isinstance(one.value, IntValueNode):
                return int(one.value.value)
            if one.name.value == "first" and isinstance(one.value, VariableNode):
                given = self._variables.get(one.value.name.value)
                return given if isinstance(given, int) else None
        return None
