"""The Airbyte command line: the CDK's entrypoint, with our writer and without tracebacks."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import AirbyteLogFormatter, is_platform_debug_log_enabled
from airbyte_cdk.models import AirbyteMessage, FailureType, Type
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor
from airbyte_cdk.utils import AirbyteTracedException

from source_gitlab import report_file
from source_gitlab.encodings import text_of
from source_gitlab.engine import process
from source_gitlab.engine.exit_codes import INCOMPLETE, INTERRUPTED
from source_gitlab.files import foreign
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.interfaces.airbyte import batches
from source_gitlab.interfaces.airbyte.errors import mistake
from source_gitlab.interfaces.airbyte.source import SourceGitlab
from source_gitlab.interfaces.airbyte.writer import LogHandler, Writer
from source_gitlab.interfaces.arguments import Parser, add_report, add_shard

if TYPE_CHECKING:
    import argparse
    from collections import defaultdict
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from source_gitlab.core.outcome import Report
    from source_gitlab.setup_check import Result

# The flags of the CDK's parser that name files.
_INPUTS = ("config", "catalog", "state")


class Entrypoint(AirbyteEntrypoint):
    """Runs one command; `more` are fields of the configuration that flags set."""

    more: Mapping[str, Any] = MappingProxyType({})

    def messages(self, args: argparse.Namespace) -> Generator[AirbyteMessage, None, None]:
        """The messages of the command that was parsed.

        Raises:
            AirbyteTracedException: the command failed.
        """
        spec = self.source.spec(self.logger)
        config = {**_file("configuration", args.config, self._read_config), **self.more}
        if args.command == "check":
            status = self.source.check(self.logger, config)
            yield AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
        elif args.command == "discover":
            yield from self.discover(spec, config)
        else:
            catalog = _file("catalog", args.catalog, self.source.read_catalog)
            state = _file("state", args.state, self.source.read_state) if args.state else []
            yield from self.read(spec, config, catalog, state)

    def _read_config(self, path: str) -> Any:
        config = orjson.loads(text_of(Path(path).read_bytes()))
        # The CDK says of what is no object what it should be; it reads plain UTF-8 alone.
        return config if isinstance(config, dict) else self.source.read_config(path)

    @staticmethod
    def set_up_secret_filter(
        config: Mapping[str, Any], connection_specification: Mapping[str, Any]
    ) -> None:
        """Leave it to the source and the writer.

        The CDK's own filter takes whatever stands in a field for a secret, be it one letter.
        """

    @staticmethod
    def handle_record_counts(
        message: AirbyteMessage, stream_message_count: defaultdict[HashableStreamDescriptor, float]
    ) -> AirbyteMessage:
        """Count the rows of each page, for the next state message of their stream to tell."""
        if message.record is None:
            return AirbyteEntrypoint.handle_record_counts(message, stream_message_count)
        stream = HashableStreamDescriptor(name=message.record.stream)
        stream_message_count[stream] += float(batches.size(message.record))
        return message


def _file(what: str, path: str, read: Callable[[str], Any]) -> Any:
    """What `read` reads from a file, or one sentence that says what is wrong with the file."""
    try:
        return read(path)
    except OSError as error:
        message = f"The {what} file {path} cannot be read: {error.strerror}.{_hint(what)}"
    except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
        message = f"The {what} file {path} is not JSON ({error}).{_hint(what)}"
    except Exception as error:  # noqa: BLE001 -- the CDK's parsers document no exceptions
        why = " ".join(str(error).split()).removeprefix("Schema validation failed: - ")
        message = f"The {what} file {path} does not have the form of a {what}: {why.rstrip('.')}."
    raise mistake(message)


def _hint(what: str) -> str:
    """What people may have taken from the other commands."""
    if what != "configuration":
        return ""
    return (
        " Here it has to be a JSON file. YAML, and - for the standard input, are for `sync`, and"
        " for `check --format text`."
    )


def run(arguments: list[str]) -> int:
    """Run `check`, `discover` or `read`, and return the exit code."""
    # The CDK's parser does not know these flags, and cannot be taught them.
    ours = Parser(prog=f"source-gitlab {arguments[0]}", add_help=False, allow_abbrev=False)
    add_report(ours, "what the setup check found, or the outcome of a read")
    add_shard(ours)
    options, theirs = ours.parse_known_args(arguments)
    args = AirbyteEntrypoint.parse_args(theirs)
    for name in _INPUTS:
        kind = foreign(getattr(args, name, None) or "")
        if kind:
            ours.error(f"argument --{name}: {kind} is no file; name one")
    writer = Writer(sys.stdout.buffer)
    handler = LogHandler(writer)
    handler.setFormatter(AirbyteLogFormatter())

    def checked(result: Result) -> None:
        if options.report:
            with _reporting_to(options.report):
                report_file.write(options.report, result.to_json())

    def ended(report: Report) -> None:
        if options.report:
            with _reporting_to(options.report):
                report.write(options.report)

    stopped = threading.Event()

    # The entrypoint's module set up a handler that would write between our lines.
    logging.getLogger().handlers[:] = [handler]
    source = SourceGitlab(writer.write, checked, ended, as_lines=True, stop=stopped)
    entrypoint = Entrypoint(source)
    entrypoint.more = {"shard": options.shard} if options.shard else {}
    debug = args.debug or is_platform_debug_log_enabled()
    logging.getLogger("airbyte").setLevel(logging.DEBUG if debug else logging.INFO)
    with _heeding_signals(args.command, stopped):
        messages = _messages(entrypoint, args, options.report)
        try:
            code = _deliver(messages, writer, args.command)
        except OSError as error:
            _lose_output(error, source, options.report)
            with suppress(AirbyteTracedException):  # the report has no place either
                messages.close()
            sys.stderr.write(
                f"source-gitlab: the output cannot be written ({_why(error)}), so the"
                f" {args.command} stops. The next one goes on from the last state that came out.\n"
            )
            return INCOMPLETE
    return INTERRUPTED if code and stopped.is_set() else code


def _heeding_signals(command: str, stopped: threading.Event) -> AbstractContextManager[None]:
    """Let a signal stop a read, which has states to bring out; other commands end at once."""
    if command == "read":
        return process.reading(stopped.set)
    process.settle()
    return nullcontext()


def _lose_output(error: OSError, source: SourceGitlab, path: Path | None) -> None:
    """Write no more to the output, and let the report of the read say why."""
    # Whoever reads our output is gone, or has no room for it: this is no place to say so.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if source.report is not None:
        source.report.stop(Stopped(f"The output cannot be written: {_why(error)}."))
        if path is not None:
            # It may have been written already, when all but the last messages were out.
            with suppress(OSError):
                source.report.write(path)


def _why(error: OSError) -> str:
    if error.errno == errno.EPIPE:
        return "nobody reads the output any more"
    return error.strerror or str(error)


def _messages(
    entrypoint: Entrypoint, args: argparse.Namespace, report: Path | None
) -> Generator[AirbyteMessage, None, None]:
    """The messages of a command whose report can be written.

    Raises:
        AirbyteTracedException: it cannot, or the command failed.
    """
    if report:
        named = (getattr(args, name, None) for name in _INPUTS)
        try:
            report_file.check_place(report, [Path(one) for one in named if one])
        except report_file.NoPlaceError as error:
            message = f"{error}."
            raise mistake(message) from None
    yield from entrypoint.messages(args)


def _deliver(messages: Iterable[AirbyteMessage], writer: Writer, command: str) -> int:
    """Write the messages, and the error that they end with, if any; the exit code."""
    try:
        for message in messages:
            writer.write(message)
        writer.flush()
    except AirbyteTracedException as error:
        if command == "check" and error.failure_type is FailureType.config_error:
            writer.write(error.as_connection_status_message() or _told(error))
            return 0
        writer.write(_told(error))
        return 1
    return 0


def _told(error: AirbyteTracedException) -> AirbyteMessage:
    message = error.as_sanitized_airbyte_message()
    if message.trace and message.trace.error:
        message.trace.error.stack_trace = None
    return message


@contextmanager
def _reporting_to(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The report cannot be written to {path}: {error.strerror}."
        raise mistake(message) from None
