"""What the arguments mean: which face they are for. A command imports only what it uses."""

from __future__ import annotations

import sys
from typing import Final

from source_gitlab import interrupts

_AIRBYTE = ("check", "discover", "read")
_AIRBYTE_FLAGS = ("--config", "--catalog", "--state", "--report", "--debug", "--help")
_CHECK_FLAGS = ("--url", "--profile", "--group", "--project")  # not in Airbyte's format
_CREDENTIALS = ("login", "logout", "token")
_COMMANDS = ("sync", *_AIRBYTE, *_CREDENTIALS, "spec", "help", "--help", "--version")
_USAGE = """\
source-gitlab reads a GitLab.

  source-gitlab sync --to gitlab.duckdb [--group PATH] [--project PATH] ...
                                      into a DuckDB file; the token is taken from GITLAB_TOKEN
  source-gitlab check [--url URL] [--group PATH] [--project PATH] ... [--format json]
                                      what this token can read, as a table or as JSON
  source-gitlab login --url URL --client-id ID [--device]
                                      sign in with OAuth, so that sync needs no token; or logout
  source-gitlab token                 of which kind the token is, whose, and how long it lives
  source-gitlab spec                  as an Airbyte source: what can be configured
  source-gitlab check --config FILE [--report FILE]   whether a configuration works
  source-gitlab discover --config FILE
  source-gitlab read --config FILE --catalog FILE [--state FILE] [--report FILE]
  source-gitlab --version

--report writes JSON: of check, what the setup check found; of read and sync, the outcome, which is
what was skipped or failed. `source-gitlab COMMAND --help` tells more.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and return its exit code; `source-gitlab sync --help` tells of the codes.

    Without `arguments`, those of this process are taken, and its signals and standard streams with
    them.
    """
    if arguments is None:
        interrupts.leave_at_once()
    from source_gitlab import terminal  # noqa: PLC0415

    if arguments is None:
        terminal.prepare()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _run(given[0] if given else "", given)
    except KeyboardInterrupt:
        terminal.say("Interrupted.")
        code = interrupts.INTERRUPTED
    except SystemExit as error:  # of a parser: its help, or what is wrong with the arguments
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
    except OSError as error:
        if error.filename is None:
            # Everything that is read or written by name says so; what is left is the output.
            terminal.give_up_output(error)
            code = 1
        else:
            code = _failed(error)
    except Exception as error:
        code = _failed(error)
        if not code:
            raise
    return terminal.ended(code)


def _failed(error: Exception) -> int:
    """Say what an error means, and its exit code; 0 for a mistake of this program."""
    from source_gitlab.engine.exit_codes import code_of, told  # noqa: PLC0415
    from source_gitlab.redaction import redact  # noqa: PLC0415
    from source_gitlab.terminal import say  # noqa: PLC0415

    sentence = told(error)
    if sentence is None:
        return 0
    say(redact(sentence))
    return code_of(error)


def _run(command: str, given: list[str]) -> int:
    is_airbyte = command in _AIRBYTE
    ours = given
    if command == "check":
        from source_gitlab.cli.check_format import AIRBYTE, format_of  # noqa: PLC0415

        form, given = format_of(given)
        is_airbyte = form == AIRBYTE
    if not is_airbyte:
        # The Airbyte face has the CDK's means for it.
        from source_gitlab.redaction import install  # noqa: PLC0415

        install()
    if command in _PLAIN:
        sys.stdout.write(_PLAIN[command]())
        return 0
    if command == "sync":
        from source_gitlab.cli.sync import main as sync  # noqa: PLC0415

        return sync(given[1:])
    if command in _CREDENTIALS:
        from source_gitlab.cli.login import main as credentials  # noqa: PLC0415

        return credentials(command, given[1:])
    if is_airbyte:
        return _airbyte(command, given)
    if command == "check":
        from source_gitlab.cli.check import main as check  # noqa: PLC0415

        return check(ours[1:])
    return _unknown(command)


def _unknown(command: str) -> int:
    from source_gitlab.engine.exit_codes import UsageError  # noqa: PLC0415

    if not command:
        sys.stderr.write(_USAGE)
        return 2
    from source_gitlab.interfaces.arguments import meant  # noqa: PLC0415

    # What is close to no command is not repeated: it may be a token or an address.
    close = meant(command, _COMMANDS)
    what = f"There is no command {command}{close}" if close else "There is no such command."
    message = f"{what} `source-gitlab --help` lists them."
    raise UsageError(message)


def _airbyte(command: str, given: list[str]) -> int:
    for flag in (part.partition("=")[0] for part in given[1:] if part.startswith("--")):
        # As the CDK's parser does, which takes the beginning of a flag for the flag.
        if not any(known.startswith(flag) for known in _AIRBYTE_FLAGS):
            from source_gitlab.interfaces.arguments import Parser, meant  # noqa: PLC0415

            parser = Parser(prog=f"source-gitlab {command}")
            if command == "check" and flag in _CHECK_FLAGS:
                parser.error(f"{flag} goes with --format text or --format json")
            close = meant(flag, _AIRBYTE_FLAGS)
            parser.error(f"there is no flag {flag}{close}")
    if command == "discover" and _is_readable(given[1:]):
        return _discover()
    from source_gitlab.engine import process  # noqa: PLC0415

    process.importing()
    try:
        from source_gitlab.interfaces.airbyte.entrypoint import run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "airbyte_cdk":
            raise
        from source_gitlab.engine.exit_codes import UsageError  # noqa: PLC0415

        message = f"{error}"
        if command == "check":
            message += ". Without it, --format text or --format json does."
        raise UsageError(message) from None
    return run(given)


def _is_readable(given: list[str]) -> bool:
    """Whether these are `--config FILE` alone, with a configuration in it.

    The CDK's way knows further flags, and says what is wrong with the file if anything is.
    """
    import json  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    match given:
        case ["--config", name]:
            pass
        case [word] if word.startswith("--config="):
            name = word.removeprefix("--config=")
        case _:
            return False
    try:
        return isinstance(json.loads(Path(name).read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


def _discover() -> int:
    import json  # noqa: PLC0415

    from source_gitlab.interfaces.airbyte_catalog import catalog  # noqa: PLC0415

    sys.stdout.write(json.dumps({"type": "CATALOG", "catalog": catalog()}) + "\n")
    return 0


def _spec() -> str:
    import json  # noqa: PLC0415

    from source_gitlab.config import load_spec  # noqa: PLC0415

    return json.dumps({"type": "SPEC", "spec": load_spec()}) + "\n"


def _version() -> str:
    from source_gitlab import __version__  # noqa: PLC0415

    return f"source-gitlab {__version__}\n"


def _help() -> str:
    return _USAGE


_PLAIN: Final = {
    "spec": _spec,
    **dict.fromkeys(("-V", "--version", "version"), _version),
    **dict.fromkeys(("-h", "--help", "help"), _help),
}


if __name__ == "__main__":
    sys.exit(main())
