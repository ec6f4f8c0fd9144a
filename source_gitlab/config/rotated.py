"""A configuration with new OAuth tokens in the places of the old ones: as an object, and as text.

Each dialect keeps the tokens in places of its own, and a text may write them with escapes: they are
found by what they are, not by how they are written. Both forms are tried out with other tokens
before a real pair is spent, because what cannot be written would be lost.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

import yaml

from source_gitlab.config import ConfigError, OAuth, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATE: Final = "token_expiry_date"
_TOKENS: Final = ("access_token", "refresh_token")
_LITERAL: Final = re.compile(r'"(?:[^"\\]|\\.)*"')

# Where a value begins and ends in a text, and what stands there instead.
_Span = tuple[int, int, str]


class NotRenewable(Exception):
    """New tokens would not be found again where they were put; the message says why."""


def stand_in(old: OAuth) -> dict[str, str]:
    """Tokens that look like a renewed pair, to try out where one would go."""
    return {
        **{name: secrets.token_hex(len(getattr(old, name)) // 2 + 8) for name in _TOKENS},
        DATE: "2099-12-31T23:59:59Z",
    }


def renewed(raw: Mapping[str, Any], old: OAuth, new: Mapping[str, str]) -> dict[str, Any]:
    """The configuration `raw` with `new` in the place of the pair `old`.

    `new` has access_token, refresh_token and token_expiry_date, which is added where there is none.

    Raises:
        NotRenewable: the configuration that comes of it would be read with other tokens.
    """
    swap = {getattr(old, name): new[name] for name in _TOKENS}
    dated = False

    def copy(value: Any) -> Any:
        nonlocal dated
        if isinstance(value, str):
            return swap.get(value.strip(), value)
        if isinstance(value, list):
            return [copy(item) for item in value]
        if not isinstance(value, dict):
            return value
        copied = {key: copy(item) for key, item in value.items()}
        if DATE in value or new["refresh_token"] in copied.values():
            copied[DATE] = new[DATE]
            dated = True
        return copied

    made: dict[str, Any] = copy(dict(raw))
    if not dated:
        why = "the refresh token is not in it"
        raise NotRenewable(why)
    confirm(made, new)
    return made


def renewed_text(text: str, old: OAuth, new: Mapping[str, str]) -> str:
    """The text of a configuration, JSON or YAML, with new tokens; comments and layout stay.

    A date of expiry is replaced where there is one, and not added.

    Raises:
        NotRenewable: the old tokens are not in it, or not as plain values.
    """
    swap = {getattr(old, name): new[name] for name in _TOKENS}
    spans = sorted(set(_spans(text, swap, new[DATE])))
    if not any(new["refresh_token"] in put for _, _, put in spans):
        why = "the refresh token is not in it as a plain value"
        raise NotRenewable(why)
    for start, end, put in reversed(spans):
        text = text[:start] + put + text[end:]
    return text


def confirm(raw: object, new: Mapping[str, str]) -> None:
    """Make sure that a configuration is read with these tokens.

    Raises:
        NotRenewable: it is not.
    """
    try:
        held = parse(raw).credentials if isinstance(raw, dict) else None
    except ConfigError as error:
        raise NotRenewable(str(error)) from error
    if not isinstance(held, OAuth) or any(getattr(held, name) != new[name] for name in _TOKENS):
        why = "it does not have the tokens as plain values in one place"
        raise NotRenewable(why)


def _spans(text: str, swap: Mapping[str, str], date: str) -> Iterator[_Span]:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except ValueError:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            why = "it is neither JSON nor YAML"
            raise NotRenewable(why) from error
        _check_aliases(text, swap)
        yield from _yaml_spans(node, swap, date)
    else:
        yield from _json_spans(text, swap, date)


def _json_spans(text: str, swap: Mapping[str, str], date: str) -> Iterator[_Span]:
    key, end = "", 0
    for match in _LITERAL.finditer(text):
        value = json.loads(match[0], strict=False)
        of_date = key == DATE and text[end : match.start()].strip() == ":"
        if of_date or value.strip() in swap:
            put = date if of_date else swap[value.strip()]
            yield match.start(), match.end(), json.dumps(put)
        key, end = value, match.end()


def _check_aliases(text: str, swap: Mapping[str, str]) -> None:
    """Refuse a token that an alias stands for elsewhere: what is put there would lose its anchor.

    Raises:
        NotRenewable: there is one.
    """
    lines: dict[str | None, int] = {}
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.ScalarEvent) and event.value.strip() in swap:
            lines[event.anchor] = _line(event)
        elif isinstance(event, yaml.AliasEvent) and event.anchor in lines:
            why = (
                f"the alias *{event.anchor} in line {_line(event)} stands for the "
                f"token in line {lines[event.anchor]}; write the token itself there"
            )
            raise NotRenewable(why)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _yaml_spans(node: yaml.Node | None, swap: Mapping[str, str], date: str) -> Iterator[_Span]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == DATE and isinstance(value, yaml.ScalarNode):
                yield _span(value, date)
            else:
                yield from _yaml_spans(value, swap, date)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _yaml_spans(item, swap, date)
    elif isinstance(node, yaml.ScalarNode) and node.value.strip() in swap:
        yield _span(node, swap[node.value.strip()])


def _span(node: yaml.ScalarNode, put: str) -> _Span:
    """What stands for a scalar, in its own style where that cannot change its meaning."""
    if node.style is None and (node.tag.endswith(":timestamp") or yaml.safe_load(put) == put):
        shown = put
    elif node.style == "'":
        shown = f"'{put}'"
    else:
        shown = json.dumps(put)
    # A text of several lines ends where the line behind it begins.
    ending = "\n" if node.style in {"|", ">"} else ""
    return node.start_mark.index, node.end_mark.index, shown + ending
