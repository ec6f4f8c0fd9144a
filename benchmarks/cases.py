"""What is measured: worlds, and who reads what of them, as data.

Where a contender takes minutes, its entry is run once; the results say so. Where even that would
take too long, a case of its own has the same rows for both in a smaller world.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from source_gitlab.streams import streams

# The streams that a group's own lists answer for.
SIX = (
    "epics",
    "group_labels",
    "group_milestones",
    "issues",
    "merge_requests",
    "project_labels",
    "project_milestones",
    "releases",
)

# What is read where nobody chooses.
DEFAULT = tuple(name for name, stream in streams().items() if stream.selected)


@dataclass(frozen=True)
class Entry:
    """One contender in a case: what it reads, and how often that is measured.

    `label` names it in the case. `streams` () are all that it has. `group` is the chosen group:
    "scaled" is the top of a scaled world. `after` names an entry of the same case whose state it
    starts from. `latency` is in milliseconds.
    """

    label: str
    contender: str
    streams: tuple[str, ...] = ()
    command: str = "read"
    group: str = "scaled"
    workers: int | None = None
    after: str = ""
    latency: float = 0
    repeats: int = 3


@dataclass(frozen=True)
class Case:
    """One world, and the entries that are measured on it; `world` are the emulator's arguments."""

    name: str
    title: str
    world: tuple[str | int, ...]
    entries: tuple[Entry, ...]
    note: str = ""


def scaled(**sizes: int) -> tuple[str | int, ...]:
    """The emulator's arguments for a scaled world; what is not named is not there."""
    nothing = {
        "issues": 0,
        "merge_requests_per_project": 0,
        "commits_per_mr": 0,
        "pipelines_per_project": 0,
        "jobs_per_pipeline": 0,
        "deployments": 0,
        "branches": 1,
        "tags": 0,
        "commits": 1,
    }
    arguments: list[str | int] = ["--world", "scaled"]
    for name, value in {**nothing, **sizes}.items():
        arguments += [f"--{name.replace('_', '-')}", value]
    return tuple(arguments)


def both(streams: tuple[str, ...], latency: float = 0) -> tuple[Entry, ...]:
    """This connector three times, and airbyte-source-gitlab once, which takes minutes."""
    return (
        Entry("ours", "ours", streams, latency=latency),
        Entry("peer", "peer", streams, latency=latency, repeats=1),
    )


def quiet(projects: int) -> tuple[str | int, ...]:
    """A world in which there is a little of everything."""
    return scaled(
        projects=projects,
        issues=5,
        merge_requests_per_project=2,
        commits_per_mr=1,
        pipelines_per_project=1,
        jobs_per_pipeline=1,
        deployments=1,
        tags=1,
    )


# A tenth of the projects lies in group 10, so that one world has both sizes.
TENTH = "10"
ISSUES = ("issues",)

# What airbyte-source-gitlab 4.3.7 has.
THEIRS = (
    *("branches", "commits", "deployments", "epic_issues", "epics", "group_issue_boards"),
    *("group_labels", "group_members", "group_milestones", "groups", "issues", "jobs"),
    *("merge_request_commits", "merge_requests", "pipelines", "pipelines_extended"),
    *("project_labels", "project_members", "project_milestones", "projects", "releases"),
    *("tags", "users"),
)

COMMANDS = Case(
    "commands",
    "`spec`, `check` and `discover`",
    scaled(projects=1),
    tuple(
        Entry(f"{contender} {command}", contender, command=command)
        for command in ("spec", "check", "discover")
        for contender in ("ours", "peer")
    ),
)

IDLE_DEFAULT = Case(
    "idle-default",
    "second read of the default streams of 1,000 quiet projects",
    quiet(1000),
    (
        Entry("ours", "ours", DEFAULT, repeats=1),
        Entry("ours again", "ours", DEFAULT, after="ours"),
    ),
)

PACKED = Case(
    "packed",
    "20,000 issues of 4 KB over TLS and packed, and 2,000 of them",
    ("--tls", "--gzip", *scaled(projects=10, groups=10, issues=2000, issue_bytes=4000)),
    (
        Entry("ours", "ours", ISSUES),
        Entry("ours tenth", "ours", ISSUES, group=TENTH),
        Entry("floor", "floor", ISSUES),
        Entry("floor tenth", "floor", ISSUES, group=TENTH),
        Entry("ours 200 ms", "ours", ISSUES, latency=200, repeats=1),
    ),
    "The texts of emulated rows pack 36 times smaller, those of real ones 7 to 10 times: unpacking"
    " them takes up to three times as long.",
)

CASES = (
    COMMANDS,
    PACKED,
    Case(
        "issues",
        "10,000 issues of 4 KB in 10 projects",
        scaled(projects=10, issues=1000, issue_bytes=4000),
        (
            *both(ISSUES),
            Entry("newest", "newest", ISSUES),
            Entry("tap", "tap", ISSUES, repeats=1),
            Entry("ingestr", "ingestr", ISSUES, repeats=1),
            Entry("dlt", "dlt", ISSUES, repeats=1),
            Entry("sync", "sync", ISSUES),
            Entry("floor", "floor", ISSUES),
            Entry("ours 200 ms", "ours", ISSUES, latency=200),
            Entry("peer 200 ms", "peer", ISSUES, latency=200, repeats=1),
            Entry("newest 200 ms", "newest", ISSUES, latency=200, repeats=1),
        ),
        "airbyte-source-gitlab 4.4.37 is no package but a manifest, which Airbyte's CDK interprets."
        " `newest.py` rebuilds its issues from what is publicly known of it. Projects are given by"
        " id, which spares it looking for them in groups. The columns of its schema and its other"
        " 23 streams, which each start prepares, are left out.",
    ),
    Case(
        "one-project",
        "one project with 5,000 issues",
        scaled(projects=1, issues=5000, issue_bytes=4000),
        both(ISSUES, latency=200),
    ),
    Case(
        "many-issues",
        "100,000 issues of 4 KB, and 10,000 of them",
        scaled(projects=10, groups=10, issues=10_000, issue_bytes=4000),
        (
            Entry("ours", "ours", ISSUES, repeats=5),
            Entry("ours tenth", "ours", ISSUES, group=TENTH, repeats=5),
            Entry("floor", "floor", ISSUES, repeats=5),
            Entry("floor tenth", "floor", ISSUES, group=TENTH, repeats=5),
            Entry("sync", "sync", ISSUES),
            Entry("pyairbyte", "pyairbyte", ISSUES, repeats=1),
        ),
    ),
    Case(
        "jobs",
        "1,000 pipelines with 10 jobs each",
        scaled(projects=10, pipelines_per_project=100, jobs_per_pipeline=10),
        both(("jobs",)),
    ),
    Case(
        "merge-request-commits",
        "2,000 merge requests with 2 commits each",
        scaled(projects=10, merge_requests_per_project=200, commits_per_mr=2),
        both(("merge_request_commits",)),
    ),
    Case(
        "all-streams",
        "the 23 streams of airbyte-source-gitlab, 50 projects",
        scaled(
            projects=50,
            issues=10,
            merge_requests_per_project=1,
            commits_per_mr=1,
            pipelines_per_project=1,
            jobs_per_pipeline=1,
            deployments=1,
            branches=2,
            tags=1,
            commits=5,
        ),
        both(THEIRS, latency=50),
    ),
    Case(
        "idle-peer",
        "second sync of 10 quiet projects",
        quiet(10),
        (
            Entry("peer lists", "peer", SIX, repeats=1),
            Entry("peer lists again", "peer", SIX, after="peer lists", repeats=1),
            Entry("peer", "peer", repeats=1),
            Entry("peer again", "peer", after="peer", repeats=1),
        ),
        "Second syncs of airbyte-source-gitlab 4.3.7 are measured on 10 quiet projects, and"
        " compared by project: its requests grow with the projects.",
    ),
    Case(
        "idle",
        "second sync of 1,000 quiet projects",
        quiet(1000),
        (
            Entry("ours lists", "ours", SIX, repeats=1),
            Entry("ours lists again", "ours", SIX, after="ours lists"),
        ),
    ),
    IDLE_DEFAULT,
)

QUICK = (
    replace(COMMANDS, entries=tuple(e for e in COMMANDS.entries if e.contender == "ours")),
    PACKED,
    Case(
        "many-issues",
        "20,000 issues of 4 KB, and 2,000 of them",
        scaled(projects=10, groups=10, issues=2000, issue_bytes=4000),
        (
            Entry("ours", "ours", ISSUES),
            Entry("ours tenth", "ours", ISSUES, group=TENTH),
            Entry("floor", "floor", ISSUES),
            Entry("floor tenth", "floor", ISSUES, group=TENTH),
        ),
    ),
    Case(
        "idle",
        "second sync of 400 quiet projects",
        # Each has a label: up to 300 of a group are compared as a whole, more by their first page.
        quiet(400),
        (
            Entry("ours lists", "ours", SIX),
            Entry("ours lists again", "ours", SIX, after="ours lists"),
        ),
    ),
    replace(
        IDLE_DEFAULT,
        title="second read of the default streams of 200 quiet projects",
        world=quiet(200),
    ),
    Case(
        "memory",
        "50,000 small issues with 40 workers, and 5,000 of them",
        scaled(projects=10, groups=10, issues=5000),
        (
            Entry("ours", "ours", ISSUES, workers=40),
            Entry("ours tenth", "ours", ISSUES, group=TENTH, workers=40),
        ),
    ),
)
