"""Every documented join, run over a copy: no row is found twice, and the partners are there."""

# The only texts put into SQL here are names of columns and tables.
# ruff: noqa: S608

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pytest

from integration_tests.gitlab.default_world import READER
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.process import file, run
from integration_tests.support.reading import config_for
from source_gitlab.streams import streams
from source_gitlab.streams.relations import Reference, references

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Joined:
    """What a join did: values that refer, rows that came of it, and values with a partner."""

    values: int
    rows: int
    found: int


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The demonstration's GitLab in a DuckDB file: all streams, the commits of all branches.

    An administrator copies it, who may read all streams.
    """
    folder = tmp_path_factory.mktemp("relations")
    with Emulator() as gitlab:
        gitlab.mutate("make_admin", user_id=READER)
        config = file(folder, "config.json", config_for(gitlab, commit_refs="all"))
        to = ("--to", folder / "gitlab.duckdb")
        done = run("sync", *to, "--config", config, "--select", *streams())
    assert done.code == 0, done.stderr
    with duckdb.connect(str(folder / "gitlab.duckdb"), read_only=True) as connection:
        yield connection


def values_of(one: Reference) -> str:
    """SQL for the values of a column, which may lie inside objects and lists."""
    name, _, inside = one.column.partition(".")
    if "[]" in one.column:
        path = one.column.replace("[]", "[*]").removeprefix(name.removesuffix("[]"))
        column = name.removesuffix("[]")
        return f"""unnest(json_extract_string("{column}", '${path}'))"""
    return f"""json_extract_string("{name}", '$.{inside}')""" if inside else f'"{name}"::VARCHAR'


def join(copy: duckdb.DuckDBPyConnection, one: Reference) -> Joined:
    """Join as the documents say."""
    ours = "".join(f', "{our}" AS o{number}' for number, (_, our) in enumerate(one.others))
    also = "".join(
        f' AND t."{their}" = r.o{number}' for number, (their, _) in enumerate(one.others)
    )
    sql = f"""
        WITH all_values AS (SELECT {values_of(one)} AS value{ours} FROM "{one.stream}"),
        r AS (SELECT * FROM all_values WHERE value IS NOT NULL)
        SELECT (SELECT count(*) FROM r), count(*), count(t."{one.target_column}")
        FROM r LEFT JOIN "{one.target}" AS t
        ON t."{one.target_column}"::VARCHAR = r.value{also}
    """
    (counts,) = copy.execute(sql).fetchall()
    return Joined(*counts)


EVERY = references()
TARGETS: dict[tuple[str, str], list[str]] = {}
for _one in EVERY:
    TARGETS.setdefault((_one.stream, _one.column), []).append(_one.target)
SEVERAL = {place: targets for place, targets in TARGETS.items() if len(targets) > 1}
# What the demonstration has no example of.
UNUSED = {
    ("alert_management_alerts", "issue_id"),
    ("epic_issues", "moved_to_id"),
    ("epic_notes", "project_id"),
    ("epic_state_events", "source_merge_request_id"),
    ("group_members", "group_scim_identity.group_id"),
    ("group_members", "member_role.group_id"),
    ("group_members_all", "group_scim_identity.group_id"),
    ("group_members_all", "member_role.group_id"),
    ("instance_member_roles", "group_id"),
    ("instance_users", "scim_identities[].group_id"),
    ("groups", "duo_namespace_access_rules[].through_namespace.id"),
    ("group_issue_board_lists", "iteration_id"),
    ("group_work_items", "milestone_id"),
    ("groups", "file_template_project_id"),
    ("issues", "moved_to_id"),
    ("merge_request_notes", "resolved_by_id"),
    ("merge_requests", "squash_commit_sha"),
    ("project_members", "group_scim_identity.group_id"),
    ("project_members", "member_role.group_id"),
    ("project_members_all", "group_scim_identity.group_id"),
    ("project_members_all", "member_role.group_id"),
    ("project_issue_boards", "group.id"),
    ("projects", "group_with_project_templates_id"),
    ("projects", "mirror_user_id"),
    ("runner_details", "groups[].id"),
}
# Where some of the partners are in no stream: the namespaces of people, and commits that are on no
# branch, because the branch of a merge request is gone or was rewritten; and pipelines of forks.
LOOSE = {
    ("job_token_allowlist_groups", "id"),
    ("projects", "namespace.id"),
    ("merge_requests", "sha"),
    ("merge_requests", "merge_commit_sha"),
    ("merge_request_commits", "id"),
    ("merge_request_metrics", "head_pipeline_id"),
}


def named(one: Reference) -> str:
    """The name of a reference in the output of tests."""
    return f"{one.stream}.{one.column}-{one.target}"


@pytest.mark.parametrize("one", EVERY, ids=named)
def test_a_join_multiplies_no_row(one: Reference, copy: duckdb.DuckDBPyConnection) -> None:
    """Each value finds one row or none."""
    joined = join(copy, one)
    assert joined.rows == joined.values
    assert bool(joined.values) is ((one.stream, one.column) not in UNUSED)


@pytest.mark.parametrize(
    "one", [o for o in EVERY if (o.stream, o.column) not in SEVERAL], ids=named
)
def test_a_join_finds_its_partners(one: Reference, copy: duckdb.DuckDBPyConnection) -> None:
    """All of them; of people, those who have a part in the project."""
    joined = join(copy, one)
    if one.target == "people" and joined.values:
        assert 0.8 * joined.values <= joined.found <= joined.values
    elif (one.stream, one.column) not in LOOSE:
        assert joined.found == joined.values


@pytest.mark.parametrize(("stream", "column"), SEVERAL)
def test_a_partner_is_in_one_of_two_streams(
    stream: str, column: str, copy: duckdb.DuckDBPyConnection
) -> None:
    """Milestones, and what is above a work item, are of a project or of a group."""
    both = [o for o in EVERY if (o.stream, o.column) == (stream, column)]
    joined = [join(copy, one) for one in both]
    assert sum(one.found for one in joined) == joined[0].values > 0
