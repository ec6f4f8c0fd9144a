"""What the arguments mean: which face they are for. A command imports only what it uses."""

from __future__ import annotations

import sys

from source_gitlab import interrupts


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
        code = _captured(given) if arguments is None else None
        if code is None:
            code = _run(given)
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


def tap() -> int:
    """Run `tap-gitlab` with the arguments of this process."""
    sys.argv.insert(1, "tap")
    return main()


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


def _captured(given: list[str]) -> int | None:
    """Serve Flow's runtime, if that is who started the process; None: it is not.

    It gives no command, and asks on standard input.
    """
    if any(not one.startswith("--log.") for one in given[:1]) or sys.stdin.isatty():
        return None
    from source_gitlab.cli.capture import is_meant, main  # noqa: PLC0415

    return main(given) if is_meant(given) else None


def _run(given: list[str]) -> int:
    from source_gitlab.cli.commands import COMMANDS, complete, named, usage  # noqa: PLC0415

    given = complete(given)
    command = COMMANDS.get(named(given))
    if command is None:
        return _unknown(given)
    if not command.redacts_itself:
        from source_gitlab.redaction import install  # noqa: PLC0415

        install()
    if not command.run:
        sys.stdout.write(usage())
        return 0
    return command.load()(given[1:])


def _unknown(given: list[str]) -> int:
    from source_gitlab.cli.commands import COMMANDS, usage  # noqa: PLC0415
    from source_gitlab.engine.exit_codes import UsageError  # noqa: PLC0415

    if not given or not given[0]:
        sys.stderr.write(usage())
        return 2
    from source_gitlab.interfaces.arguments import meant  # noqa: PLC0415

    # What is close to no command is not repeated: it may be a token or an address.
    close = meant(given[0], [*COMMANDS, "--version"])
    what = f"There is no command {given[0]}{close}" if close else "There is no such command."
    message = f"{what} `source-gitlab --help` lists them."
    raise UsageError(message)


if __name__ == "__main__":
    sys.exit(main())
