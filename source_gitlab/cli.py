"""What the arguments mean: which face they are for. A command imports only what it uses."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

_AIRBYTE = frozenset({"check", "discover", "read"})
_CREDENTIALS = frozenset({"login", "logout", "token"})
_USAGE = """\
source-gitlab reads a GitLab.

  source-gitlab sync --to gitlab.duckdb [--group PATH] [--project PATH] ...
                                      into a DuckDB file; the token is taken from GITLAB_TOKEN
  source-gitlab check [--url URL] [--group PATH] [--project PATH] ...
                                      what this token can read, as a table
  source-gitlab login --url URL --client-id ID [--device]
                                      sign in with OAuth, so that sync needs no token; or logout
  source-gitlab token                 of which kind the token is, whose, and how long it lives
  source-gitlab spec                  as an Airbyte source: what can be configured
  source-gitlab check --config FILE [--report FILE]   whether a configuration works
  source-gitlab discover --config FILE
  source-gitlab read --config FILE --catalog FILE [--state FILE] [--report FILE]

`source-gitlab COMMAND --help` tells more.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and return its exit code: 0 when all went well, 1 when not, 2 for misuse."""
    given = sys.argv[1:] if arguments is None else arguments
    command = given[0] if given else ""
    if command not in _AIRBYTE or (command == "check" and _is_for_people(given)):
        # The Airbyte face has the CDK's means for it.
        from source_gitlab.redaction import install  # noqa: PLC0415

        install()
    if command == "spec":
        return _spec()
    if command == "sync":
        from source_gitlab.duckdb.command import main as sync  # noqa: PLC0415

        return sync(given[1:])
    if command in _CREDENTIALS:
        from source_gitlab.credentials.command import main as credentials  # noqa: PLC0415

        return credentials(command, given[1:])
    if command == "check" and _is_for_people(given):
        from source_gitlab.check.command import main as check  # noqa: PLC0415

        return check(given[1:])
    if command in _AIRBYTE:
        return _airbyte(command, given)
    asked = command in {"-h", "--help", "help"}
    (sys.stdout if asked else sys.stderr).write(_USAGE)
    return 0 if asked else 2


def _airbyte(command: str, given: list[str]) -> int:
    if command == "discover" and _is_readable(given):
        return _discover()
    # Importing the CDK makes a hundred thousand objects that stay; `run` turns it on again.
    gc.disable()
    from source_gitlab.airbyte.entrypoint import run  # noqa: PLC0415

    return run(given)


def _is_for_people(given: list[str]) -> bool:
    """Platforms always name a configuration, and never give a terminal to write on."""
    return sys.stdout.isatty() or not any(part.partition("=")[0] == "--config" for part in given)


def _is_readable(given: list[str]) -> bool:
    """Whether `--config FILE` names a configuration; the CDK's way says what is wrong if not."""
    if len(given) != len(("discover", "--config", "FILE")) or given[1] != "--config":
        return False
    try:
        return isinstance(json.loads(Path(given[2]).read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def _discover() -> int:
    from source_gitlab.catalog import catalog  # noqa: PLC0415

    sys.stdout.write(json.dumps({"type": "CATALOG", "catalog": catalog()}) + "\n")
    return 0


def _spec() -> int:
    from source_gitlab.config import load_spec  # noqa: PLC0415

    sys.stdout.write(json.dumps({"type": "SPEC", "spec": load_spec()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
