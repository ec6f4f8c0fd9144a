"""Start the emulator as a process of its own, from tests and from demonstrations."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import requests

from integration_tests.gitlab.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

ROOT = Path(__file__).resolve().parents[2]
_GRACE = 10.0  # seconds that it has to end by itself


class EmulatorError(RuntimeError):
    """The emulator did not start, or refused what it was asked."""


class Emulator:
    """The emulator in a process of its own, on a free port of 127.0.0.1.

    Give the arguments of ``python -m integration_tests.gitlab``: ``Emulator("--gzip")``.
    Use it as a context manager, or call :meth:`stop`. Should the parent die, it ends by itself.
    """

    def __init__(self, *arguments: object) -> None:
        command = [
            sys.executable,
            "-m",
            "integration_tests.gitlab",
            "--port",
            "0",
            "--exit-with-parent",
            *map(str, arguments),
        ]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            message = f"the emulator ended with {self._process.wait(PATIENCE)} before it listened"
            raise EmulatorError(message)
        self.ready: dict[str, Any] = json.loads(line)
        self.url = str(self.ready["url"])
        self.port = int(self.ready["port"])
        self.token = str(self.ready["token"])
        self.pid = self._process.pid
        root = self.url.split("://", 1)
        self._control_url = f"{root[0]}://{root[1].split('/')[0]}"
        self._session = requests.Session()
        self._session.trust_env = False
        self.certificates: Path | None = None
        if self.ready["certificates"]:
            folder = self.certificates = Path(self.ready["certificates"])
            self._session.verify = str(folder / "ca.pem")
            self._session.cert = (str(folder / "client.pem"), str(folder / "client-key.pem"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and wait for it."""
        self._session.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def get(
        self,
        path: str,
        params: Mapping[str, object] | None = None,
        *,
        token: str | None = "",
        timeout: float = PATIENCE,
        **more: object,
    ) -> requests.Response:
        """GET below /api/v4 with the default token, another one, or (None) none at all."""
        headers = {}
        if token is not None:
            headers["authorization"] = f"Bearer {token or self.token}"
        query = {name: str(value) for name, value in {**(params or {}), **more}.items()}
        return self._session.get(
            f"{self.url}/api/v4/{path.lstrip('/')}",
            params=query,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
        )

    def post(self, path: str, body: object) -> Any:
        """POST JSON to the control API; raises EmulatorError when it is refused."""
        return self._control("POST", path, body)

    def control(self, path: str, **params: str) -> Any:
        """GET from the control API."""
        return self._control("GET", path, None, params)

    def _control(
        self,
        method: str,
        path: str,
        body: object,
        params: dict[str, str] | None = None,
    ) -> Any:
        url = f"{self._control_url}/emulator/{path.lstrip('/')}"
        response = self._session.request(method, url, json=body, params=params, timeout=PATIENCE)
        if not response.ok:
            message = f"{method} {url}: {response.status_code} {response.text}"
            raise EmulatorError(message)
        return orjson.loads(response.content)

    def requests(self, limit: int = 20_000) -> dict[str, Any]:
        """Counts by endpoint and status, and the last requests."""
        found: dict[str, Any] = self.control("requests", limit=str(limit))
        return found

    def reset_requests(self) -> None:
        """Forget the requests so far."""
        self.post("reset-requests", {})

    def reset(self) -> None:
        """Return the emulator to its first state in everything."""
        self.post("reset", {})

    def mutate(self, op: str, **args: object) -> Any:
        """Change the world, see mutations.py."""
        return self.post("mutate", {"op": op, "args": args})

    def faults(self, rules: list[dict[str, Any]], *, keep: bool = False) -> Any:
        """Set the faults, see faults.py; an empty list clears them."""
        return self.post("faults", {"faults": rules, "keep": keep})

    def settings(self, **changes: object) -> dict[str, Any]:
        """Change settings, see settings.py."""
        found: dict[str, Any] = self.post("settings", changes)
        return found

    def clock(self, **change: object) -> str:
        """Set or advance the server's clock; answers with its time."""
        return str(self.post("clock", change)["now"])

    def in_its_own_time(self) -> None:
        """Set the server's clock days ahead, for a test that lets hours pass by setting it.

        A reader on this machine, whose time does not pass, must not take them for an error of
        one of the two clocks.
        """
        self.clock(advance=4 * 86_400)

    def world(self, **params: str) -> dict[str, list[dict[str, Any]]]:
        """What a reader should end up with, see expected.py."""
        found: dict[str, list[dict[str, Any]]] = self.control("world", **params)
        return found
