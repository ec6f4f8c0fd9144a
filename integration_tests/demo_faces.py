"""Show each face on one screen: a command, and the first lines of what it writes.

``make demo-faces`` runs it, in a folder of its own that is removed at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from integration_tests.gitlab.launch import ROOT, Emulator
from integration_tests.support.flow_process import discover, fresh

BIN: Final = Path(sys.executable).parent
STREAM: Final = "project_labels"
FILE: Final = "gitlab.duckdb"
AGENT: Final = """\
import asyncio, sys
from source_gitlab.agent import GitlabConnector, GitlabPersonalAccessTokenAuthConfig as Auth

async def main(url, token):
    async with GitlabConnector(Auth(access_token=token), api_url=url) as gitlab:
        page = await gitlab.execute("issues", "list", {"project_id": "acme/web", "state": "opened"})
        for issue in page.data[:2]:
            print("#" + str(issue["iid"]), issue["title"])

asyncio.run(main(*sys.argv[1:]))
"""
MODEL: Final = """\
import asyncio, sys
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

async def main(program, file):
    started = StdioServerParameters(command=program, args=["mcp", "--file", file])
    async with Client(stdio_client(started, errlog=open("mcp.log", "w"))) as client:
        tools = (await client.list_tools()).tools
        print("tools:", ", ".join(one.name for one in tools))
        sql = "select state, count(*) as n from issues group by 1 order by 1"
        answer = await client.call_tool("sql", {"query": sql})
        assert not answer.is_error, answer
        print(" ".join(answer.content[0].text.split()))

asyncio.run(main(*sys.argv[1:]))
"""


class FaceError(RuntimeError):
    """A face did not do what it is there for."""


def main() -> int:
    """Show all of them; the exit code."""
    with Emulator() as gitlab, TemporaryDirectory(prefix="source-gitlab-") as folder:
        config = {
            "credentials": {"auth_type": "access_token", "access_token": gitlab.token},
            "api_url": gitlab.url,
            "groups_list": ["acme"],
        }
        os.environ.update(SOURCE_GITLAB_HOME=folder, PYTHONPATH=str(ROOT))
        before = Path.cwd()
        os.chdir(folder)
        try:
            _prepare(config)
            _show(gitlab)
        except FaceError as error:
            _say(str(error))
            return 1
        finally:
            os.chdir(before)
    return 0


def _prepare(config: dict[str, Any]) -> None:
    """Write the files that the commands read: a configuration, catalogs, and what Flow sends."""
    _write("config.json", config)
    found = json.loads(_run("tap-gitlab", "--config", "config.json", "--discover"))
    found["streams"] = [one for one in found["streams"] if one["tap_stream_id"] == STREAM]
    _write("singer.json", found)
    answer = json.loads(_run("source-gitlab", "discover", "--config", "config.json"))
    (stream,) = [one for one in answer["catalog"]["streams"] if one["name"] == STREAM]
    chosen = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    _write("airbyte.json", {"streams": [chosen]})
    once = {**config, "interval": "PT0S"}
    _write("flow.json", fresh(discover(once), [STREAM]).open(once))


def _show(gitlab: Emulator) -> None:
    sync = ("source-gitlab", "sync", "--config", "config.json", "--select", STREAM, "issues")
    _face("A DuckDB file", *sync, "--to", FILE, lines=3)
    read = ("read", "--config", "config.json", "--catalog", "airbyte.json")
    _face("An Airbyte source", "source-gitlab", *read, lines=2, of='"RECORD"')
    catalog = ("--config", "config.json", "--catalog", "singer.json")
    _face("A Singer tap", "tap-gitlab", *catalog, lines=3)
    _face("A Flow capture", "source-gitlab", stdin="flow.json", lines=2, of='"captured"')
    _python("An agent's SDK", AGENT, gitlab.url, gitlab.token, shown="agent.py URL TOKEN")
    program = str(BIN / "source-gitlab")
    _python("An MCP server", MODEL, program, FILE, shown=f"model.py source-gitlab {FILE}")
    lake = (*sync, "--to", "tables/", "--table-format", "parquet")
    _title("Parquet by dlt", [*lake])
    _run(*lake)
    files = sorted(str(path) for path in Path("tables").rglob("*.parquet"))
    _told([path for path in files if "/_dlt" not in path], 2)


def _face(title: str, *command: str, lines: int, of: str = "", stdin: str | None = None) -> None:
    """Run a command, and show the first lines that it writes, of those that hold a text."""
    _title(title, [*command, *(["<", stdin] if stdin else [])])
    _told([line for line in _run(*command, stdin=stdin).splitlines() if of in line], lines)


def _python(title: str, program: str, *arguments: str, shown: str) -> None:
    """Run a program of a user's."""
    _title(title, ["python", *shown.split()])
    _told(_output([sys.executable, "-c", program, *arguments]).splitlines(), 3)


def _run(name: str, *arguments: str, stdin: str | None = None) -> str:
    return _output([str(BIN / name), *arguments], stdin)


def _output(command: list[str], stdin: str | None = None) -> str:
    """What a command writes.

    Raises:
        FaceError: it failed.
    """
    given = Path(stdin).read_text(encoding="utf-8") if stdin else ""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}"
        raise FaceError(message)
    return done.stdout


def _title(title: str, command: list[str]) -> None:
    _say(_cut(f"{title}: $ {' '.join(command)}"))


def _told(found: list[str], lines: int) -> None:
    """Show the first lines of what was found.

    Raises:
        FaceError: there is nothing.
    """
    if not found:
        message = "It wrote nothing."
        raise FaceError(message)
    for line in found[:lines]:
        _say(_cut(f"   {line}"))


def _write(name: str, value: object) -> None:
    Path(name).write_text(f"{json.dumps(value)}\n", encoding="utf-8")


def _cut(line: str) -> str:
    room = _room()
    return line if len(line) <= room else f"{line[: room - 1]}…"


def _room() -> int:
    return shutil.get_terminal_size().columns


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
