"""One API request on its way: who asks, for what, and the things that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from integration_tests.gitlab.errors import (
    GROUP,
    PROJECT,
    REPOSITORY,
    ApiError,
    forbidden,
    not_found,
)
from integration_tests.gitlab.present.structure import feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from integration_tests.gitlab.access import Access
    from integration_tests.gitlab.auth import Token, Tokens
    from integration_tests.gitlab.query import Query
    from integration_tests.gitlab.rows import Json, Row
    from integration_tests.gitlab.settings import Settings
    from integration_tests.gitlab.world import World


@dataclass
class Call:
    """A request with everything that an endpoint needs to answer it."""

    request: Request
    query: Query
    world: World
    access: Access
    tokens: Tokens
    token: Token | None

    @property
    def settings(self) -> Settings:
        """The settings of the instance."""
        return self.world.settings

    @property
    def viewer(self) -> int | None:
        """The id of the user who asks, or None for an anonymous request."""
        return None if self.token is None else self.token.user_id

    def param(self, name: str) -> str:
        """A parameter of the path, decoded."""
        return unquote(str(self.request.path_params[name]))

    def number(self, name: str, what: str) -> int:
        """A numeric parameter of the path; 400 for something else."""
        value = self.param(name)
        if not value.isdecimal():
            raise ApiError(400, {"error": f"{what} is invalid"})
        return int(value)

    def group(self) -> Row:
        """The group that the path names; 404 when the viewer may not see it."""
        return self._in_sight(self.world.find_group(self.param("id")))

    def group_in_query(self, parameter: str) -> Row:
        """The group that a parameter of the query names by its full path, and not by its id.

        400 without it; 404 as in ``group`` (``find_group_by_full_path!`` in lib/api/helpers.rb).
        """
        path = self.query.text(parameter)
        if path is None:
            raise ApiError(400, {"error": f"{parameter} is missing"})
        return self._in_sight(None if path.isdecimal() else self.world.find_group(path))

    def _in_sight(self, group: Row | None) -> Row:
        if group is None or not self.access.sees_group(self.viewer, group):
            raise not_found(GROUP)
        return group

    def project(self, needs: str | None = None, *, level: int = 0) -> Row:
        """The project that the path names.

        404 when the viewer may not see it, 301 when it has moved; 403 when the feature ``needs``
        is off or the viewer's role in a private project is below ``level``. A repository that is
        off is 404.
        """
        name = self.param("id")
        found = self.world.find_project(name)
        if found is None and (moved := self.world.moved_project(name)) is not None:
            found = moved
            if self.access.sees_project(self.viewer, moved):
                raise self._moved(moved)
        if found is None or not self.access.sees_project(self.viewer, found):
            raise not_found(PROJECT)
        if needs is not None and feature(found, needs) == "disabled":
            raise not_found(REPOSITORY) if needs == "repository" else forbidden()
        private = found.facts["visibility"] != "public"
        if level and private and self.access.project_level(self.viewer, found) < level:
            raise forbidden()
        return found

    def _moved(self, project: Row) -> ApiError:
        raw = str(self.request.path_params["id"])
        url = str(self.request.url.replace(path=self.request.scope["emulator.path"]))
        location = url.replace(f"/{raw}", f"/{project.id}", 1)
        if "." in raw:
            # What is behind a dot is a format to the router, which leaves it out when it makes the
            # address anew (lib/api/helpers.rb, url_with_project_id).
            location = url.partition(f"/{raw}")[0] + f"/{raw.rpartition('.')[0]}"
        outer = self.world.settings.outer_url
        if outer:
            location = outer + urlsplit(location).path
        return ApiError(
            301,
            {"message": f"This resource has been moved permanently to {location}"},
            {"Location": location},
        )

    def show(self, present: Callable[[World, Row], Json]) -> Callable[[Row], bytes]:
        """How to serialise rows with a presenter, remembering what was serialised."""
        world, shown, key = self.world, self.world.shown, present.__name__

        def body(row: Row) -> bytes:
            return row.body(shown, key, lambda: present(world, row))

        return body


@dataclass(frozen=True)
class Endpoint:
    """A GET endpoint of the API: its path below /api/v4 and what a token needs for it.

    ``anonymous`` says that no token is needed for public data, ``job_token`` that a CI job's
    token will do.
    """

    template: str
    answer: Callable[[Call], Response]
    scopes: tuple[str, ...] = ("api", "read_api")
    anonymous: bool = True
    job_token: bool = False


class Registry:
    """The endpoints of a module, in the order in which they are declared."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []

    def get(
        self,
        template: str,
        *,
        scopes: tuple[str, ...] = ("api", "read_api"),
        anonymous: bool = True,
        job_token: bool = False,
    ) -> Callable[[Callable[[Call], Response]], Callable[[Call], Response]]:
        """Declare the function below as the answer to GET of this path."""

        def register(answer: Callable[[Call], Response]) -> Callable[[Call], Response]:
            self.endpoints.append(Endpoint(template, answer, scopes, anonymous, job_token))
            return answer

        return register
