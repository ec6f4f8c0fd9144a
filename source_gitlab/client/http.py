"""Requests to GitLab's REST API: retried, limited, and never trusted to be the JSON they should be.

One `Client` serves all streams: one pool of connections, one set of limits, one token.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from source_gitlab.client import refusals
from source_gitlab.client.auth import Bearer, Credentials
from source_gitlab.client.errors import (
    BadRequest,
    FatalError,
    GitlabError,
    OffsetLimit,
    ReadError,
    Unauthorized,
)
from source_gitlab.client.limits import Limits, backoff, family
from source_gitlab.client.tls import Certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from source_gitlab.client.auth import Rotated
    from source_gitlab.config import Config

Row = dict[str, Any]
Query = dict[str, Any]

# 100 rows of GitLab's largest resources stay far below; what is larger is no page of a list.
_LARGEST_BODY = 256 * 1024 * 1024
_CONNECT_TIMEOUT = 15.0
_REDIRECTS = 3
_RETRIED = frozenset({408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524})


@dataclass(frozen=True)
class Retries:
    """How often one request is tried, and the seconds before its second try (then doubling).

    A refusal for going too fast (429) is not counted in `tries`; it ends after `refusals`.
    """

    tries: int = 6
    first: float = 1.0
    refusals: int = 30


@dataclass(frozen=True)
class Answer:
    """One answer of GitLab.

    `next` is the query of the next page, or None on the last; `total` is the number of rows in
    the whole list where GitLab says it (it does not above 10,000 rows).
    """

    data: Any
    next: Query | None
    total: int | None


class Client:
    """GETs below `<base_url>/api/v4`. Thread-safe."""

    def __init__(
        self,
        config: Config,
        *,
        on_rotated: Callable[[Rotated], None] | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Open the pool; no request is made yet."""
        self.api_url = config.api_url
        self.limits = Limits(config.num_workers, config.max_requests_per_minute)
        self.requests: Counter[str] = Counter()
        self.retried = 0
        self.retries = retries or Retries()
        wait = float(config.request_timeout)
        self._timeout = (min(_CONNECT_TIMEOUT, wait), wait)
        self._counting = threading.Lock()
        self._certificates = Certificates(config)
        self._http = _session(config, self._certificates)
        self._credentials = Credentials(config, self._http, on_rotated)
        self._dead: FatalError | None = None
        self._date = ""
        self._clock_ahead = 0.0

    def close(self) -> None:
        """Close the pool and remove temporary files."""
        self._http.close()
        self._certificates.close()

    def now(self) -> float:
        """The server's clock, in seconds since the epoch, as its last `Date` header tells it."""
        return time.time() + self._clock_ahead

    def rows(self, path: str, query: Mapping[str, Any]) -> Answer:
        """One page of a list.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        answer = self.get(path, query)
        if not isinstance(answer.data, list) or not all(isinstance(r, dict) for r in answer.data):
            raise self._not_what_was_asked(path, "a list of objects", answer.data)
        return answer

    def one(self, path: str, query: Mapping[str, Any] | None = None) -> Row:
        """One object.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        data = self.get(path, query or {}).data
        if not isinstance(data, dict):
            raise self._not_what_was_asked(path, "an object", data)
        return data

    def get(self, path: str, query: Mapping[str, Any]) -> Answer:
        """The parsed answer to GET `path` (below /api/v4), after retries.

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        return self._get(f"{self.api_url}/{path}", path, query)

    def token_info(self) -> Row:
        """What an OAuth token says of itself; GitLab keeps this outside of /api/v4.

        https://docs.gitlab.com/api/oauth2/#retrieve-the-token-information

        Raises:
            GitlabError: as `client.errors` sorts it.
        """
        path = "oauth/token/info"
        data = self._get(f"{self.api_url.removesuffix('/api/v4')}/{path}", path, {}).data
        if not isinstance(data, dict):
            raise self._not_what_was_asked(path, "an object", data)
        return data

    def _get(self, url: str, path: str, query: Mapping[str, Any]) -> Answer:
        text = urlencode({key: _text(value) for key, value in query.items()})
        response, body = _Exchange(self, f"{url}?{text}" if text else url, path).run()
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise self._not_json(url, response, body) from None
        return Answer(data, _next(response.headers, query), _number(response.headers, "X-Total"))

    def token(self) -> str:
        """The token to send now.

        Raises:
            FatalError: it has expired and cannot be renewed, or the sync was stopped.
        """
        if self._dead is not None:
            raise self._dead
        if self.limits.stop.is_set():
            message = "The sync was stopped."
            raise FatalError(message)
        try:
            return self._credentials.token()
        except FatalError as error:
            raise self.die(error) from error

    def renew(self, token: str) -> bool:
        """After a 401 for `token`: whether there is another one to try now."""
        try:
            return self._credentials.renew(token)
        except FatalError as error:
            raise self.die(error) from error

    def die(self, error: FatalError) -> FatalError:
        """Let every request from now on end with this error."""
        self._dead = error
        self.limits.stop.set()
        return error

    def fetch(self, url: str, token: str, name: str) -> tuple[requests.Response, bytes]:
        """One try of one request, once the limits let it start."""
        self.limits.enter(name)
        try:
            with self._counting:
                self.requests[name] += 1
            # Streamed and read in one piece: requests would join the body from 10 KiB chunks.
            with self._http.get(
                url, auth=Bearer(token), timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                body = response.raw.read(_LARGEST_BODY, decode_content=True)
        finally:
            self.limits.leave()
        if len(body) == _LARGEST_BODY:
            shown = url.partition("?")[0]
            message = f"{shown} sent more than {_LARGEST_BODY >> 20} MiB."
            raise ReadError(message, url=shown)
        self._learn_time(response)
        if response.status_code != requests.codes.too_many_requests:
            self.limits.learn(name, response.headers, self.now())
        return response, body

    def note_retry(self) -> None:
        """Count a request that is made again."""
        with self._counting:
            self.retried += 1

    def _learn_time(self, response: requests.Response) -> None:
        date = response.headers.get("Date", "")
        if date and date != self._date:
            self._date = date
            try:
                self._clock_ahead = parsedate_to_datetime(date).timestamp() - time.time()
            except ValueError:
                self._clock_ahead = 0.0

    def _not_json(self, url: str, response: requests.Response, body: bytes) -> ReadError:
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        what = "an empty body" if not body.strip() else f"{kind} that is not JSON"
        message = f"{url} answered with {what}. Check that api_url is the address of GitLab itself."
        return ReadError(message, url=url, status=response.status_code)

    def _not_what_was_asked(self, path: str, wanted: str, data: Any) -> ReadError:
        url = f"{self.api_url}/{path}"
        return ReadError(f"{url} answered with {_kind(data)} instead of {wanted}.", url=url)


class _Exchange:
    """One request until it is answered, with all its tries."""

    def __init__(self, client: Client, url: str, path: str) -> None:
        self._client = client
        self._url = url
        self._shown = url.partition("?")[0]
        self._name = family(path)
        self._delays = backoff(client.retries.first)
        self._tries = self._refusals = self._redirects = 0
        self._renewed = False

    def run(self) -> tuple[requests.Response, bytes]:
        while True:
            token = self._client.token()
            try:
                response, body = self._client.fetch(self._url, token, self._name)
            except (requests.RequestException, HTTPError) as error:
                problem = ReadError(refusals.transport(self._shown, error), url=self._shown)
                problem.__cause__ = error
                self._wait_or_raise(problem)
                continue
            if response.status_code == requests.codes.ok:
                return response, body
            self._refused(response, body, token)

    def _refused(self, response: requests.Response, body: bytes, token: str) -> None:
        """Prepare the next try, or raise."""
        status = response.status_code
        if status == requests.codes.too_many_requests:
            self._slow_down(response)
        elif status == requests.codes.unauthorized and not token:
            raise refusals.needs_token(self._shown, body)
        elif status == requests.codes.unauthorized:
            if self._renewed or not self._client.renew(token):
                error = Unauthorized(refusals.unauthorized(body), url=self._shown, status=status)
                raise self._client.die(error)
            self._renewed = True
        elif response.is_redirect:
            self._follow(response)
        elif status in _RETRIED:
            message = refusals.server(self._shown, status, body)
            self._wait_or_raise(ReadError(message, url=self._shown, status=status))
        else:
            raise _refused(self._shown, status, body)

    def _wait_or_raise(self, problem: ReadError) -> None:
        self._tries += 1
        if self._tries >= self._client.retries.tries or self._client.limits.stop.is_set():
            raise problem
        self._client.note_retry()
        self._client.limits.stop.wait(next(self._delays))

    def _slow_down(self, response: requests.Response) -> None:
        self._refusals += 1
        if self._refusals > self._client.retries.refusals:
            raise ReadError(refusals.too_many(self._shown), url=self._shown, status=429)
        self._client.limits.refused(self._name, response.headers, self._client.now())
        self._client.note_retry()

    def _follow(self, response: requests.Response) -> None:
        """Go to where a moved project or group is now, if that is on this GitLab."""
        self._redirects += 1
        location = urlsplit(response.headers.get("Location", ""))
        here = urlsplit(self._client.api_url)
        prefix = f"{here.path}/"
        elsewhere = location.netloc not in {"", here.netloc}
        if self._redirects > _REDIRECTS or elsewhere or not location.path.startswith(prefix):
            message = refusals.redirected(self._shown, response)
            raise ReadError(message, url=self._shown, status=response.status_code)
        self._shown = f"{self._client.api_url}/{location.path[len(prefix) :]}"
        query = location.query or urlsplit(self._url).query
        self._url = f"{self._shown}?{query}" if query else self._shown


def _session(config: Config, certificates: Certificates) -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(
        pool_connections=4, pool_maxsize=config.num_workers, max_retries=0, pool_block=False
    )
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"User-Agent": "source-gitlab", "Accept": "application/json"})
    if certificates.authority:
        session.verify = certificates.authority
    if certificates.client and certificates.key:
        session.cert = (certificates.client, certificates.key)
    return session


def _refused(url: str, status: int, body: bytes) -> GitlabError:
    if status in {403, 404, 410}:
        return refusals.skipped(url, status, body)
    if status == requests.codes.method_not_allowed and b"offset" in body.lower():
        return OffsetLimit(refusals.client(url, status, body), url=url, status=status)
    if status in {400, 422}:
        return BadRequest(refusals.client(url, status, body), url=url, status=status)
    return ReadError(refusals.client(url, status, body), url=url, status=status)


def _next(headers: Mapping[str, str], query: Mapping[str, Any]) -> Query | None:
    """The query of the next page.

    Only the query is taken from the link: proxies put hosts into it that are not ours
    (https://docs.gitlab.com/api/rest/#pagination-link-header).
    """
    for link in requests.utils.parse_header_links(headers.get("Link", "")):
        if link.get("rel") == "next":
            return dict(parse_qsl(urlsplit(link["url"]).query))
    number = headers.get("X-Next-Page", "")
    return {**query, "page": number} if number else None


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isdigit() else None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(data: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null"}.get(
        type(data), "a number"
    )


def pages_of(fetch: Callable[[Query], Answer], query: Query) -> Iterator[Answer]:
    """Every page of a list, one after the other, as far as GitLab says that there is a next one.

    Raises:
        ReadError: the next page is one that was already read, which would never end.
    """
    asked: set[tuple[tuple[str, str], ...]] = set()
    following: Query | None = query
    while following is not None:
        identity = tuple(sorted((key, _text(value)) for key, value in following.items()))
        if identity in asked:
            message = "GitLab names a page that was already read as the next one."
            raise ReadError(message)
        asked.add(identity)
        answer = fetch(following)
        yield answer
        following = answer.next
