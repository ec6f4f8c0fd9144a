"""How a plain list or object answers: who may ask, which rows, in what order, in which pages."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from integration_tests.gitlab.call import Endpoint
from integration_tests.gitlab.clock import DAY
from integration_tests.gitlab.errors import (
    ApiError,
    forbidden,
    no_route,
    not_found,
    unauthorized,
)
from integration_tests.gitlab.paging import (
    decode_cursor,
    keyset_by_cursor,
    keyset_by_name,
    keyset_unavailable,
    offset,
    page_size,
    respond,
    respond_one,
)
from integration_tests.gitlab.plain.filters import TIMES, Ordering, passes, within
from integration_tests.gitlab.plain.resource import ROLES, TIERS, Resource, rest_resources
from integration_tests.gitlab.plain.roles import is_own, level_in
from integration_tests.gitlab.plain.tables import chain, find_below, home_of, rows_below
from integration_tests.gitlab.plain.template import (
    Filled,
    body,
    is_nothing,
    may_be_nothing,
    shown,
    shown_to_admin,
)
from integration_tests.gitlab.present import structure
from integration_tests.gitlab.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from integration_tests.gitlab.call import Call

SHOWN_IN_PROJECTS = {"issues", "merge_requests"}
"""Parents that may be hidden from whoever sees their project."""


def nothing_there() -> ApiError:
    """404 without a word on what is not there."""
    return ApiError(404, {"message": "404 Not Found"})


def no_word() -> ApiError:
    """400 without a reason."""
    return ApiError(400, {"message": "400 Bad request"})


REFUSALS = {400: no_word, 401: unauthorized, 403: forbidden, 404: nothing_there}


def endpoints() -> list[Endpoint]:
    """An endpoint for each plain list or object, and for single rows where there are such."""
    found = []
    for resource in rest_resources().values():
        answers: dict[str, Answer] = {resource.path: Answer(resource)}
        if resource.singly:
            fields = zip(resource.paths, resource.singly, strict=True)
            answers = {path: Part(resource, field) for path, field in fields}
        if resource.one:
            answers[f"{resource.path}/{resource.one}"] = Single(resource)
        found += [
            Endpoint(
                path,
                answer,
                resource.scopes,
                anonymous=resource.anonymous and not resource.level,
                job_token=resource.job_token,
            )
            for path, answer in answers.items()
        ]
    # A word goes before what any word fits: /runners/all is no runner.
    return sorted(found, key=lambda one: [":" in part for part in one.template.split("/")])


@dataclass(frozen=True)
class Place:
    """What the path of a request names: the group or project, and the row below it, if any."""

    root: Row | None
    owner: Row | None


def _is_since(call: Call, release: str) -> bool:
    return call.settings.at_least(*map(int, release.split(".")))


class Answer:
    """Answers GET of one resource."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._ordering = Ordering(resource)
        self._may_be_nothing = may_be_nothing(resource)
        # Where it makes no difference, since looking at each row costs more.
        self._by_time_first = not resource.once and not resource.none and not resource.object
        self._leaves_out = bool(self._may_be_nothing or resource.keep or resource.own_below)

    def __call__(self, call: Call) -> Response:
        """The list or the object, or the refusal that GitLab gives for it."""
        resource = self.resource
        place = self.place(call)
        if place is None and resource.object:
            return self._object(call, [])
        if place is None:
            return offset(call, list[Row](), lambda _row: b"")
        rows = self.rows(call, place)
        if self._by_time_first:
            rows = self._within(call, rows)
        if self._leaves_out:
            rows = [row for row in rows if self._is_there(call, row)]
        rows = self._once(call, rows)
        if resource.none and not rows:
            status, message = resource.none
            raise ApiError(status, {"message": message})
        if resource.object:
            return self._object(call, rows)
        return self._list(call, self._ordering.rows(call, self._filtered(call, rows)))

    def _list(self, call: Call, rows: list[Row]) -> Response:
        """The rows, in pages or all at once."""
        resource = self.resource
        more = [one for name, one in resource.adds.items() if call.query.maybe_flag(name)]
        is_whole = bool(resource.for_admins) and call.access.is_admin(call.viewer)

        def show(row: Row) -> bytes:
            if is_whole:
                return orjson.dumps(shown_to_admin(call.world, resource, row))
            if not more:
                return body(call.world, resource, row)
            return orjson.dumps({**shown(call.world, resource, row), **ChainMap(*more)})

        since = resource.paged_since
        if resource.paging == "none" or (since and not _is_since(call, since)):
            return respond([show(row) for row in rows if row.readable], {})
        if resource.paging == "token":
            return self._by_token(call, rows, show)
        if resource.paging == "keyset" and call.query.text("pagination") == "keyset":
            return self._keyset(call, rows, show)
        return offset(call, rows, show, most=resource.most)

    def place(self, call: Call) -> Place | None:
        """What the request is about; None where a feature that is off shows nothing."""
        resource = self.resource
        if resource.since and not _is_since(call, resource.since):
            raise no_route()
        if call.viewer is None and (resource.level or not resource.anonymous):
            raise unauthorized()
        root = self._root(call)
        if self._is_off(call, root):
            self._refuse(call)
            return None
        if resource.top and root is not None and root.facts["parent_id"] is not None:
            raise ApiError(400, {"message": resource.top})
        self._authorize(call, root)
        return Place(root, self._owner(call, root))

    def _refuse(self, call: Call) -> None:
        """Raise the refusal of what is off, unless it is shown as empty."""
        how = self.resource.refused
        if self.resource.switch:
            how = getattr(call.settings, self.resource.switch)
        if how == "empty" and call.viewer is None:
            raise unauthorized()
        if how != "empty":
            refusal = REFUSALS[int(how)]
            raise refusal()

    def _is_off(self, call: Call, root: Row | None) -> bool:
        resource = self.resource
        if resource.switch and getattr(call.settings, resource.switch) != "on":
            return True
        if TIERS.index(call.settings.tier) < TIERS.index(resource.tier):
            return True
        is_project = root is not None and resource.root == "projects"
        return bool(
            is_project
            and resource.feature
            and root is not None
            and structure.feature(root, resource.feature) == "disabled"
        )

    def _root(self, call: Call) -> Row | None:
        if self.resource.named_by:
            return call.group_in_query(self.resource.named_by)
        if self.resource.root == "projects":
            return call.project()
        return call.group() if self.resource.root == "groups" else None

    def _authorize(self, call: Call, root: Row | None) -> None:
        resource, access = self.resource, call.access
        if not resource.level or access.is_admin(call.viewer):
            return
        denial = REFUSALS[resource.denied]
        if root is None:
            raise denial()
        if resource.public and root.facts["visibility"] == "public":
            return
        level = level_in(call, root, resource)
        if level < resource.level:
            raise denial()

    def _owner(self, call: Call, root: Row | None) -> Row | None:
        owner = root
        names = chain(self.resource)
        for parameter, name in zip(self.resource.parameters, names, strict=True):
            if name in SHOWN_IN_PROJECTS and (
                root is None or not call.access.shows(call.viewer, root, name)
            ):
                raise forbidden()
            found = find_below(call.world, name, owner, parameter, call.param(parameter))
            hidden = name == "issues" and found is not None
            if found is None or (hidden and not call.access.shows_issue(call.viewer, found)):
                raise not_found(name.removesuffix("s").replace("_", " ").title())
            owner = found
        return owner

    def rows(self, call: Call, place: Place) -> list[Row]:
        """The rows of the place; of groups above and below too, where the list has them."""
        rows = rows_below(call.world, self.resource.name, place.owner)
        if place.root is not None and place.owner is place.root:
            rows = rows + self._above(call, place.root) + self._below(call, place.root)
        return rows

    def _above(self, call: Call, root: Row) -> list[Row]:
        """The rows of the groups above, where one of the parameters adds them."""
        wanted = self.resource.ancestors.items()
        is_wanted = any(call.query.flag(name, default=default) for name, default in wanted)
        if not is_wanted and not self.resource.of_ancestors:
            return []
        in_project = self.resource.root == "projects"
        start = root.group_id if in_project else root.facts["parent_id"]
        return [
            row
            for group in call.world.ancestors(start)
            for row in rows_below(call.world, self.resource.name, group)
        ]

    def _below(self, call: Call, root: Row) -> list[Row]:
        """The rows of what lies below a group, where a parameter adds them."""
        resource, world = self.resource, call.world
        if resource.below_since and not _is_since(call, resource.below_since):
            return []
        homes: list[Row] = []
        flags = resource.descendants.items()
        if resource.of_groups or any(call.query.flag(one, default=value) for one, value in flags):
            homes += [
                one
                for one in world.descendants(root.id)
                if one is not root and call.access.sees_group(call.viewer, one)
            ]
        wanted = resource.projects_below.items()
        if resource.of_projects or any(
            call.query.maybe_flag(one) is value for one, value in wanted
        ):
            homes += [
                one
                for one in call.access.visible_projects(call.viewer, root.id)
                if not resource.feature or structure.feature(one, resource.feature) != "disabled"
            ]
        return [row for home in homes for row in rows_below(world, resource.name, home)]

    def _is_there(self, call: Call, row: Row) -> bool:
        """Whether the row is in this list for this viewer."""
        resource = self.resource
        if self._may_be_nothing and is_nothing(call.world, resource, row):
            return False
        if resource.keep:
            made = shown(call.world, resource, row)
            if any(made.get(name) != value for name, value in resource.keep.items()):
                return False
        return not resource.own_below or self._may_see(call, row)

    def _may_see(self, call: Call, row: Row) -> bool:
        """Below a role, a viewer is shown what is his own."""
        if call.access.is_admin(call.viewer):
            return True
        root = home_of(call.world, row)
        level = 0 if root is None else level_in(call, root, self.resource)
        if level >= ROLES[self.resource.own_below]:
            return True
        return is_own(shown(call.world, self.resource, row), call.viewer)

    def _once(self, call: Call, rows: list[Row]) -> list[Row]:
        """The first row of each value that no two rows of the list share."""
        name = self.resource.once
        if not name:
            return rows
        first: dict[Any, Row] = {}
        for row in rows:
            first.setdefault(shown(call.world, self.resource, row)[name], row)
        return list(first.values())

    def _within(self, call: Call, rows: list[Row]) -> list[Row]:
        for parameter, column in self.resource.filters.items():
            if parameter.endswith(TIMES) and call.query.many(parameter):
                rows = within(call, self.resource, rows, parameter, column)
        if self.resource.span:
            last = call.query.moment("created_before") or call.world.clock.now()
            rows = [row for row in rows if row.created >= last - self.resource.span[1] * DAY]
        return rows

    def _filtered(self, call: Call, rows: list[Row]) -> list[Row]:
        if not self._by_time_first:
            rows = self._within(call, rows)
        for parameter, column in self.resource.filters.items():
            if not parameter.endswith(TIMES) and call.query.many(parameter):
                rows = [row for row in rows if passes(call, self.resource, row, parameter, column)]
        return rows

    @staticmethod
    def _by_token(call: Call, rows: list[Row], show: Callable[[Row], bytes]) -> Response:
        """A page by ``page_token`` with ``pagination=keyset``; the first one alone without it."""
        by_name = {str(row.id): row for row in rows}

        def show_one(name: str) -> bytes:
            return show(by_name[name])

        if call.query.text("pagination") == "keyset":
            return keyset_by_name(call, list(by_name), show_one, defaults={})
        return offset(call, list(by_name)[: page_size(call)], show_one, defaults={})

    def _keyset(self, call: Call, rows: list[Row], show: Callable[[Row], bytes]) -> Response:
        query = call.query
        if (query.text("order_by"), query.text("sort", "desc")) != ("id", "desc"):
            raise keyset_unavailable()
        rows = sorted(rows, key=lambda row: row.id, reverse=True)
        cursor = query.text("cursor")
        if cursor:
            last = decode_cursor(cursor)
            rows = [row for row in rows if row.id < last]
        return keyset_by_cursor(call, rows, show, defaults={})

    def _object(self, call: Call, rows: list[Row]) -> Response:
        if rows:
            return respond_one(orjson.dumps(shown(call.world, self.resource, rows[0])))
        if isinstance(self.resource.nothing, dict):
            return respond_one(orjson.dumps(self.resource.nothing))
        if self.resource.nothing == "null":
            return respond_one(b"null")
        if self.resource.nothing == "empty":
            return respond_one(b"{}")
        raise nothing_there()


class Part(Answer):
    """Answers GET of one field of an object."""

    def __init__(self, resource: Resource, field: str) -> None:
        super().__init__(resource)
        self._field = field

    def _object(self, call: Call, rows: list[Row]) -> Response:
        if not rows:
            return super()._object(call, rows)
        made = shown(call.world, self.resource, rows[0])
        return respond_one(orjson.dumps({self._field: made[self._field]}))


class Single(Answer):
    """Answers GET of one row of a list."""

    def __call__(self, call: Call) -> Response:
        """The row with what only a single one has, or 404."""
        resource = self.resource
        place = self.place(call)
        if place is not None:
            parameter = resource.one.removeprefix(":")
            wanted = call.param(parameter)
            for row in self.rows(call, place):
                made = shown(call.world, resource, row)
                column = "iid" if parameter.endswith("iid") else "id"
                if str(made.get(column, made.get(parameter))) == wanted:
                    more = Filled(call.world, resource, row).value(resource.one_adds)
                    return respond_one(orjson.dumps({**made, **more}))
        raise not_found(resource.name.removesuffix("s").replace("_", " ").title())
