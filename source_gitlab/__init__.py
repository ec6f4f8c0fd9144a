"""A GitLab source: declared streams, a small core that walks GitLab's lists, and thin faces."""

from __future__ import annotations

import os
import sys


def _is_command() -> bool:
    """Whether this process is the command, and not a program that imports the package."""
    name = sys.argv[0] if hasattr(sys, "argv") and sys.argv else ""
    if name == "-m":  # as Python has it until it has found the module
        given = sys.orig_argv
        return "-m" in given and given[given.index("-m") + 1 :][:1] == ["source_gitlab"]
    return os.path.basename(name).removesuffix(".exe") == "source-gitlab"  # noqa: PTH119 -- in time


def _leave(_number: int, _frame: object) -> None:
    os.write(2, b"Interrupted.\n")
    os._exit(130)


if _is_command():
    # Before anything else is imported: Ctrl-C would come out of it as a traceback. The module
    # `signal` itself takes some time to import. `interrupts` does the rest.
    import _signal  # type: ignore[import-not-found] # built in

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _leave)

from typing import TYPE_CHECKING, Any  # noqa: E402 -- see above

if TYPE_CHECKING:
    from source_gitlab.interfaces.airbyte.cdk import SourceGitlab

__all__ = ["SourceGitlab"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the source object when it is asked for: others need not pay for importing the CDK."""
    if name == "SourceGitlab":
        from source_gitlab.interfaces.airbyte.cdk import SourceGitlab  # noqa: PLC0415

        return SourceGitlab
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
