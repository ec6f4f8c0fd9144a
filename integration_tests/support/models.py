"""A model's side of the MCP server: the official client, over stdio or HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from integration_tests.support.process import command, surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager


@dataclass(frozen=True)
class Told:
    """What a tool answered."""

    text: str
    is_error: bool

    @property
    def answer(self) -> Any:
        """The answer, which is JSON; an error is none."""
        assert not self.is_error, self.text
        return json.loads(self.text)

    @property
    def error(self) -> str:
        """The sentence of an error."""
        assert self.is_error, self.text
        return self.text


async def call(client: Client, tool: str, **arguments: Any) -> Told:
    """Call a tool, and take its one text."""
    result: Any = await client.call_tool(tool, arguments)
    (content,) = result.content
    return Told(content.text, bool(result.is_error))


@asynccontextmanager
async def over_stdio(*arguments: object, **environment: str) -> AsyncIterator[Client]:
    """A client of `source-gitlab mcp` with these arguments, as an agent starts it."""
    program, *rest = command("mcp", *arguments)
    started = StdioServerParameters(
        command=program, args=[*map(str, rest)], env=surroundings(**environment)
    )
    with open(os.devnull, "w", encoding="utf-8") as log:  # noqa: ASYNC230, PTH123 -- no file
        async with Client(stdio_client(started, errlog=log)) as client:
            yield client


def asked(work: Callable[[Client], Awaitable[Any]], *arguments: object, **environment: str) -> Any:
    """What `work` brings with a client over stdio."""

    async def run() -> Any:
        async with over_stdio(*arguments, **environment) as client:
            return await work(client)

    return asyncio.run(run())


@contextmanager
def listening(*arguments: object, **environment: str) -> Iterator[str]:
    """The address of `source-gitlab mcp --http 0`, which runs for the length of the block."""
    process = subprocess.Popen(
        command("mcp", "--http", 0, *arguments),
        env=surroundings(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        address = line.rpartition("Listening on ")[2].strip()
        assert address.startswith("http://127.0.0.1:"), line
        yield address
    finally:
        process.terminate()
        process.communicate()


class Model:
    """A client that stays for many calls, in a loop that goes on between them."""

    def __init__(self, opened: AbstractAsyncContextManager[Client]) -> None:
        """Open it."""
        self._loop = asyncio.new_event_loop()
        self._ready: asyncio.Future[Client] = self._loop.create_future()
        self._leave = asyncio.Event()
        self._task = self._loop.create_task(self._hold(opened))
        waited = {self._ready, self._task}
        self.wait_for(asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED))
        self.client = self._ready.result() if self._ready.done() else self._task.result()

    async def _hold(self, opened: AbstractAsyncContextManager[Client]) -> Any:
        # One task opens and closes the client, as its task groups want it.
        async with opened as client:
            self._ready.set_result(client)
            await self._leave.wait()

    def wait_for(self, awaitable: Coroutine[Any, Any, Any]) -> Any:
        """What it brings."""
        return self._loop.run_until_complete(awaitable)

    def call(self, name: str, **arguments: Any) -> Told:
        """Call a tool."""
        found: Told = self.wait_for(call(self.client, name, **arguments))
        return found

    def close(self) -> None:
        """Leave."""
        self._leave.set()
        self._loop.run_until_complete(self._task)
        self._loop.close()
