"""The Airbyte command line: the CDK's entrypoint, with our writer and without tracebacks."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.logger import AirbyteLogFormatter, is_platform_debug_log_enabled
from airbyte_cdk.models import AirbyteMessage, Type
from airbyte_cdk.utils import AirbyteTracedException

from source_gitlab.airbyte.failures import mistake
from source_gitlab.airbyte.source import SourceGitlab
from source_gitlab.airbyte.writer import LogHandler, Writer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

LOGGER = logging.getLogger("airbyte.source-gitlab")


class _WithoutTracebacks(logging.Filter):
    """Keeps the CDK from printing a traceback for an error that we raised to be read by people."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], AirbyteTracedException):
            record.msg, record.args = str(record.exc_info[1]), ()
            record.exc_info = record.exc_text = None
        return True


class Entrypoint(AirbyteEntrypoint):
    """Runs one command."""

    def messages(self, args: argparse.Namespace) -> Iterable[AirbyteMessage]:
        """The messages of the command that was parsed.

        Raises:
            AirbyteTracedException: the command failed.
        """
        spec = self.source.spec(self.logger)
        config = _file("configuration", args.config, self.source.read_config)
        if args.command == "check":
            status = self.source.check(self.logger, config)
            yield AirbyteMessage(type=Type.CONNECTION_STATUS, connectionStatus=status)
        elif args.command == "discover":
            yield from self.discover(spec, config)
        else:
            catalog = _file("catalog", args.catalog, self.source.read_catalog)
            state = _file("state", args.state, self.source.read_state) if args.state else []
            yield from self.read(spec, config, catalog, state)


def _file(what: str, path: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(path)
    except OSError as error:
        message = f"The {what} file {path} cannot be read: {error.strerror}."
    except ValueError as error:
        message = f"The {what} file {path} is not what it should be: {error}"
    except (KeyError, TypeError, AttributeError) as error:
        message = f"The {what} file {path} does not have the form of a {what} ({error})."
    except Exception as error:  # noqa: BLE001 -- the CDK's parser has exceptions of its own
        message = f"The {what} file {path} does not have the form of a {what} ({error})."
    raise mistake(message)


def run(arguments: list[str]) -> int:
    """Run `check`, `discover` or `read`, and return the exit code."""
    args = AirbyteEntrypoint.parse_args(arguments)
    writer = Writer(sys.stdout.buffer)
    handler = LogHandler(writer)
    handler.setFormatter(AirbyteLogFormatter())
    handler.addFilter(_WithoutTracebacks())

    def announce(message: AirbyteMessage) -> None:
        writer.write(message)

    entrypoint = Entrypoint(SourceGitlab(announce))
    # The entrypoint's module set up a handler that would write between our lines.
    logging.getLogger().handlers[:] = [handler]
    debug = args.debug or is_platform_debug_log_enabled()
    logging.getLogger("airbyte").setLevel(logging.DEBUG if debug else logging.INFO)
    # Trees of rows are freed by their reference counts; the collector would only walk them.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        for message in entrypoint.messages(args):
            writer.write(message)
        writer.flush()
    except AirbyteTracedException as error:
        message = error.as_sanitized_airbyte_message()
        if message.trace and message.trace.error:
            message.trace.error.stack_trace = None
        writer.write(message)
        return 1
    except BrokenPipeError:
        # Whoever read our output is gone, and so is the place to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write("source-gitlab: nobody reads the output any more; stopped.\n")
        return 1
    return 0
