"""What a declaration may say: each attribute, what it means, and what counts without it.

The check of each value, the JSON schema for editors (`declared.schema.json`) and the page
`docs/declarations.md` are made from `ATTRIBUTES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from source_gitlab.streams.walks import WALKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from source_gitlab.streams.json_schema import Schema

DOCUMENTATION = "https://docs.gitlab.com/api/"
KINDS: Mapping[str, str] = {
    "inventory": "the groups or projects of the selection themselves, from an index of their own",
    "selection": "one slice for each chosen group, subgroups included, or chosen project",
    "group": "one slice for each group of the selection, descendants included",
    "project": "one slice for each project of the selection",
    "instance": "one slice for the whole GitLab, whatever the selection",
    "child": "one slice for each slice of `parent`; the rows of every parent that changed",
}
REFRESHES: Mapping[str, str] = {
    "activity": "its project was active (`last_activity_at`)",
    "touch": "its project was touched (`updated_at`), where every change of the list does that",
    "daily": "nothing tells",
    "weekly": "nothing tells, and a request for each project or group is too much for each day",
    "list": "the list that a chosen group has of the same things is not what it was",
}
# Settings `<feature>_access_level` of a project (lib/api/entities/project.rb).
FEATURES = (
    "builds",
    "container_registry",
    "environments",
    "feature_flags",
    "infrastructure",
    "issues",
    "merge_requests",
    "package_registry",
    "pages",
    "releases",
    "repository",
    "snippets",
    "wiki",
)
TIERS = ("free", "premium", "ultimate")
ROLES = ("guest", "planner", "reporter", "developer", "maintainer", "owner", "admin")
OFFERINGS: Mapping[str, str] = {"com": "GitLab.com", "self": "self-managed GitLab"}
REDACTIONS: Mapping[str, str] = {
    "host": "scheme, host and port are left of an address",
    "login": "user, password, query and fragment are taken out of an address",
}


class Value(NamedTuple):
    """What an attribute may hold: its JSON schema, in words, and the check itself."""

    schema: Schema
    allowed: str
    fits: Callable[[Any], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(map(_is_text, value))
        and len(set(value)) == len(value)
    )


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value))


def _one_of(*names: str) -> Value:
    return Value({"enum": list(names)}, f"one of {', '.join(names)}", lambda found: found in names)


def _some_of(*names: str) -> Value:
    schema: Schema = {"type": "array", "items": {"enum": list(names)}, "minItems": 1}
    allowed = f"a list of {' and '.join(names)}"
    return Value(schema, allowed, lambda found: _are_texts(found) and set(found) <= set(names))


_TEXT = Value({"type": "string", "minLength": 1}, "a text", _is_text)
_PATH = Value({"type": "string"}, "a text", lambda found: isinstance(found, str))
_COLUMNS = Value(
    {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "uniqueItems": True,
    },
    "a list of columns",
    _are_texts,
)
_KEYS = Value(
    {"type": "array", "items": _COLUMNS.schema, "minItems": 1},
    "a list of lists of columns",
    lambda found: isinstance(found, list) and bool(found) and all(map(_are_texts, found)),
)
_ORIGINS = Value(
    {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
    "a map of columns to where they come from",
    lambda found: _is_map(found) and all(map(_is_text, found.values())),
)
_QUERY = Value({"type": "object"}, "a map of parameters to values", _is_map)
_QUERIES = Value(
    {"type": "array", "items": {"type": "object"}, "minItems": 2},
    "a list of two or more maps of parameters to values",
    lambda found: isinstance(found, list) and len(found) > 1 and all(map(_is_map, found)),
)
_YES = Value({"const": True}, "true", lambda found: found is True)
_BOOLEAN = Value({"type": "boolean"}, "true or false", lambda found: isinstance(found, bool))
_VERSION = Value(
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    "a version as [major, minor]",
    lambda found: (
        isinstance(found, list) and len(found) == 2 and all(type(one) is int for one in found)  # noqa: PLR2004
    ),
)
_DAYS = Value(
    {"type": "integer", "minimum": 1},
    "a number of days",
    lambda found: type(found) is int and found > 0,
)
_REDACTED = Value(
    {"type": "object", "additionalProperties": {"enum": list(REDACTIONS)}, "minProperties": 1},
    f"a map of columns to {' or '.join(REDACTIONS)}",
    lambda found: _is_map(found) and bool(found) and set(found.values()) <= set(REDACTIONS),
)
_ONLY = Value(
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "oneOf": [{"const": True}, {"type": "array", "items": {}, "minItems": 1}]
        },
    },
    "a map of columns to lists of values, or to true for any value but null, 0 and empty",
    lambda found: (
        _is_map(found)
        and bool(found)
        and all(one is True or (isinstance(one, list) and one) for one in found.values())
    ),
)
_MOVED_BY = Value(
    {
        "type": "object",
        "required": ["stream", "parent"],
        "additionalProperties": False,
        "properties": {"stream": {"type": "string"}, "parent": {"type": "string"}},
    },
    "a map with stream and parent",
    lambda found: _is_map(found) and found.keys() == {"stream", "parent"},
)
_ROWS = Value(
    {
        "oneOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "required": ["key", "value"],
                "additionalProperties": False,
                "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
            },
        ]
    },
    "a path with dots, or a map with `key` and `value`",
    lambda found: (
        _is_text(found)
        or (
            isinstance(found, dict)
            and found.keys() == {"key", "value"}
            and all(map(_is_text, found.values()))
        )
    ),
)
_PROBES = tuple(name for name in REFRESHES if name != "list")
_REFRESH = Value(
    {
        "oneOf": [
            {"enum": list(_PROBES)},
            {
                "type": "object",
                "required": ["path"],
                "additionalProperties": False,
                "properties": {"path": {"type": "string"}, "query": {"type": "object"}},
            },
        ]
    },
    f"one of {', '.join(_PROBES)}, or a map with path and query",
    lambda found: (
        found in _PROBES
        if isinstance(found, str)
        else _is_map(found) and "path" in found and found.keys() <= {"path", "query"}
    ),
)


class Attribute(NamedTuple):
    """One attribute of a declaration: what it may hold, what it means, what counts without it."""

    value: Value
    meaning: str
    default: str = "none"


ATTRIBUTES: Mapping[str, Attribute] = {
    "kind": Attribute(
        _one_of(*KINDS), "Which slices the stream has.", "`child` with a `parent`, else `project`"
    ),
    "walk": Attribute(_one_of(*WALKS), "How a list is read.", "`pages`"),
    "path": Attribute(
        _PATH,
        "The list, below `groups/:id/` or `projects/:id/`; of a child, below its parent's `item`.",
        "the name of the stream",
    ),
    "key": Attribute(_COLUMNS, "Columns that identify a row in the whole instance.", "`[id]`"),
    "unique": Attribute(
        _KEYS, "Other columns that identify a row, in lists; references may go by them."
    ),
    "cursor": Attribute(
        _TEXT,
        "The column that incremental readers order rows by; a stream without one is read in full."
        " Destinations keep the version of a row with the latest one, so it must never go back.",
        "the order of the walk (`seek`, `commits`, `jobs`), `read_at` with `refresh`, of a child"
        " what its parent gives of its own cursor",
    ),
    "since": Attribute(
        _TEXT,
        "The filter that takes the lower bound of time, with `pages` and `keyset`; with `days`, the"
        " filter that takes a day, and leaves all of it out; with `graphql`, a query has the bound"
        " as `$since`.",
    ),
    "query": Attribute(_QUERY, "Parameters of every request, beside those that its walk adds."),
    "group_query": Attribute(_QUERY, "Further parameters of requests below `groups/`."),
    "queries": Attribute(_QUERIES, "Several lists in one stream: further parameters of each."),
    "containers": Attribute(
        _some_of("group", "project"),
        "Of which containers GitLab has the list of a `selection` stream.",
        "`[group, project]`",
    ),
    "descendants_since": Attribute(
        _VERSION,
        "The version from which on a group's list holds what is below it; older ones are asked"
        " group by group, or project by project.",
    ),
    "ids": Attribute(
        _COLUMNS,
        "Objects whose ids become columns: `author` gives `author_id: author.id`, and the list"
        " `assignees[]` gives `assignee_ids: assignees[].id`.",
    ),
    "add": Attribute(
        _ORIGINS,
        "Columns added to GitLab's row: `column: path.in.row`, `list[].path` for one value of each"
        " object in a list, `slice.group_id`, `slice.project_id`, `slice.read_at` (when the read"
        " was planned, by GitLab's clock), `slice.read_on` (the day of that) or `parent.column`.",
        "the id of the project or group, what the parent gives, and what `ids` and `refresh` add",
    ),
    "drop": Attribute(
        _COLUMNS,
        "Columns that never leave, because they hold secrets; `variables.value` is one inside an"
        " object, or inside each object of a list.",
    ),
    "takes": Attribute(
        _COLUMNS,
        "The columns of GitLab's row that leave, where its rows are those of another stream and"
        " only their ids are of use.",
        "all of them",
    ),
    "redact": Attribute(
        _REDACTED,
        "Addresses that may hold a secret: `host` leaves scheme, host and port; `login` takes out"
        " user, password, query and fragment.",
    ),
    "keeps": Attribute(
        _YES,
        "Each response has the figures of some days only, so rows that the next one lacks stay, and"
        " the list is read on every day on which there is a read.",
    ),
    "rows": Attribute(
        _ROWS,
        "Where the rows are inside the response, with `graphql` inside the group or project, or"
        " with `derived` inside the parent's row: a path with dots to a list; or the names of two"
        " columns, `{key: …, value: …}`, for the names and values of an object.",
        "the response itself",
    ),
    "absent": Attribute(
        _YES,
        "The response `null` or 404 means that there is nothing, where others report a refusal.",
    ),
    "gate": Attribute(
        _TEXT,
        "The stream of the same projects whose changed rows tell where rows changed, with `jobs`.",
    ),
    "where_set": Attribute(
        _TEXT, "Only rows in which this column is set, where one list serves two streams."
    ),
    "parent": Attribute(_TEXT, "The stream whose rows this stream's lists belong to."),
    "item": Attribute(
        _TEXT,
        "Where one row of this stream lives, as a template of its columns; children start here.",
    ),
    "gives": Attribute(
        _ORIGINS, "What children get from a row: `column of the child: column of this stream`."
    ),
    "moved_by": Attribute(
        _MOVED_BY,
        "A list whose changed rows make a parent worth reading again: its stream, and the column"
        " that holds the parent.",
    ),
    "sweep": Attribute(
        _YES,
        "Some changes do not move the parent: once a week all parents are read, in each group or"
        " project on a day of its own.",
    ),
    "recheck": Attribute(
        _DAYS,
        "Changes come for so many days after the parent moved last, without moving it again:"
        " parents that young are read by each read.",
    ),
    "only": Attribute(
        _ONLY,
        "Which parents are asked: those whose column has one of the values, or any with `true`.",
    ),
    "refresh": Attribute(
        _REFRESH,
        "When a list that takes no filter of time is read again: where the named signal tells that"
        " it may differ, and after a day at the latest (`weekly`: a week). With a `path`, the"
        " signal is that list of the chosen group.",
    ),
    "feature": Attribute(
        _one_of(*FEATURES),
        "The setting `<feature>_access_level` of a project that switches the rows off.",
        "that of the parent",
    ),
    "empty_when_off": Attribute(
        _YES, "A project whose feature is off shows an empty list, where others are refused."
    ),
    "cursor_nullable": Attribute(_YES, "Rows may lack `updated_at`, with `seek`."),
    "tie_breaker": Attribute(
        _QUERY, "The order that tells rows of one instant apart, with `seek`, in place of its own."
    ),
    "tier": Attribute(_one_of(*TIERS), "The least tier that has it.", "that of the parent, `free`"),
    "role": Attribute(
        _one_of(*ROLES), "The least role that may read it.", "that of the parent, `guest`"
    ),
    "less_below": Attribute(
        _one_of(*ROLES[1:]),
        "The role below which GitLab leaves rows out without a word: the read says so, and its"
        " state does not move.",
    ),
    "where": Attribute(
        _one_of(*OFFERINGS), "The only offering that has it: `com` or `self`.", "both"
    ),
    "since_version": Attribute(
        _VERSION, "The version of GitLab that has it first.", "that of the parent"
    ),
    "optional": Attribute(
        _COLUMNS,
        "Parameters of `query` that are left out for a row which GitLab cannot give with them.",
    ),
    "key_role": Attribute(
        _one_of(*ROLES), "The role below which GitLab leaves the key out of the rows."
    ),
    "selected": Attribute(
        _BOOLEAN,
        "Whether `sync` reads the stream unless told otherwise; those that cost a request for each"
        " parent are chosen by name.",
        "`true`",
    ),
    "distinct": Attribute(
        _YES,
        "A row stands in the lists of several projects, of all of which it is the same, and belongs"
        " to none of them: a read brings it once, from the first list that has it.",
    ),
    "doc": Attribute(
        _TEXT, f"GitLab's page about the list, below {DOCUMENTATION}.", "the name of the stream"
    ),
}
