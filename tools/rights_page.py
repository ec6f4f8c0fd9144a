"""docs/rights.md and docs/deletions.md: what streams need, and when their deletions show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from source_gitlab.streams import streams
from source_gitlab.streams.in_words.costs import choice
from source_gitlab.streams.vocabulary import ADMIN, LEVELS, ROLES, TIERS
from tools.deletions_in_words import deletion
from tools.markdown import GENERATED, markdown_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.streams import Stream

_RIGHTS = """\
# Roles and tiers

A token reads what its user may see. This page has the streams by the least role that GitLab asks
for in the group or project, and by the tier. `source-gitlab check --group my-group` tells the same
of a token: what it can read, and what each other stream would need.

The role is that for private projects. Public and internal ones show most streams to lesser roles,
too. Pipelines and jobs of a private project take a Reporter where its pipelines are not public.

A token with the scope `read_api` is enough. A stream that the role does not reach is skipped in
that group or project, named once, and nothing of it is taken for gone."""

_DELETIONS = """\
# Deletions

GitLab tells of no deletion: a row that is gone is only missing from its list. What a complete read of
a list no longer holds is gone, and only that.

- A list that was refused, failed or was interrupted, a name that does not resolve and a feature that
  is switched off remove nothing. [What else is never taken for a deletion](verify.md#what-is-never-taken-for-a-deletion).
- In a DuckDB file such rows move to `_source_gitlab.deleted_rows`, or are marked where they are, with
  `sync --deleted keep`. [What leaves a table](sync.md#what-leaves-a-table).
- In [a warehouse](destinations.md) they leave their table.
- [Airbyte](airbyte.md) and [Singer](singer.md#rows-that-are-gone) keep them, but for streams that are read as a
  whole and replaced. [Flow](flow.md) captures deletions of rows of whole lists.

## How long it takes until a deletion shows

| where | what it takes |
| --- | --- |
| lists that GitLab can filter by time, such as issues | a count beside GitLab's, by the first sync of each day, all of them within six days; at once with [`verify --repair`](verify.md); rows of a project that is gone, with `--full-refresh` |
| lists that it cannot filter | when the list is read again: with a change that GitLab shows, and within a day, or a week for [weekly ones](streams.md) |
| what stands below a row | when the row moves, and with the deletion of that row |

## By stream
"""  # noqa: E501 -- a table


def _links(found: list[Stream]) -> str:
    return ", ".join(f"[{one.name}](streams/{one.area}.md#{one.name})" for one in found)


def rights_page() -> Iterator[str]:
    """docs/rights.md."""
    yield GENERATED.format(source="streams/declared/")
    yield ""
    yield from _RIGHTS.splitlines()
    yield ""
    yield "## By role"
    yield ""
    everything = list(streams().values())
    rows = []
    for role in ROLES:
        found = [one for one in everything if one.role == role]
        if found:
            level = f"{LEVELS[role]}" if role in LEVELS else "-"
            name = "an administrator" if role == ADMIN else role.capitalize()
            rows.append((name, level, str(len(found)), _by_choice(found)))
    yield from markdown_table(("Least role", "Access level", "Streams", "Which"), rows)
    yield ""
    yield "## By tier"
    yield ""
    yield from markdown_table(
        ("Least tier", "Streams", "Which"),
        (
            (
                tier.capitalize(),
                str(len(found)),
                _links(found) if tier != TIERS[0] else "the others",
            )
            for tier in TIERS
            for found in [[one for one in everything if one.tier == tier]]
        ),
    )


def _by_choice(found: list[Stream]) -> str:
    parts = []
    for name in ("by default", "by name"):
        chosen = [one for one in found if choice(one) == name]
        if chosen:
            parts.append(f"{name}: {_links(chosen)}")
    return "; ".join(parts)


def deletions_page() -> Iterator[str]:
    """docs/deletions.md."""
    yield GENERATED.format(source="streams/declared/")
    yield ""
    yield from _DELETIONS.splitlines()
    yield ""
    yield from _grouped(deletion, ("What happens", "Streams"))


def _grouped(said: Callable[[Stream], str], header: tuple[str, str]) -> Iterator[str]:
    groups: dict[str, list[Stream]] = {}
    for one in streams().values():
        text = re.sub(r"\]\((?=\w+\.md#)", "](streams/", said(one)).replace("(../", "(")
        groups.setdefault(text, []).append(one)
    ordered = sorted(groups.items(), key=lambda pair: -len(pair[1]))
    yield from markdown_table(header, ((text, _links(found)) for text, found in ordered))
