"""Answers that fit into a model's context: long texts are cut, rows left out, and both said."""

from __future__ import annotations

from typing import Any, Final

import orjson

MOST: Final = 40_000
"""Characters that an answer has at most."""

_LONGEST_TEXTS: Final = (4_000, 1_000, 200)
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS
_TOO_LARGE: Final = {"left_out": "This row is too large. Choose some of its fields."}


def text_of(value: Any) -> str:
    """A value as JSON."""
    return orjson.dumps(value, default=str, option=_OPTIONS).decode("utf-8", "replace")


def bounded(answer: dict[str, Any], *, offset: int | None = None) -> str:
    """An answer as JSON with `MOST` characters at most.

    Of an answer with `rows`, those at the end are left out that do not fit. `offset` is where its
    first row stands in a list that goes on with a cursor, which is set to the first row that is
    left out; without it, the answer says how to ask for less.
    """
    text = text_of(answer)
    longest = 0
    for longest in _LONGEST_TEXTS:
        if len(text) <= MOST:
            return text
        shown = {name: _cut(value, longest) for name, value in answer.items()}
        text = text_of({**shown, **_note(answer, len(answer.get("rows", ())), longest, offset)})
    if len(text) <= MOST:
        return text
    rows = _cut(answer.get("rows", []), longest)
    head = {name: _cut(value, longest) for name, value in answer.items() if name != "rows"}
    if not rows:
        return text_of({"left_out": "The answer is too large.", "begins": text[: MOST // 2]})
    least, most = 0, len(rows)
    while least < most:
        middle = (least + most + 1) // 2
        told = {**head, "rows": rows[:middle], **_note(answer, middle, longest, offset)}
        least, most = (middle, most) if len(text_of(told)) <= MOST else (least, middle - 1)
    kept = rows[:least] or [_TOO_LARGE]
    return text_of({**head, "rows": kept, **_note(answer, len(kept), longest, offset)})


def _note(answer: dict[str, Any], shown: int, longest: int, offset: int | None) -> dict[str, Any]:
    told = f"Texts of more than {longest:,} characters are cut."
    total = len(answer.get("rows", ()))
    if shown >= total:
        return {"note": told}
    told += f" {total - shown} rows at the end are left out, as the answer was too long: ask for "
    if offset is None:
        return {"note": f"{told}fewer rows, or some fields.", "has_more": True, "next_page": None}
    told += "them with this cursor, or for some fields."
    return {"note": told, "has_more": True, "cursor": str(offset + shown)}


def _cut(value: Any, longest: int) -> Any:
    """The value with every text in it cut that is longer."""
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]}… [cut; {len(value):,} characters]"
    if isinstance(value, dict):
        return {name: _cut(one, longest) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cut(one, longest) for one in value]
    return value
