"""Arguments of commands: what is wrong with them in one sentence, which repeats no value."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from source_gitlab.config import Shard
from source_gitlab.engine.exit_codes import USAGE
from source_gitlab.files import foreign
from source_gitlab.redaction import redact
from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VALUE: Final = re.compile(r"'[^']*'|(?<==)\S+")
_CHOICES: Final = " (choose from "
_LACKS: Final = "the following arguments are required"
_LONGEST_FLAG: Final = 40


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, with the flag that may have been meant.

    No value of a flag and no word beside the flags is repeated: it may be a token or an address
    with a password in it.
    """

    _given: Sequence[str] = ()

    @property
    def actions(self) -> Sequence[argparse.Action]:
        """The flags, and what may stand without one."""
        return tuple(self._actions)

    def parsed(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The arguments, or the end of the process with exit code 2."""
        self._given = arguments
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            self._refuse(unknown)
        for action in self._actions:
            value = getattr(options, action.dest, None)
            texts = value if isinstance(value, list) else [value]
            if any(isinstance(text, str) and not text.strip() for text in texts):
                self.error(empty("/".join(action.option_strings) or action.dest))
        return options

    def _print_message(self, message: str, file: Any = None) -> None:
        # Where the base class cannot write, it says nothing.
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end the process with exit code 2."""
        if message.startswith(_LACKS):
            # One that seems to be missing may be mistyped.
            names = [name for action in self._actions for name in action.option_strings]
            flags = [part.partition("=")[0] for part in self._given if part.startswith("--")]
            strange = [one for one in flags if not any(name.startswith(one) for name in names)]
            if strange:
                self._refuse(strange)
        given, choose, known = message.partition(_CHOICES)
        shown = _VALUE.sub("that", given) + choose + known.replace("'", "")
        sentence = printable(redact(shown)).rstrip(".?")
        end = "?" if shown.endswith("?") else "."
        sys.stderr.write(f"{self.prog}: {sentence}{end} `{self.prog} --help` tells more.\n")
        raise SystemExit(USAGE)

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        flags = [part.partition("=")[0] for part in unknown if part.startswith("-")]
        if not flags:
            self.error("there is a word that belongs to no flag")
        known = [name for action in self._actions for name in action.option_strings]
        self.error(f"there is no flag {flags[0][:_LONGEST_FLAG]}{meant(flags[0], known)}")


def file_name(text: str) -> Path:
    """The file that a flag names: the `type` of every flag that takes one.

    Raises:
        argparse.ArgumentTypeError: it is empty, or an address or a connection string, of which no
            file is read or made.
    """
    if not text.strip():
        message = "its value is empty"
        raise argparse.ArgumentTypeError(message)
    kind = foreign(text)
    if kind:
        message = f"{kind} is no file; name one"
        raise argparse.ArgumentTypeError(message)
    return Path(text)


def count(text: str) -> int:
    """A whole number above 0: the `type` of flags that take one.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if text.isdecimal() and int(text):
        return int(text)
    message = "it is a whole number above 0"
    raise argparse.ArgumentTypeError(message)


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Let a command take `--shard`, the part of the work that it does."""
    what = "read only this part of what is chosen, as 2/4, the second of four"
    parser.add_argument("--shard", type=_shard, metavar="I/N", help=what)


def _shard(text: str) -> str:
    try:
        return str(Shard.parse(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def empty(flag: str) -> str:
    """What is wrong with a flag whose value, or one of whose values, is empty."""
    return f"{flag} has an empty value, as with a shell variable that is not set; write one"


def add_report(parser: argparse.ArgumentParser, what: str) -> None:
    """Let a command take `--report`, which writes `what`."""
    parser.add_argument("--report", type=file_name, metavar="FILE", help=f"write {what}, as JSON")


def pem_or_file_name(text: str) -> str:
    """A certificate or key, or the file that it is in; raises as `file_name` does."""
    return text if "-----BEGIN" in text else str(file_name(text))


def meant(given: str, known: Iterable[str]) -> str:
    """`. Did you mean sync?` when one of the known words is close, else nothing."""
    close = difflib.get_close_matches(given.casefold(), list(known), n=1)
    return f". Did you mean {close[0]}?" if close else ""
