"""The table of commands: what each does, and where its code is. Nothing of it is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from source_gitlab.interfaces.arguments import Parser

_WIDTH: Final = 12
_HEAD: Final = "source-gitlab reads a GitLab.\n"
_FOOT: Final = """
The token is taken from GITLAB_TOKEN. `source-gitlab COMMAND --help` tells more.
Without a command it is a Flow capture, whose requests come on standard input.
"""


@dataclass(frozen=True)
class Command:
    """One command.

    `run` is `MODULE:FUNCTION`, a function of the arguments behind the command's name that returns
    the exit code; without one the list of commands is shown. `help` is what the list says, a line
    each; a command without it is not listed. `redacts_itself` when its face has means of its own to
    keep secrets out of logs. `under` is the heading that it stands under. `flags` tells that its
    module has a function `command_parser`, of the command's `name` where that is given.
    """

    run: str
    help: str = ""
    redacts_itself: bool = False
    under: str = ""
    flags: bool = True
    name: str = ""

    def parser(self) -> Parser | None:
        """The flags of the command; None where it takes none."""
        if not self.flags or not self.run:
            return None
        made = import_module(self.run.partition(":")[0]).command_parser
        parser: Parser = made(self.name) if self.name else made()
        return parser

    def load(self) -> Callable[[Sequence[str]], int]:
        """Import the function.

        Raises:
            ModuleNotFoundError: the mistake is in the table.
        """
        module, _, function = self.run.partition(":")
        found: Callable[[Sequence[str]], int] = getattr(import_module(module), function)
        return found


_CLI: Final = "source_gitlab.cli"
_AIRBYTE: Final = "As an Airbyte source"
_LIST: Final = Command("")
# With which Singer's programs start a tap: the command of an image is not called tap-gitlab.
_TAP_FLAGS: Final = frozenset(("-c", "--config", "-d", "--discover", "--about", "--test"))
_VERSION: Final = Command(f"{_CLI}.plain:version", flags=False)

COMMANDS: Final = {
    "sync": Command(
        f"{_CLI}.sync:main",
        "read into a DuckDB file, and later only what changed:\n"
        "sync --to gitlab.duckdb [--group PATH] [--project PATH] ...",
    ),
    "query": Command(
        f"{_CLI}.query:main",
        "ask such a file, by a view's name or in SQL:\nquery gitlab.duckdb [QUESTION]",
    ),
    "report": Command(
        f"{_CLI}.report:main",
        "one page about what such a file holds:\nreport gitlab.duckdb -o report.html",
    ),
    "check": Command(
        f"{_CLI}.check:main",
        "what this token can read, as a table or as JSON:\n"
        "check [--url URL] [--group PATH] [--project PATH] ...",
    ),
    "streams": Command(
        f"{_CLI}.streams:main",
        "what there is to read: streams [NAME ...] [--format json]",
    ),
    "verify": Command(
        f"{_CLI}.verify:main",
        "whether a DuckDB file holds what GitLab has, row by row:\n"
        "verify gitlab.duckdb [--group PATH] ... [--repair]",
    ),
    "mcp": Command(
        f"{_CLI}.mcp:main",
        "let an AI agent read GitLab and the DuckDB file:\n"
        "mcp [--file gitlab.duckdb] [--http PORT]",
    ),
    "login": Command(
        f"{_CLI}.login:login",
        "sign in with OAuth, so that sync needs no token:\n"
        "login --url URL --client-id ID [--device]",
        name="login",
    ),
    "logout": Command(f"{_CLI}.login:logout", "end a sign-in", name="logout"),
    "token": Command(
        f"{_CLI}.login:token", "of which kind the token is, whose, and until when", name="token"
    ),
    "completion": Command(
        f"{_CLI}.completion:main", "commands, flags and streams at the Tab key: completion bash|zsh"
    ),
    "spec": Command(f"{_CLI}.plain:spec", "what can be configured", under=_AIRBYTE, flags=False),
    # `check` in Airbyte's form: see `named`.
    "check --config": Command(
        f"{_CLI}.airbyte:check",
        "whether a configuration works:\ncheck --config FILE [--report FILE]",
        redacts_itself=True,
        under=_AIRBYTE,
    ),
    "discover": Command(
        f"{_CLI}.airbyte:discover",
        "the streams with their columns:\ndiscover --config FILE",
        redacts_itself=True,
        under=_AIRBYTE,
        name="discover",
    ),
    "read": Command(
        f"{_CLI}.airbyte:read",
        "rows and states as messages:\n"
        "read --config FILE --catalog FILE [--state FILE] [--report FILE]",
        redacts_itself=True,
        under=_AIRBYTE,
        name="read",
    ),
    "tap": Command(
        f"{_CLI}.tap:main",
        "records and states as messages; tap-gitlab is the same:\n"
        "tap --config FILE [--discover] [--catalog FILE] [--state FILE]",
        under="As a Singer tap, for Meltano",
    ),
    "state": Command(
        f"{_CLI}.state:main",
        "put the states of shards together:\nstate merge A.json B.json ... > merged.json",
        under="On several machines (sync, read and tap take --shard I/N)",
    ),
    **dict.fromkeys(("-V", "--version", "version"), _VERSION),
    **dict.fromkeys(("-h", "--help", "help"), _LIST),
}


def complete(given: list[str]) -> list[str]:
    """The arguments with the command that they mean where they name none."""
    is_tap = bool(given) and given[0].partition("=")[0] in _TAP_FLAGS
    return ["tap", *given] if is_tap else given


def named(given: Sequence[str]) -> str:
    """The row of the table that these arguments mean."""
    name = given[0] if given else ""
    if name == "check":
        from source_gitlab.cli.check_format import AIRBYTE, format_of  # noqa: PLC0415

        form, _ = format_of(given)
        if form == AIRBYTE:
            return "check --config"
    return name


def usage() -> str:
    """The list of commands, at most 80 columns wide."""
    lines = [_HEAD]
    heading = ""
    for name, command in COMMANDS.items():
        first, *more = command.help.splitlines() or [""]
        if first:
            if command.under != heading:
                heading = command.under
                lines.append(f"\n{heading}:\n")
            lines.append(f"  {name.split()[0]:{_WIDTH}}{first}")
            lines += [f"  {'':{_WIDTH}}  {line}" for line in more]
    return "\n".join(lines) + "\n" + _FOOT
