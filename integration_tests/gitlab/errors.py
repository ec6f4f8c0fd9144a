"""Answers that are not the one hoped for, in the words that GitLab uses."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


class ApiError(Exception):
    """Ends a request with this status and JSON body."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}

    def response(self) -> Response:
        """The HTTP response that this error stands for."""
        return json_response(self.body, self.status, self.headers)


def json_response(
    body: Any,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """A JSON response."""
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


GROUP, PROJECT, REPOSITORY, COMMIT = "Group", "Project", "Repository", "Commit"
EPIC, PIPELINE, MERGE_REQUEST = "Epic", "Pipeline", "Merge Request"


def not_found(what: str) -> ApiError:
    """404 with GitLab's message for a missing thing, such as ``Project``."""
    return ApiError(404, {"message": f"404 {what} Not Found"})


def no_route() -> ApiError:
    """404 for an address that the API does not have (the last route of lib/api/api.rb)."""
    return ApiError(404, {"error": "404 Not Found"})


def forbidden() -> ApiError:
    """403 for a feature that is off or a role that is too low."""
    return ApiError(403, {"message": "403 Forbidden"})


def unauthorized() -> ApiError:
    """401 for no token where one is needed, or one that GitLab does not know."""
    return ApiError(401, {"message": "401 Unauthorized"})


def invalid(parameter: str, why: str = "is invalid") -> ApiError:
    """400 for a parameter that does not fit its type."""
    return ApiError(400, {"error": f"{parameter} {why}"})


def bad_request(reason: str) -> ApiError:
    """400 for parameters that fit their types but not each other."""
    return ApiError(400, {"message": f"400 Bad request - {reason}"})


def method_not_allowed(error: str) -> ApiError:
    """405, which GitLab answers where a kind of paging is not to be had."""
    return ApiError(405, {"error": error})
