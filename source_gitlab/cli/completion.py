"""`source-gitlab completion bash`, or zsh or fish: commands, flags and streams at the Tab key.

The script holds all words that it offers: Python would take longer to start than people wait. It
keeps to what bash 3.2 has, the bash of macOS, and to what zsh's `bashcompinit` knows.
"""

from __future__ import annotations

import argparse
from shlex import quote
from typing import TYPE_CHECKING, Final

from source_gitlab.cli.commands import COMMANDS
from source_gitlab.engine.exit_codes import DONE
from source_gitlab.interfaces.arguments import Parser
from source_gitlab.interfaces.choice import areas
from source_gitlab.streams import streams
from source_gitlab.terminal import ended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHELLS: Final = ("bash", "zsh", "fish")
_NAMES: Final = frozenset({"select", "exclude", "names"})
"""Where the words of a flag, or those without one, are streams, patterns and areas."""
_EPILOG: Final = """
In bash, write into ~/.bashrc:   eval "$(source-gitlab completion bash)"
In zsh, write into ~/.zshrc:     eval "$(source-gitlab completion zsh)"
In fish, write into ~/.config/fish/config.fish:   source-gitlab completion fish | source
"""

_ZSH: Final = """\
autoload -U +X compinit && compinit
autoload -U +X bashcompinit && bashcompinit
"""
_BASH: Final = """\
_source_gitlab() {{
    local line="${{COMP_LINE:0:$COMP_POINT}}" current word command="" flag="" values="" head="" i
    current="${{line##*[[:space:]]}}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[$i]}}"
        if [[ -z "$command" ]]; then
            command="$word"
        elif [[ "$word" == -* ]]; then
            flag="$word"
        fi
    done
    if [[ "$current" == --*=* ]]; then
        flag="${{current%%=*}}"
        [[ "$COMP_WORDBREAKS" == *=* ]] || head="$flag="
        current="${{current#*=}}"
    elif [[ -n "$command" && "$current" == -* ]]; then
        flag="the flags of"
    fi
    case "$command $flag" in
        " "*) values="{commands}" ;;
{cases}
    esac
    if [[ "$values" == streams ]]; then
        values="{streams}"
        head="$head${{current%"${{current##*,}}"}}"
        current="${{current##*,}}"
    fi
    COMPREPLY=()
    [[ -n "$values" ]] || return 0
    COMPREPLY=($(compgen -W "$values" -- "$current"))
    COMPREPLY=("${{COMPREPLY[@]/#/$head}}")
    current="$head$current"
    if [[ "$COMP_WORDBREAKS" == *:* && "$current" == *:* ]]; then
        head="${{current%"${{current##*:}}"}}"
        COMPREPLY=("${{COMPREPLY[@]#"$head"}}")
    fi
}}
complete -o default -F _source_gitlab source-gitlab
"""
# fish completes one value of a flag. A further one is a word without a flag to it, so its rule has
# a condition: that the last flag is one of these.
_FISH: Final = """\
set -g __source_gitlab_streams {streams}
function __source_gitlab_follows
    set -l flags (string match -- '-*' (commandline -opc))
    contains -- "$flags[-1]" $argv
end
"""


def main(arguments: Sequence[str]) -> int:
    """Run `source-gitlab completion` with these arguments; the exit code."""
    shell = command_parser().parsed(arguments).shell
    if shell == "fish":
        return ended(DONE, text=fish_script())
    return ended(DONE, text=(_ZSH if shell == "zsh" else "") + script())


def command_parser() -> Parser:
    """The flags of the command."""
    parser = Parser(
        prog="source-gitlab completion",
        description="Write what a shell needs to complete commands, flags and streams.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=_SHELLS, metavar="|".join(_SHELLS), help="which shell")
    return parser


def script() -> str:
    """The script, which bash takes, and zsh behind `bashcompinit`."""
    listed = [name for name, one in COMMANDS.items() if one.help and " " not in name]
    cases = [f"        {case}" for name in listed for case in _cases(name)]
    words = [*streams(), *(f"area:{area}" for area in areas())]
    return _BASH.format(commands=" ".join(listed), cases="\n".join(cases), streams=" ".join(words))


def fish_script() -> str:
    """The same for fish, which shows what a flag does beside it."""
    listed = {name: one for name, one in COMMANDS.items() if one.help and " " not in name}
    words = " ".join([*streams(), *(f"area:{area}" for area in areas())])
    lines = []
    for name, one in listed.items():
        told = f"-n __fish_use_subcommand -f -a {name} -d {quote(_first_words(one.help))}"
        lines.append(f"complete -c source-gitlab {told}")
        lines += [f"complete -c source-gitlab {rule}" for rule in _rules(name)]
    return _FISH.format(streams=words) + "".join(f"{line}\n" for line in lines)


def _rules(command: str) -> Iterator[str]:
    """What fish offers for a command: each flag with its values, and what stands without one."""
    seen = f"__fish_seen_subcommand_from {command}"
    parser = COMMANDS[command].parser()
    for action in parser.actions if parser else ():
        values = _values(action)
        offered = f" -f -a {quote(values)}" if values else ""
        if values == "streams":
            offered = " -f -a '(__fish_append , $__source_gitlab_streams)'"
        if not action.option_strings:
            if offered:
                yield f"-n '{seen}'{offered}"
            continue
        if action.help == argparse.SUPPRESS:
            continue
        flags = " ".join(
            f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}"
            for one in action.option_strings
        )
        takes = "" if action.nargs == 0 else " -r"
        told = f" -d {quote(_first_words(action.help))}" if action.help else ""
        yield f"-n '{seen}' {flags}{takes}{offered}{told}"
        if offered and action.nargs in {"+", "*"}:
            named = " ".join(action.option_strings)
            yield f"-n '{seen}; and __source_gitlab_follows {named}'{offered}"


def _first_words(told: str) -> str:
    """The beginning of what a command or flag does, for there is one line."""
    line = told.splitlines()[0].replace("%%", "%").rstrip(":")
    return line.partition(";")[0].partition(". ")[0]


def _cases(command: str) -> Iterator[str]:
    """What may follow each flag of a command, and what stands without one."""
    parser = COMMANDS[command].parser()
    if parser is None:
        return
    flags = []
    for action in parser.actions:
        values = _values(action)
        if action.option_strings and action.help != argparse.SUPPRESS:
            flags += [one for one in action.option_strings if one.startswith("--")]
        if values and action.option_strings:
            patterns = "|".join(f'"{command} {one}"' for one in action.option_strings)
            yield f'{patterns}) values="{values}" ;;'
        elif values:
            yield f'"{command} ") values="{values}" ;;'
    yield f'"{command} the flags of") values="{" ".join(flags)}" ;;'


def _values(action: argparse.Action) -> str:
    """The words that may follow a flag; "streams", or "" where they are files or not known."""
    if action.dest in _NAMES:
        return "streams"
    if action.choices is not None:
        return " ".join(map(str, action.choices))
    words = action.metavar if isinstance(action.metavar, str) else ""
    return words.replace("|", " ") if "|" in words else ""
