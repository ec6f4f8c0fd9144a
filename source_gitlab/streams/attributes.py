"""What a declaration may say: each attribute, what it means, and what counts without it.

The check of each value, the JSON schema for editors (`declared.schema.json`) and the page
`docs/declarations.md` are made from `ATTRIBUTES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from source_gitlab.streams.values import (
    BAD_REQUEST,
    BOOLEAN,
    COLUMNS,
    DAYS,
    GLOBAL_IDS,
    KEYS,
    MOVED_BY,
    ONLY,
    ORIGINS,
    PATH,
    PROBE,
    QUERIES,
    QUERY,
    REDACTED,
    REFRESH,
    REQUESTS,
    ROWS,
    SPAN,
    TEXT,
    VERSION,
    YES,
    Value,
    one_of,
    some_of,
)
from source_gitlab.streams.vocabulary import (
    COUNTS,
    FEATURES,
    KINDS,
    OFFERINGS,
    PAGINGS,
    ROLES,
    TIERS,
)
from source_gitlab.streams.walks import WALKS

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTATION = "https://docs.gitlab.com/api/"


class Attribute(NamedTuple):
    """One attribute of a declaration: what it may hold, what it means, what counts without it."""

    value: Value
    meaning: str
    default: str = "none"


ATTRIBUTES: Mapping[str, Attribute] = {
    "kind": Attribute(
        one_of(*KINDS), "Which slices the stream has.", "`child` with a `parent`, else `project`"
    ),
    "walk": Attribute(one_of(*WALKS), "How a list is read.", "`pages`"),
    "path": Attribute(
        PATH,
        "The list, below `groups/:id/` or `projects/:id/`, and of a child below its parent's"
        " `item`; or below /api/v4 where it begins with `/`. Columns of the parent stand in"
        " {braces}.",
        "the name of the stream",
    ),
    "key": Attribute(COLUMNS, "Columns that identify a row in the whole instance.", "`[id]`"),
    "unique": Attribute(
        KEYS, "Other columns that identify a row, in lists; references may go by them."
    ),
    "cursor": Attribute(
        TEXT,
        "The column that incremental readers order rows by; a stream without one is read in full."
        " Destinations keep the version of a row with the latest one, so it must never go back.",
        "the order of the walk (`seek`, `commits`, `jobs`), `read_at` with `refresh`, of a child"
        " what its parent gives of its own cursor",
    ),
    "paging": Attribute(
        one_of(*PAGINGS),
        "How GitLab cuts the list into pages. An empty page without headers, where GitLab's other"
        " lists have theirs, is an error unless this says `none`.",
        "`full`",
    ),
    "paged_since": Attribute(
        VERSION,
        "The version of GitLab from which on the list comes in pages; older ones send it whole.",
        "all versions",
    ),
    "since": Attribute(
        TEXT,
        "The filter that takes the lower bound of time, with `pages` and `keyset`; with `days`, the"
        " filter that takes a day, and leaves all of it out; with `graphql`, a query has the bound"
        " as `$since`.",
    ),
    "query": Attribute(
        QUERY,
        "Parameters of every request, beside those that its walk adds. `slice.path`,"
        " `slice.group_id` and `slice.project_id` are the full path or the id of the slice's group"
        " or project, which a path from `/` on does not name.",
    ),
    "group_query": Attribute(QUERY, "Further parameters of requests below `groups/`."),
    "queries": Attribute(QUERIES, "Several lists in one stream: further parameters of each."),
    "requests": Attribute(
        REQUESTS,
        "With `object`, several requests for one row, `column: path below path`: each brings the"
        " column of its name, and `add` brings all others. A row comes of all of them, or not at"
        " all: where one is refused, the slice or the parent is, and where one fails, it fails.",
        "one request, which brings all columns",
    ),
    "containers": Attribute(
        some_of("group", "project"),
        "Of which containers GitLab has the list of a `selection` stream.",
        "`[group, project]`",
    ),
    "top_level": Attribute(
        YES,
        "GitLab has the list of groups at the top only: others are not asked, and one that was"
        " chosen is reported.",
    ),
    "descendants_since": Attribute(
        VERSION,
        "The version from which on a group's list holds what is below it; older ones are asked"
        " group by group, or project by project.",
    ),
    "ids": Attribute(
        COLUMNS,
        "Objects whose ids become columns: `author` gives `author_id: author.id`, and the list"
        " `assignees[]` gives `assignee_ids: assignees[].id`.",
    ),
    "add": Attribute(
        ORIGINS,
        "Columns added to GitLab's row: `column: path.in.row`, `list[].path` for one value of each"
        " object in a list, `slice.group_id`, `slice.project_id`, `slice.read_at` (when the read"
        " was planned, by GitLab's clock), `slice.read_on` (the day of that), `parent.column`,"
        " `list.position` (the place of the row in its list, from 1 on, with `object`, `derived`"
        " and `graphql`), `above.column`, of the object that has the list, with `[]` in `rows`, or"
        " `request.day` (the day that was asked for, with `sums` in `span`).",
        "the id of the project or group, what the parent gives, and what `ids` and `refresh` add",
    ),
    "drop": Attribute(
        COLUMNS,
        "Columns that never leave, because they hold secrets; `variables.value` is one inside an"
        " object, or inside each object of a list.",
    ),
    "takes": Attribute(
        COLUMNS,
        "The columns of GitLab's row that leave, where its rows are those of another stream and"
        " only their ids are of use.",
        "all of them",
    ),
    "redact": Attribute(
        REDACTED,
        "Addresses that may hold a secret: `host` leaves scheme, host and port; `login` takes out"
        " user, password, query and fragment.",
    ),
    "null_as_empty": Attribute(
        COLUMNS,
        "Columns of the key that GitLab leaves null, or out, in some rows: they hold an empty text"
        " then.",
    ),
    "counted": Attribute(
        one_of(*COUNTS),
        "How `verify` counts GitLab's rows beside those of a copy, where no read tells what is"
        " gone: in windows of the time of creation, or whole lists, of which GitLab must tell the"
        " number of rows.",
    ),
    "keeps": Attribute(
        YES,
        "Each response has the figures of some days only, so rows that the next one lacks stay, and"
        " the list is read on every day on which there is a read. Of a child, a list inside a"
        " response may be missing from the next one: rows of such lists stay, others are replaced"
        " with their list.",
    ),
    "rows": Attribute(
        ROWS,
        "Where the rows are inside the response, with `graphql` inside the group or project, or"
        " with `derived` inside the parent's row: a path with dots to a list, or with `{}` behind"
        " it to one object, or `lists[].rows` for a list in each object of a list; with `graphql`,"
        " below a parent, `objects.{column}.rows` for a list in each object of an object, whose"
        " names become that column; or the names of two columns, `{key: …, value: …}`, for the"
        " names and values of an object.",
        "the response itself",
    ),
    "parts": Attribute(
        TEXT,
        "With `graphql`, a list in GitLab's row whose objects have a part of its columns each: the"
        " row has these in place of the list.",
    ),
    "may_be_hidden": Attribute(
        YES,
        "An object without the names in `rows` is one whose rows GitLab hides, where others are an"
        " error.",
    ),
    "absent": Attribute(
        YES,
        "The response `null` means that there is nothing, where others are an error. 404 is a"
        " refusal.",
    ),
    "nothing": Attribute(
        TEXT,
        "What GitLab says where it refuses a list (400, 404) because there is nothing in it; other"
        " refusals are such.",
    ),
    "denied": Attribute(
        BAD_REQUEST,
        "The status, beside 401, 403 and 404, by which GitLab refuses the list to who may not read"
        " it.",
    ),
    "gate": Attribute(
        TEXT,
        "The stream of the same projects whose changed rows tell where rows changed, with `jobs`.",
    ),
    "moves_with": Attribute(
        one_of("pipelines", "jobs", "activity"),
        "What moves whenever rows of the list do: a pipeline of the project; a job of one, which"
        " may move while its pipeline runs; or the activity of the project. Where it did not, the"
        " list is asked for by the first read of a day only.",
    ),
    "where_set": Attribute(
        TEXT, "Only rows in which this column is set, where one list serves two streams."
    ),
    "parent": Attribute(TEXT, "The stream whose rows this stream's lists belong to."),
    "item": Attribute(
        TEXT,
        "Where one row of this stream lives, as a template of its columns; children start here.",
    ),
    "gives": Attribute(
        ORIGINS, "What children get from a row: `column of the child: column of this stream`."
    ),
    "moved_by": Attribute(
        MOVED_BY,
        "A list whose changed rows make a parent worth reading again: its stream, and the column"
        " that holds the parent.",
    ),
    "sweep": Attribute(
        YES,
        "Some changes do not move the parent: once a week all parents are read, in each group or"
        " project on a day of its own.",
    ),
    "recheck": Attribute(
        DAYS,
        "Changes come for so many days after the parent moved last, without moving it again:"
        " parents that were that young at a read are read again by the next one.",
    ),
    "only": Attribute(
        ONLY,
        "Which parents are asked: those whose column has one of the values, or any with `true`.",
    ),
    "probe": Attribute(
        PROBE,
        "What GraphQL shows of many parents at once: those that have no rows are not asked for"
        " them. A parent is the `field` of its project, named by its column `by`; it tells of those"
        " whose columns have the values in `of`, for others may get rows without moving. Where the"
        " list `rows` is empty in it and the list `proof`, which the same right shows, is not, it"
        " has none. What GraphQL does not show is asked for.",
    ),
    "refresh": Attribute(
        REFRESH,
        "When a list that takes no filter of time is read again: where the named signal tells that"
        " it may differ, and after a day at the latest (`weekly`: a week). With a `path`, the"
        " signal is that list of the chosen group. A list of each group or project needs it, unless"
        " it has `since` or `span`.",
    ),
    "feature": Attribute(
        one_of(*FEATURES),
        "The setting `<feature>_access_level` of a project that switches the rows off.",
        "that of the parent",
    ),
    "empty_when_off": Attribute(
        YES, "A project whose feature is off shows an empty list, where others are refused."
    ),
    "cursor_nullable": Attribute(YES, "Rows may lack `updated_at`, with `seek`."),
    "tie_breaker": Attribute(
        QUERY, "The order that tells rows of one instant apart, with `seek`, in place of its own."
    ),
    "tier": Attribute(one_of(*TIERS), "The least tier that has it.", "that of the parent, `free`"),
    "role": Attribute(
        one_of(*ROLES), "The least role that may read it.", "that of the parent, `guest`"
    ),
    "span": Attribute(
        SPAN,
        "A request is for at most so many `days`, and GitLab has as many days as are `kept`:"
        " figures by day with `graphql` (`$since` and `$until`; without the latter where one"
        " request brings all days), and with `keyset` a list with the filters `since` and `until`."
        " With `sums`, a row sums up all days of its request: where there are any, each half of the"
        " days is asked for, down to single days.",
    ),
    "global_ids": Attribute(
        GLOBAL_IDS,
        "With `graphql`, columns of a parent whose global ids are variables of the query, and the"
        " types in them: `{project_id: Project}` gives `$projectId`. Other variables are columns of"
        " the parent as they are.",
    ),
    "less_below": Attribute(
        one_of(*ROLES[1:]),
        "The role below which GitLab leaves rows out without a word: the read says so, and its"
        " state does not move.",
    ),
    "where": Attribute(
        one_of(*OFFERINGS), "The only offering that has it: `com` or `self`.", "both"
    ),
    "since_version": Attribute(
        VERSION, "The version of GitLab that has it first.", "that of the parent"
    ),
    "optional": Attribute(
        COLUMNS,
        "Parameters of `query` that are left out for a row which GitLab cannot give with them.",
    ),
    "key_role": Attribute(
        one_of(*ROLES), "The role below which GitLab leaves the key out of the rows."
    ),
    "selected": Attribute(
        BOOLEAN,
        "Whether `sync` reads the stream unless told otherwise; those that cost a request for each"
        " parent are chosen by name.",
        "`true`",
    ),
    "distinct": Attribute(
        YES,
        "A row stands in the lists of several projects, of all of which it is the same, and belongs"
        " to none of them: a read brings it once, from the first list that has it.",
    ),
    "doc": Attribute(
        TEXT, f"GitLab's page about the list, below {DOCUMENTATION}.", "the name of the stream"
    ),
}
