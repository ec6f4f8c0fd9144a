"""A client of Airbyte's service, which keeps connectors and asks GitLab for them.

The requests are those of its SDK; https://docs.airbyte.com/ai-agents/ documents them.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlencode

import orjson
import requests
from urllib3.exceptions import HTTPError

from source_gitlab import __version__
from source_gitlab.gitlab.auth import TokenHeader
from source_gitlab.gitlab.errors import ServerError
from source_gitlab.gitlab.request import Request
from source_gitlab.gitlab.transport.deadline import AnswerBounds, WatchedAdapter
from source_gitlab.gitlab.transport.wire import wire_of
from source_gitlab.interfaces.agent.errors import (
    AuthenticationError,
    CallError,
    CallTimeoutError,
    GitlabAgentError,
    HostedError,
    NetworkError,
    RateLimitError,
)
from source_gitlab.interfaces.agent.results import GitlabExecuteResultWithMeta
from source_gitlab.redaction import keep_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from source_gitlab.gitlab.cancellation import Deadline
    from source_gitlab.gitlab.transport.body import Received
    from source_gitlab.interfaces.agent.auth import AirbyteAuthConfig

HOST_VARIABLE: Final = "SDK_DEV_ADP_API_HOST"
_HOST: Final = "https://api.airbyte.ai"
_CONNECTORS: Final = "/api/v1/integrations/connectors"
_TOKEN: Final = "/api/v1/account/applications/token"  # noqa: S105 -- an address
DEFINITION_ID: Final = "5e6175e5-68e1-4c17-bff9-56103bbb0d80"
"""What Airbyte calls its GitLab connector (its metadata.yaml has it)."""

_TOKEN_SECONDS: Final = 14 * 60.0
_MARGIN: Final = 60.0
_SHORTEST: Final = 0.001
_LARGEST: Final = 256 << 20
_SHOWN: Final = 500
_ERRORS: Final[Mapping[int, type[GitlabAgentError]]] = {
    400: CallError,
    401: AuthenticationError,
    403: AuthenticationError,
    422: CallError,
    429: RateLimitError,
}


class HostedClient:
    """Calls of one account. Thread-safe: at worst, two threads ask for a token each."""

    def __init__(self, auth: AirbyteAuthConfig) -> None:
        """Make no request yet.

        Raises:
            CallError: the client's id or secret is missing.
        """
        if not (auth.airbyte_client_id and auth.airbyte_client_secret):
            message = "AirbyteAuthConfig needs airbyte_client_id and airbyte_client_secret."
            raise CallError(message)
        keep_secret(auth.airbyte_client_secret)
        self._auth = auth
        self._host = (os.environ.get(HOST_VARIABLE) or _HOST).rstrip("/")
        self._http = requests.Session()
        self._http.mount("https://", WatchedAdapter(max_retries=0))
        self._http.mount("http://", WatchedAdapter(max_retries=0))
        self._http.headers["User-Agent"] = f"source-gitlab/{__version__}"
        if auth.organization_id:
            self._http.headers["X-Organization-Id"] = auth.organization_id
        self._wire = wire_of(self._http, self._host)
        self._token = ("", 0.0)
        self.connector_id = auth.connector_id

    def close(self) -> None:
        """Close connections."""
        self._wire.close()
        self._http.close()

    def execute(
        self, entity: str, action: str, params: Mapping[str, Any], deadline: Deadline
    ) -> Any:
        """What the connector brings: records with `meta`, or one of them as it is.

        Raises:
            GitlabAgentError: the service refuses, or does not answer in time.
        """
        path = f"{_CONNECTORS}/{self._connector(deadline)}/execute"
        body = {"entity": entity, "action": action, "params": dict(params)}
        answer = self._call("POST", path, deadline, body={**body, "skip_truncation": True})
        result, metadata = answer.get("result"), answer.get("connector_metadata")
        if isinstance(result, list):
            return GitlabExecuteResultWithMeta(result, dict(metadata or {}))
        return result

    def create(self, body: Mapping[str, Any], deadline: Deadline) -> str:
        """The id of a connector that is made with these fields; raises as `execute` does."""
        made = self._call("POST", _CONNECTORS, deadline, body=self._described(body))
        return self._text(made, "id")

    def consent_url(self, body: Mapping[str, Any], deadline: Deadline) -> str:
        """Where a user gives his consent; the browser ends at `redirect_url?connector_id=…`."""
        path = f"{_CONNECTORS}/oauth/initiate"
        return self._text(
            self._call("POST", path, deadline, body=self._described(body)), "consent_url"
        )

    def _described(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body with the workspace, and what kind of connector it is about."""
        if not self._auth.customer:
            message = "AirbyteAuthConfig needs workspace_name."
            raise CallError(message)
        given = {name: value for name, value in body.items() if value is not None}
        kind = {} if "source_template_id" in given else {"definition_id": DEFINITION_ID}
        return {"customer_name": self._auth.customer, **kind, **given}

    def _connector(self, deadline: Deadline) -> str:
        """The id of the workspace's one GitLab connector, looked up once."""
        if self.connector_id:
            return self.connector_id
        if not self._auth.customer:
            message = "AirbyteAuthConfig needs workspace_name or connector_id."
            raise CallError(message)
        query = {"customer_name": self._auth.customer, "definition_id": DEFINITION_ID}
        found = self._call("GET", _CONNECTORS, deadline, query=query).get("data")
        if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
            count = len(found) if isinstance(found, list) else 0
            message = (
                f"The workspace has {count} GitLab connectors, and one is needed: make it with "
                "GitlabConnector.create, or give connector_id."
            )
            raise HostedError(message)
        self.connector_id = self._text(found[0], "id")
        return self.connector_id

    def _call(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One call with a token, which is renewed once where it is refused."""
        for is_last in (False, True):
            token = self._access_token(deadline)
            response = self._send(method, path, deadline, body=body, query=query, token=token)
            if response.status != requests.codes.unauthorized or is_last:
                break
            self._token = ("", 0.0)
        return self._read(response, path)

    def _access_token(self, deadline: Deadline) -> str:
        token, ends = self._token
        if token and time.monotonic() < ends:
            return token
        body = {
            "client_id": self._auth.airbyte_client_id,
            "client_secret": self._auth.airbyte_client_secret,
        }
        made = self._read(self._send("POST", _TOKEN, deadline, body=body), _TOKEN)
        token, lives = self._text(made, "access_token"), made.get("expires_in")
        is_told = isinstance(lives, (int, float)) and not isinstance(lives, bool)
        seconds = float(lives) - _MARGIN if is_told and lives else _TOKEN_SECONDS
        keep_secret(token)
        self._token = (token, time.monotonic() + seconds)
        return token

    def _send(  # noqa: PLR0913 -- the parts of a request
        self,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        token: str = "",
    ) -> Received:
        deadline.check()
        left = max(deadline.left, _SHORTEST)
        url = self._host + path
        content = None if body is None else orjson.dumps(body)
        request = Request(url, path, urlencode(query or {}), method, content)
        bounds = AnswerBounds(left, time.monotonic() + left, _LARGEST, deadline.is_over)
        try:
            return self._wire.fetch(request, TokenHeader(token), bounds)
        except ServerError as error:
            raise HostedError(str(error), url=url) from error
        except (requests.RequestException, HTTPError) as error:
            if deadline.is_over():
                message = f"{self._host} did not answer in time."
                raise CallTimeoutError(message, url=url) from error
            message = f"{self._host} cannot be reached: {type(error).__name__}."
            raise NetworkError(message, url=url) from error

    def _read(self, received: Received, path: str) -> dict[str, Any]:
        status, url = received.status, self._host + path
        text = received.body.decode("utf-8", "replace")
        if not requests.codes.ok <= status < requests.codes.multiple_choices:
            kind = _ERRORS.get(status, HostedError)
            message = f"{url} answered {status}: {text[:_SHOWN].strip() or 'no reason'}"
            raise kind(message, status=status, url=url)
        try:
            answer = orjson.loads(received.body)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            message = f"{url} answered with something else than an object."
            raise HostedError(message, status=status, url=url)
        return answer

    def _text(self, answer: Mapping[str, Any], name: str) -> str:
        value = answer.get(name)
        if not isinstance(value, str) or not value:
            self._lacks(name)
        return value

    def _lacks(self, name: str) -> NoReturn:
        message = f"{self._host} answered without {name}."
        raise HostedError(message)
