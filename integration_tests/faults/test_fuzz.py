"""Real answers, catalogs and states with something changed in them: rows, or a clear error."""

from __future__ import annotations

import io
import json
import logging
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from integration_tests.support.process import catalog, file
from integration_tests.support.reading import config_for
from source_gitlab.cli.airbyte import command_parser
from source_gitlab.config import parse
from source_gitlab.core.session import Session
from source_gitlab.core.state import StreamState
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.errors import GitlabError
from source_gitlab.interfaces.airbyte.batches import of_lines
from source_gitlab.interfaces.airbyte.entrypoint import messages_of
from source_gitlab.interfaces.airbyte.errors import Failure
from source_gitlab.interfaces.airbyte.source import Source
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hypothesis.strategies import DataObject
    from requests import PreparedRequest, Response

    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.core.slices import Slice
    from source_gitlab.streams import Stream

ONCE = Retries(tries=1, first=0.0)
# For each stream; a long run takes hundreds.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))


@dataclass(frozen=True)
class Recorded:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Tape(BaseAdapter):
    """Real answers by URL; what is not on it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Recorded] = {}
        self.asked: list[str] = []
        self.change: Callable[[str, Recorded], Recorded] | None = None
        self._http = HTTPAdapter()

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        """Answer from the tape, or record what is answered."""
        # Queries of GraphQL have one address; what they ask for is in the body.
        body = request.body or b""
        url = f"{request.url} {body if isinstance(body, str) else body.decode()}".strip()
        self.asked.append(url)
        assert len(self.asked) < 3000, "this read does not end"
        if url not in self.answers:
            with self._http.send(request, *args, **{**more, "stream": False}) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                for name in ("content-encoding", "transfer-encoding", "content-length"):
                    headers.pop(name, None)
                self.answers[url] = Recorded(response.status_code, headers, response.content)
        answer = self.answers[url]
        if self.change:
            answer = self.change(url, answer)
        raw = HTTPResponse(
            io.BytesIO(answer.body), answer.headers, answer.status, preload_content=False
        )
        return self._http.build_response(request, raw)

    def close(self) -> None:
        """Other reads go on with it."""

    def rewind(self) -> None:
        """Count from here on what is asked for."""
        self.asked = []


@pytest.fixture(scope="module")
def tape() -> Tape:
    """One recording for all that is tried."""
    return Tape()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a piece of JSON; of lists, the first and the last item stand for all."""
    yield path
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from places(inner, (*path, key))
    elif isinstance(node, list) and node:
        for number in {0, len(node) - 1}:
            yield from places(node[number], (*path, number))


def changed(body: bytes, data: DataObject) -> bytes:
    """The body, wrong in one place."""
    kind = data.draw(st.sampled_from(["replace", "replace", "remove", "cut", "garble"]))
    if kind == "cut":
        return body[: data.draw(st.integers(0, max(len(body) - 1, 0)))]
    if kind == "garble":
        place = data.draw(st.integers(0, max(len(body) - 1, 0)))
        return body[:place] + data.draw(st.binary(min_size=1, max_size=4)) + body[place + 1 :]
    tree = orjson.loads(body)
    # Few places are deep, most of a row is flat: draw the column first, so that each gets its turn.
    path = data.draw(st.sampled_from(sorted(places(tree), key=lambda path: (len(path), str(path)))))
    value = data.draw(JSON)
    if not path:
        return json.dumps(value, allow_nan=False).encode() if _is_finite(value) else b"NaN"
    holder = tree
    for step in path[:-1]:
        holder = holder[step]
    if kind == "remove":
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return orjson.dumps(tree, default=str, option=orjson.OPT_NON_STR_KEYS)


def _is_finite(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def read_slice(
    session: Session, stream: Stream, slice_: Slice, state: StreamState
) -> GitlabError | None:
    """Read a slice to its end, or to the error that is returned."""
    try:
        for _page in session.read(stream, slice_, state):
            pass
    except GitlabError as error:
        return error
    return None


def read_core(gitlab: Emulator, tape: Tape, name: str) -> list[GitlabError]:
    """Read a stream twice, the second time from its state; the errors that this met."""
    tape.rewind()
    errors: list[GitlabError] = []
    stream, state = streams()[name], StreamState()
    config = parse(config_for(gitlab, groups_list=["acme"], num_workers=1, commit_refs="all"))
    for _ in range(2):
        with Session(config, retries=ONCE, transport=tape) as session:
            try:
                errors += [
                    error
                    for slice_ in list(session.plan(stream, state))
                    if (error := read_slice(session, stream, slice_, state)) is not None
                ]
            except GitlabError as error:
                errors.append(error)
        state = StreamState.load(state.to_json())
    return errors


RECORDED: dict[str, tuple[list[str], dict[str, Any]]] = {}
"""What each stream asks for, and what is answered, by address."""


@pytest.mark.parametrize("name", streams())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_answers_that_are_wrong_somewhere(
    gitlab: Emulator, tape: Tape, name: str, data: DataObject
) -> None:
    """Whatever an answer holds: rows, or an error of ours that names a place."""
    tape.change = None
    if name not in RECORDED:
        # Threads may ask for more or less; what is drawn from must be the same each time.
        read_core(gitlab, tape, name)
        RECORDED[name] = list(dict.fromkeys(tape.asked)), dict(tape.answers)
    asked, answers = RECORDED[name]
    url = asked[data.draw(st.integers(0, len(asked) - 1))]
    wrong = replace(answers[url], body=changed(answers[url].body, data))
    place = urlsplit(url).path
    tape.change = lambda asked, real: wrong if urlsplit(asked).path == place else real
    errors = read_core(gitlab, tape, name)
    tape.change = None
    for error in errors:
        assert gitlab.url in f"{error} {error.url}" or "GitLab" in str(error)
        assert len(str(error)) < 1000
        assert "Traceback" not in str(error)


def answered(folder: Path, tape: Tape, config: object, chosen: object, state: object) -> str:
    """How a read with these files ends: its one sentence, or nothing."""
    arguments = ["--config", str(file(folder, "config.json", config))]
    arguments += ["--catalog", str(file(folder, "catalog.json", chosen))]
    arguments += ["--state", str(file(folder, "state.json", state))]
    source = Source(lambda _: None, shape=of_lines, raw_rows=True, retries=ONCE, transport=tape)
    tape.rewind()
    try:
        for message in messages_of(source, "read", command_parser("read").parsed(arguments)):
            assert "stack_trace" not in message.get("trace", {}).get("error", {})
    except Failure as failure:
        return failure.message
    return ""


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """Without the logs of hundreds of reads."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@settings(max_examples=4 * EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.usefixtures("quiet")
def test_catalogs_and_states_that_are_wrong_somewhere(
    gitlab: Emulator, tape: Tape, tmp_path_factory: pytest.TempPathFactory, data: DataObject
) -> None:
    """A read, or one sentence."""
    folder = tmp_path_factory.getbasetemp()
    config = config_for(gitlab, groups_list=["acme"])
    ours = {"version": 1, "through": "2026-01-01T00:00:00.000Z", "projects": "eJxjZAQAAAQAAw=="}
    theirs = {
        "use_global_cursor": False,
        "states": [{"partition": {"id": 101}, "cursor": {"updated_at": "2026-01-01T00:00:00Z"}}],
    }
    content = data.draw(st.sampled_from([ours, theirs]))
    descriptor = {"name": "tags"}
    chosen: Any = catalog(*data.draw(st.sampled_from([("tags", "releases", "commits"), ()])))
    state: Any = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": content}}
        for name in ("tags", "releases", "commits")
    ]
    assert descriptor["name"] in str(state)
    which = data.draw(st.sampled_from(["catalog", "state"]))
    if which == "catalog":
        chosen = changed(orjson.dumps(chosen), data).decode("utf-8", "replace")
    else:
        state = changed(orjson.dumps(state), data).decode("utf-8", "replace")
    sentence = answered(folder, tape, config, chosen, state)
    assert "\n" not in sentence
    assert len(sentence) < 1500
