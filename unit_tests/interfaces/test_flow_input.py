"""What the Flow capture reads and writes: lengths of time, requests in pieces, acknowledgements."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from source_gitlab.cli.capture import is_meant
from source_gitlab.config import ConfigError
from source_gitlab.interfaces.flow import intervals
from source_gitlab.interfaces.flow.input import ProtocolError, Requests
from source_gitlab.interfaces.flow.output import Output, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT5M", 300),
        ("P1D", 86_400),
        ("P1DT2H3M4S", 93_784),
        ("PT0S", 0),
        ("5m", 300),
        ("1h30m", 5_400),
        (" PT1H ", 3_600),
    ],
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    """ISO 8601, and the form that captures have; the form's pattern takes the same."""
    assert intervals.seconds(text, otherwise=1.0) == seconds
    assert re.match(intervals.PATTERN, text.strip())


@pytest.mark.parametrize("text", ["P", "PT", "soon", "5", 300, "P1Y", "PT5m", "-PT5M", "P999D", []])
def test_what_is_no_length_of_time_is_refused(text: object) -> None:
    """In a sentence that names the field."""
    with pytest.raises(ConfigError, match="interval: "):
        intervals.seconds(text, otherwise=1.0)


@pytest.mark.parametrize("text", ["", None])
def test_an_interval_may_be_missing(text: object) -> None:
    """Forms send blanks for what is left empty."""
    assert intervals.seconds(text, otherwise=7.0) == 7.0


def reading(*parts: bytes) -> Callable[[int], bytes]:
    """An input that comes in these parts."""
    left = [*parts, b""]
    return lambda _: left.pop(0)


def silent() -> Output:
    """An output that nobody looks at."""
    return Output(lambda _: None)


def test_requests_come_in_any_pieces() -> None:
    """Blank lines are none, and the last line may lack its end."""
    read = reading(b'{"a"', b': 1}\n{"b": 2}\n\n{"c"', b":", b" 3}")
    found = list(Requests(read, silent(), threading.Event()))
    assert found == [{"a": 1}, {"b": 2}, {"c": 3}]


@pytest.mark.parametrize("line", [b"spec\n", b"[]\n", b'"open"\n', b'{"acknowledge": 1}\n'])
def test_what_is_no_request_is_refused(line: bytes) -> None:
    """Behind the requests before it."""
    requests = iter(Requests(reading(b'{"a": 1}\n' + line), silent(), threading.Event()))
    assert next(requests) == {"a": 1}
    with pytest.raises(ProtocolError, match=r"is (no|of no)"):
        next(requests)


def test_a_checkpoint_is_awaited() -> None:
    """Until so many are acknowledged, or none can be any more."""
    output = silent()
    first, second = output.commit([], {}), output.commit([], {})
    acknowledged = b'{"acknowledge": {"checkpoints": 1}}\n'
    assert list(Requests(reading(acknowledged), output, threading.Event())) == []
    assert output.wait_for(first, 3600)
    assert not output.wait_for(second, 3600)
    assert not output.is_acknowledged


def test_an_acknowledgement_that_does_not_come_is_not_awaited_for_ever() -> None:
    """As long as it may take, and no longer."""
    output = silent()
    assert not output.wait_for(output.commit([], {}), 0.01)


def test_a_runtime_that_is_gone_is_told() -> None:
    """Not as a fault of the program."""

    def broken(_: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(OutputError, match="Broken pipe"):
        Output(broken).send("spec", {})


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], True),
        (["--log.level=debug"], True),
        (["--log.level", "debug", "--log.format=json"], True),
        (["--help"], False),
        (["sync"], False),
        (["--log.level", "debug", "sync"], False),
    ],
)
def test_which_arguments_a_capture_has(arguments: list[str], *, expected: bool) -> None:
    """None, or flags for logs."""
    assert is_meant(arguments) is expected
