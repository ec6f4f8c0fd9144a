"""The MCP server over HTTP: for this machine alone, and for no page that a browser has open."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from mcp.client.client import Client

from integration_tests.gitlab.patience import PATIENCE
from integration_tests.support.models import call, listening
from integration_tests.support.process import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture(scope="module")
def address(gitlab: Emulator, synced: Path) -> Iterator[str]:
    arguments = ("--file", synced, "--url", gitlab.url)
    with listening(*arguments, GITLAB_TOKEN=gitlab.token) as found:
        yield found


def test_the_official_client_calls_every_kind_of_tool(address: str) -> None:
    async def work() -> list[Any]:
        async with Client(address) as client:
            tools = await client.list_tools()
            return [
                len(tools.tools),
                await call(client, "sql", query="SELECT count(*) AS n FROM issues"),
                await call(client, "list_rows", stream="issues", project=101, source="gitlab"),
                await call(client, "sql", query="DROP TABLE issues"),
            ]

    count, counted, listed, refused = asyncio.run(work())
    assert count == 7
    assert counted.answer["rows"][0]["n"] > 0
    assert listed.answer["rows"]
    assert "Only SELECT" in refused.error


def test_many_clients_at_once_are_answered(address: str) -> None:
    async def one(number: int) -> Any:
        async with Client(address) as client:
            return (await call(client, "sql", query=f"SELECT {number} AS n")).answer["rows"]

    async def work() -> list[Any]:
        return list(await asyncio.gather(*map(one, range(8))))

    assert asyncio.run(work()) == [[{"n": number}] for number in range(8)]


def ask(address: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(address, json=HELLO, headers={**HEADERS, **headers}, timeout=PATIENCE)


def test_a_name_that_was_led_here_is_refused(address: str) -> None:
    """As DNS rebinding does: the browser believes that the page and this server are one host."""
    port = urlsplit(address).port
    assert ask(address).status_code == 200
    assert ask(address, host=f"localhost:{port}").status_code == 200
    for host in (
        *("evil.example.com", f"evil.example.com:{port}", f"127.0.0.1.evil.example.com:{port}"),
        *(f"127.0.0.1:{port}.evil.example.com", f"localhost.evil.example.com:{port}", "127.0.0.1"),
    ):
        assert ask(address, host=host).status_code == 421, host


def test_a_page_of_another_origin_is_refused(address: str) -> None:
    port = urlsplit(address).port
    assert ask(address, origin=f"http://127.0.0.1:{port}").status_code == 200
    for origin in (
        *("https://evil.example.com", "null", f"http://127.0.0.1:{port}.evil.example.com"),
        *("http://127.0.0.1:1", f"https://127.0.0.1:{port}", "file://"),
    ):
        assert ask(address, origin=origin).status_code == 403, origin


def test_nothing_else_is_served(address: str) -> None:
    root = address.removesuffix("/mcp")
    for path in ("/", "/mcp/../etc/passwd", "/docs", "/openapi.json"):
        assert requests.get(root + path, timeout=PATIENCE).status_code == 404
    assert ask(address, **{"content-type": "text/plain"}).status_code >= 400


def test_it_listens_on_this_machine_alone(address: str) -> None:
    port = urlsplit(address).port
    assert port is not None
    others = {
        str(found[4][0])
        for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        if not str(found[4][0]).startswith("127.")
    }
    for other in others:
        with socket.socket() as probe:
            probe.settimeout(PATIENCE)
            assert probe.connect_ex((other, port)) != 0, other


def test_a_port_that_is_taken_is_told(address: str, synced: Path) -> None:
    port = urlsplit(address).port
    done = run("mcp", "--http", port, "--file", synced)
    assert done.code == 1
    assert f"Port {port} of this machine cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
