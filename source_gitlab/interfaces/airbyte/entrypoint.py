"""The commands of the protocol: files in, messages out, an exit code, and never a traceback."""

from __future__ import annotations

import errno
import os
import sys
import threading
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from source_gitlab import report_file
from source_gitlab.engine import process
from source_gitlab.engine.exit_codes import DONE, INCOMPLETE, INTERRUPTED
from source_gitlab.gitlab.errors import Stopped
from source_gitlab.interfaces.airbyte import inputs, logs, protocol
from source_gitlab.interfaces.airbyte.batches import of_lines
from source_gitlab.interfaces.airbyte.errors import CONFIG, SYSTEM, Failure, mistake
from source_gitlab.interfaces.airbyte.memory import Memory
from source_gitlab.interfaces.airbyte.messages import LOGGER
from source_gitlab.interfaces.airbyte.source import Source
from source_gitlab.interfaces.airbyte.writer import Writer
from source_gitlab.interfaces.airbyte_catalog import catalog

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterable, Iterator
    from contextlib import AbstractContextManager

    from source_gitlab.core.skip_log import SkipLog
    from source_gitlab.interfaces.airbyte.protocol import Json
    from source_gitlab.setup_check import Result

# The flags that name files which are read.
_INPUTS: Final = ("config", "catalog", "state")


def messages_of(
    source: Source, command: str, options: argparse.Namespace
) -> Generator[Json, None, None]:
    """The messages of a command.

    Raises:
        Failure: the command failed, a file has another form, or the report cannot be written.
    """
    if getattr(options, "report", None):
        _check_report(options)
    config = inputs.configuration(options.config)
    if command == "check":
        yield source.check(config)
    elif command == "discover":
        yield {"type": "CATALOG", "catalog": catalog()}
    else:
        if options.shard:
            config["shard"] = options.shard
        chosen = inputs.catalog(options.catalog)
        yield from source.read(config, chosen, inputs.states(options.state))


def run(command: str, options: argparse.Namespace) -> int:
    """Run `check`, `discover` or `read`, and return the exit code."""
    writer = Writer(sys.stdout.buffer)
    logs.set_up(writer, debug=options.debug)
    report: Path | None = getattr(options, "report", None)

    def checked(result: Result) -> None:
        if report:
            with _reporting_to(report):
                report_file.write(report, result.to_json())

    def ended(found: SkipLog) -> None:
        if report:
            with _reporting_to(report):
                found.write(report)

    stopped = threading.Event()
    source = Source(
        writer.write,
        shape=of_lines,
        raw_rows=True,
        on_checked=checked,
        on_read=ended,
        stop=stopped,
        check_memory=Memory().check,
    )
    with _heeding_signals(command, stopped):
        messages = messages_of(source, command, options)
        try:
            code = _deliver(messages, writer, command)
        except OSError as error:
            _lose_output(error, source, report)
            with suppress(Failure):  # the report has no place either
                messages.close()
            sys.stderr.write(
                f"source-gitlab: the output cannot be written ({_why(error)}), so the"
                f" {command} stops. The next one goes on from the last state that came out.\n"
            )
            return INCOMPLETE
    return INTERRUPTED if code and stopped.is_set() else code


def _check_report(options: argparse.Namespace) -> None:
    named = (getattr(options, name, None) for name in _INPUTS)
    try:
        report_file.check_place(options.report, [Path(one) for one in named if one])
    except report_file.NoPlaceError as error:
        message = f"{error}."
        raise mistake(message) from None


def _heeding_signals(command: str, stopped: threading.Event) -> AbstractContextManager[None]:
    """Let a signal stop a read, which has states to bring out; other commands end at once."""
    if command == "read":
        return process.reading(stopped.set)
    process.settle()
    return nullcontext()


def _deliver(messages: Iterable[Json], writer: Writer, command: str) -> int:
    """Write the messages, and the error that they end with, if any; the exit code."""
    try:
        for message in messages:
            writer.write(message)
        writer.flush()
    except Failure as failure:
        if command == "check" and failure.failure_type == CONFIG:
            writer.write(protocol.connection_status(ok=False, message=failure.message))
            return DONE
        writer.write(protocol.error(failure, stack=False))
        return INCOMPLETE
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 -- the platform is told of a mistake of ours as of any error
        LOGGER.critical("%s", error, exc_info=error)
        what = "Something went wrong in the connector. See the logs for more details."
        broken = Failure(what, SYSTEM, f"{type(error).__name__}: {error}", error=error)
        writer.write(protocol.error(broken, stack=True))
        return INCOMPLETE
    return DONE


def _lose_output(error: OSError, source: Source, path: Path | None) -> None:
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


@contextmanager
def _reporting_to(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The report cannot be written to {path}: {error.strerror}."
        raise mistake(message) from None
