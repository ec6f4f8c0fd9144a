"""The capture as Flow's runtime starts it: a process without arguments, and lines of JSON."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.flow_runtime import Collection, Runtime
from integration_tests.support.process import ROOT, command, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Capture:
    """A process of the capture, driven as the runtime drives it."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env=surroundings(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.logs: list[dict[str, Any]] = []
        self._logged = threading.Condition()
        self._reader = threading.Thread(target=self._read_logs, daemon=True)
        self._reader.start()

    def _read_logs(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._logged:
                self.logs.append(json.loads(line))
                self._logged.notify_all()

    def send(self, request: dict[str, Any]) -> None:
        """Send one request."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def end_input(self) -> None:
        """Let the input end."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def message(self) -> dict[str, Any]:
        """The next message; it must be there, whole."""
        line = self.line()
        assert line, f"the capture ended: {self.logs[-1:]}"
        found: dict[str, Any] = json.loads(line)
        return found

    def line(self) -> bytes:
        """The next line; empty at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert not line or line.endswith(b"\n")
        return line

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request."""
        self.send(request)
        return self.message()

    def ended(self) -> int:
        """Wait until the process ends; its exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    @property
    def error(self) -> str:
        """What users see of a capture that failed: the last line of its log."""
        assert self.logs[-1]["level"] == "error"
        return str(self.logs[-1]["msg"])

    @property
    def statuses(self) -> list[str]:
        """What the capture said of itself."""
        events = [one for one in self.logs if one["fields"].get("eventType") == "connectorStatus"]
        return [one["msg"] for one in events]

    def wait_for_statuses(self, count: int) -> None:
        """Wait until it has said so much of itself."""
        with self._logged:
            assert self._logged.wait_for(lambda: len(self.statuses) >= count, PATIENCE)

    def close(self) -> None:
        """End the process, if it has not, and let go of its pipes."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                with suppress(BrokenPipeError):  # of what it did not read any more
                    pipe.close()


@contextmanager
def capture(*arguments: str, **environment: str) -> Iterator[Capture]:
    """A process that is gone behind the block."""
    made = Capture(*arguments, **environment)
    try:
        yield made
    finally:
        made.close()


def discover(config: dict[str, Any]) -> dict[str, Collection]:
    """The collections that discovery gives, by name."""
    with capture() as one:
        answer = one.ask({"discover": {"connectorType": "IMAGE", "config": config}})
        one.end_input()
        assert one.ended() == 0
    bindings = answer["discovered"]["bindings"]
    return {binding["recommendedName"]: Collection.of(binding) for binding in bindings}


def read_once(runtime: Runtime, config: dict[str, Any]) -> Capture:
    """Capture everything once; the process, which has ended."""
    with capture() as one:
        one.send(runtime.open({**config, "interval": "PT0S"}))
        one.end_input()
        while line := one.line():
            runtime.take(line)
        one.ended()
    return one


def fresh(collections: dict[str, Collection], names: Sequence[str]) -> Runtime:
    """A runtime with nothing in the collections of these streams."""
    wanted = [collections[name] for name in names]
    return Runtime([Collection(one.name, one.key, one.schema, one.resource) for one in wanted])
