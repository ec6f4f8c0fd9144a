"""`tap-gitlab`: the command line of the Singer face, as Meltano calls it."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from source_gitlab import __version__, interrupts
from source_gitlab.cli.options import assemble, read_file
from source_gitlab.config import Config, ConfigError, OAuth
from source_gitlab.core.selection import NotFound
from source_gitlab.core.session import Session
from source_gitlab.core.state import StateError
from source_gitlab.encodings import text_of
from source_gitlab.engine import process
from source_gitlab.engine.beginning import begin
from source_gitlab.engine.exit_codes import DONE, EPILOG, INCOMPLETE, UsageError, code_of
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.interfaces.arguments import Parser, add_shard, file_name
from source_gitlab.interfaces.singer import messages, settings
from source_gitlab.interfaces.singer.catalog import (
    CatalogError,
    Choice,
    catalog,
    choices,
    default_choices,
)
from source_gitlab.interfaces.singer.state import States
from source_gitlab.interfaces.singer.tap import Tap
from source_gitlab.setup_check.display import show
from source_gitlab.setup_check.run import check, session_for
from source_gitlab.terminal import ended, give_up_output, say
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import HOME_VARIABLE, home

if TYPE_CHECKING:
    from collections.abc import Sequence

LOGGER = logging.getLogger("source_gitlab")

_ENVIRONMENT: Final = Path("ENV")
_FORMATS: Final = ("text", "json", "markdown", "plugin", "select")
_NEXT: Final = "The next run goes on from the last state that came out."
_EPILOG: Final = f"""
Messages go to the standard output and logs to the standard error. Without --catalog, the streams
that `source-gitlab sync` reads by default are read.
{EPILOG}"""


def main(arguments: Sequence[str]) -> int:
    """Run `tap-gitlab` with these arguments; the exit code.

    Raises:
        UsageError, ConfigError, GitlabError: nothing more could be read, for the reason they give.
        KeyboardInterrupt: it was interrupted before anything was read.
    """
    parser = command_parser()
    options = parser.parsed(arguments)
    _log()
    if options.version:
        return ended(DONE, text=f"{settings.NAME} {__version__}\n")
    if options.about:
        return ended(DONE, text=_about(options.format))
    raw = _read_config(options.config or [])
    if options.shard:
        raw["shard"] = options.shard
    if options.discover:
        found = catalog(settings.switches_of(raw))
        return ended(DONE, text=json.dumps(found, indent=2) + "\n")
    if not options.config:
        parser.error("--config FILE is missing")
    if options.test == "schema":
        return ended(
            DONE, text="".join(messages.schema(one).decode() for one in _chosen(options, raw))
        )
    config = _configuration(raw)
    if options.test:
        with session_for(config) as session:
            result = check(session)
        show(result, sys.stderr)
        return DONE if result.ok else INCOMPLETE
    return _read(options, raw, config)


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog=settings.NAME,
        description="Read a GitLab as a Singer tap.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-c",
        "--config",
        type=file_name,
        action="append",
        metavar="FILE",
        help="the configuration; several are taken together, and ENV stands for the variables"
        " TAP_GITLAB_*",
    )
    parser.add_argument("-d", "--discover", action="store_true", help="write the catalog")
    parser.add_argument("--catalog", type=file_name, metavar="FILE", help="what is selected")
    parser.add_argument(
        "-p", "--properties", type=file_name, metavar="FILE", help="the same, for older programs"
    )
    parser.add_argument("-s", "--state", type=file_name, metavar="FILE", help="where to go on")
    add_shard(parser)
    parser.add_argument("--about", action="store_true", help="what the tap can, and its settings")
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="text",
        metavar="|".join(_FORMATS),
        help="of --about; plugin is a definition for `meltano add --from-ref`, select what Meltano"
        " has to select to read what is read by default",
    )
    parser.add_argument(
        "--test",
        nargs="?",
        const="all",
        choices=("all", "schema"),
        help="test what this token can read, or write the schemas alone",
    )
    parser.add_argument("--version", action="store_true", help="write the version")
    parser.add_argument("--dev", action="store_true", help=argparse.SUPPRESS)
    return parser


def _log() -> None:
    """Let logs go to the standard error, for the standard output has messages only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _about(form: str) -> str:
    if form == "json":
        return json.dumps(settings.about(__version__), indent=2) + "\n"
    if form == "select":
        return json.dumps(settings.selection()) + "\n"
    return settings.plugin() if form == "plugin" else settings.about_in_markdown(__version__)


def _read_config(paths: Sequence[Path]) -> dict[str, Any]:
    """The configurations together; what a later one has takes the place of what was there.

    Raises:
        ConfigError: one cannot be read.
    """
    raw: dict[str, Any] = {}
    for path in paths:
        more = settings.environment(os.environ) if path == _ENVIRONMENT else read_file(path)
        for name, value in more.items():
            known = raw.get(name)
            if isinstance(known, dict) and isinstance(value, dict):
                value = {**known, **value}  # noqa: PLW2901 -- it is one value
            raw[name] = value
    return raw


def _configuration(raw: dict[str, Any]) -> Config:
    """The configuration in canonical form.

    Raises:
        ConfigError: it has a mistake, or an OAuth token that has no place to be kept when it is
            renewed: programs that start taps make the configuration anew for each run.
    """
    config = assemble({}, os.environ, raw)
    try:
        place = home() if isinstance(config.credentials, OAuth) else Path()
    except VaultError as error:
        raise ConfigError(field="credentials", message=str(error)) from error
    if place is None:
        message = (
            "credentials: an OAuth token is renewed every two hours, and GitLab takes the former"
            " one no more. There is no place to keep the new one: a tap's configuration is made"
            f" anew for each run. Set {HOME_VARIABLE} to a directory that stays."
        )
        raise ConfigError(field="credentials", message=message)
    return config


def _chosen(options: argparse.Namespace, raw: dict[str, Any]) -> list[Choice]:
    path = options.catalog or options.properties
    switches = settings.switches_of(raw)
    if path is None:
        return default_choices(switches)
    try:
        return choices(_json(path, "catalog"))
    except CatalogError as error:
        message = f"The catalog {path} cannot be used. {error}"
        raise UsageError(message) from error


def _states(path: Path | None) -> States:
    if path is None:
        return States()
    try:
        return States(_json(path, "state"))
    except StateError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path | None, error: StateError) -> UsageError:
    return UsageError(
        f"The state {path} was not written by this tap: {error}. Give back the state that it last"
        " wrote, or none to read everything from the start."
    )


def _json(path: Path, what: str) -> Any:
    """The JSON of a file; None for an empty one, as targets leave it that were given no state.

    Raises:
        UsageError: it cannot be read, or is no JSON.
    """
    try:
        text = text_of(path.read_bytes())
        return orjson.loads(text) if text.strip() else None
    except OSError as error:
        message = f"The {what} {path} cannot be read: {error.strerror}."
    except ValueError as error:
        message = f"The {what} {path} is not JSON ({error})."
    raise UsageError(message)


def _read(options: argparse.Namespace, raw: dict[str, Any], config: Config) -> int:
    chosen = _chosen(options, raw)
    states = _states(options.state)
    versions = settings.versions_of(raw)
    stopped = threading.Event()
    with process.reading(stopped.set), Session(config) as session:
        try:
            begin(session, stopped)
        except Stopped:
            raise KeyboardInterrupt from None
        try:
            tap = Tap(session, chosen, states, versions=versions, stop=stopped)
        except StateError as error:
            raise _unusable(options.state, error) from error
        try:
            _write(tap)
        except OSError as error:
            if error.filename is not None:
                raise
            give_up_output(error, _NEXT)
            return INCOMPLETE
        finally:
            for line in session.report.lines():
                LOGGER.warning("%s", line)
    if stopped.is_set():
        say("Interrupted.")
        return interrupts.INTERRUPTED
    return _told(tap.errors, len(chosen))


def _write(tap: Tap) -> None:
    """Write the messages as they come.

    Raises:
        OSError: the output cannot be written.
        FatalError: nothing more could be read; what came before is covered by the last line.
    """
    output = sys.stdout.buffer
    with closing(tap.lines()) as lines:
        for line in lines:
            output.write(line)
            output.flush()


def _told(errors: dict[str, Exception], streams: int) -> int:
    """Say which streams are incomplete; the exit code."""
    if not errors:
        return DONE
    chosen = {str(one): one for one in errors.values() if isinstance(one, NotFound)}
    others = {name: one for name, one in errors.items() if not isinstance(one, NotFound)}
    for message in chosen:
        say(f"{message} Everything else that was chosen is read.")
    if others:
        name, first = next(iter(others.items()))
        say(
            f"{len(others)} of {streams} streams are incomplete: {', '.join(others)}. The first"
            f" error was in {name}: {first} What was read is kept, and the next run goes on from"
            " there."
        )
    return max(map(code_of, chosen.values()), default=INCOMPLETE) if not others else INCOMPLETE
