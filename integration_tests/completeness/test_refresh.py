"""Lists that take no time filter: read again when something tells that they may differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_tests.gitlab.clock import SECOND, moment, stamp
from integration_tests.gitlab.default_world import READER
from integration_tests.gitlab.documented import shape
from integration_tests.gitlab.launch import Emulator
from integration_tests.support.reading import Destination, config_for, differences, expected, read
from source_gitlab.gitlab.client import Retries
from source_gitlab.streams import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.support.reading import Reading

WEB, API = 101, 102
ACME, SCALED = "acme", "scaled"
# In the world of many projects, each of which has one release, by the id of its project.
FIRST, MANY = 1_000, 150
LAST = FIRST + MANY - 1


@pytest.fixture(autouse=True)
def _passing_time(request: pytest.FixtureRequest) -> None:
    for name in {"changing_gitlab", "many"} & set(request.fixturenames):
        request.getfixturevalue(name).in_its_own_time()


def asked(gitlab: Emulator) -> dict[str, int]:
    """The requests since the last reset, by endpoint."""
    counts = gitlab.requests(limit=1)["counts"]
    return {path.removeprefix("GET "): sum(n.values()) for path, n in counts.items()}


def again(gitlab: Emulator, name: str, before: Reading) -> Reading:
    """A second read of one stream."""
    gitlab.reset_requests()
    return read(config_for(gitlab, groups_list=[ACME]), [name], before.states.values())


def first(gitlab: Emulator, name: str) -> Reading:
    """A first read of one stream, an hour and more after everything that happened."""
    gitlab.clock(advance=7200)
    if streams()[name].role in {"owner", "admin"} or streams()[name].less_below:
        gitlab.mutate("make_admin", user_id=READER)
    return read(config_for(gitlab, groups_list=[ACME]), [name])


QUIET = {name: stream.refresh.signal for name, stream in streams().items() if stream.refresh}
# A commit that was read is not asked again, because it never changes.
ASKED_AGAIN = [name for name in QUIET if streams()[name].parent != "commits"]


@pytest.mark.parametrize("name", QUIET)
def test_a_quiet_project_is_not_asked_again(changing_gitlab: Emulator, name: str) -> None:
    """Not within a day."""
    before = first(changing_gitlab, name)
    assert before.rows[name]
    assert again(changing_gitlab, name, before).rows[name] == []
    paths = [path for path in asked(changing_gitlab) if path.startswith("/projects/:id/")]
    assert paths == []


@pytest.mark.parametrize("name", ASKED_AGAIN)
def test_after_a_day_it_is_asked_whatever_the_signals_say(
    changing_gitlab: Emulator, name: str
) -> None:
    """No signal of GitLab's tells everything. After a week, where a day is too often."""
    stream = streams()[name]
    before = first(changing_gitlab, name)
    hours = 7 * 24 + 1 if QUIET[name] == "weekly" else 25
    changing_gitlab.clock(advance=hours * 3600)
    reading = again(changing_gitlab, name, before)
    addresses = ["/api/graphql"] if stream.walk == "graphql" else stream.addresses()
    for address in addresses:
        below = shape(address.rpartition("}/")[2])
        assert [path for path in asked(changing_gitlab) if shape(path).endswith(below)]
    if stream.snapshot:
        assert len(reading.rows[name]) == len(before.rows[name])


@pytest.mark.parametrize("name", ["branches", "tags"])
def test_an_active_project_is_asked_and_others_are_not(
    changing_gitlab: Emulator, name: str
) -> None:
    """A push is activity."""
    before = first(changing_gitlab, name)
    changing_gitlab.mutate("create_branch", project_id=WEB, branch="new-branch")
    changing_gitlab.mutate("create_tag", project_id=WEB, tag="new-tag")
    reading = again(changing_gitlab, name, before)
    assert {row["project_id"] for row in reading.rows[name]} == {WEB}
    assert any(row["name"].startswith("new-") for row in reading.rows[name])


@pytest.mark.parametrize("name", ["project_labels", "group_labels"])
def test_a_change_in_any_project_is_seen_in_the_groups_list(
    changing_gitlab: Emulator, name: str
) -> None:
    """One request tells that something changed; then everything is read."""
    before = first(changing_gitlab, name)
    changing_gitlab.mutate("create", table="labels", project_id=API)
    if name == "group_labels":
        changing_gitlab.mutate("create", table="labels", group_id=10)
    reading = again(changing_gitlab, name, before)
    destination = Destination()
    destination.write(before)
    destination.write(reading)
    wanted = expected(changing_gitlab, name, groups=ACME)[name]
    assert not differences(destination.tables[name], wanted)


def test_a_project_that_enters_a_quiet_group_is_read(changing_gitlab: Emulator) -> None:
    """Nothing of its labels may have changed, but they are new here."""
    before = first(changing_gitlab, "project_labels")
    changing_gitlab.mutate("move_project", id=108, group_id=10)
    reading = again(changing_gitlab, "project_labels", before)
    assert 108 in {row["project_id"] for row in reading.rows["project_labels"]}


# Releases: each one touches its project


@pytest.fixture(scope="module")
def scaled() -> Iterator[Emulator]:
    """One world of more projects than a page shows, for all tests that need one."""
    sizes = ("--projects", MANY, "--groups", 1, "--issues", 0, "--tags", 1)
    with Emulator("--world", "scaled", *sizes) as emulator:
        yield emulator


@pytest.fixture
def many(scaled: Emulator) -> Emulator:
    """The world of many projects as it was at first."""
    scaled.reset()
    scaled.faults([])
    return scaled


def releases(gitlab: Emulator, *before: Reading) -> Reading:
    """A read of the releases two hours later, for each project that is asked at most once."""
    gitlab.clock(advance=7200)
    gitlab.reset_requests()
    states = before[-1].states.values() if before else ()
    config = config_for(gitlab, groups_list=[SCALED])
    return read(config, ["releases"], states, retries=Retries(tries=2, first=0.01))


def projects_asked(gitlab: Emulator) -> list[int]:
    """The projects whose releases were asked for since the last reset."""
    template = "/projects/:id/releases"
    entries = gitlab.requests()["recent"]
    return sorted(int(one["path"].split("/")[-2]) for one in entries if one["template"] == template)


def edit_release(gitlab: Emulator, project_id: int) -> None:
    """Give the release of a project another name."""
    name = {"name": f"Changed in {project_id}"}
    gitlab.mutate("update", table="releases", id=project_id, set=name)


def lacking(gitlab: Emulator, *readings: Reading) -> list[str]:
    """What a destination lacks of the releases after these reads."""
    destination = Destination()
    for reading in readings:
        destination.write(reading)
    wanted = expected(gitlab, "releases", groups=SCALED)["releases"]
    return differences(destination.tables["releases"], wanted)


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_of_many_projects_only_the_one_whose_releases_changed_is_asked(
    many: Emulator, change: str
) -> None:
    """The probe of the group shows it, so that the projects need not be listed."""
    # A release is no activity, and the project has been active before.
    many.mutate("create", table="issues", project_id=LAST)
    before = releases(many)
    assert len(before.rows["releases"]) == MANY
    if change == "update":
        edit_release(many, LAST)
    elif change == "create":
        many.mutate("create", table="releases", project_id=LAST)
    else:
        many.mutate("delete", table="releases", id=LAST)
    reading = releases(many, before)
    counts = {"/groups/:id": 1, "/groups/:id/projects": 1, "/projects/:id/releases": 1}
    # A second answer, where the first one tells another time than this machine's clock.
    assert asked(many) == {**counts, "/version": 1}
    assert projects_asked(many) == [LAST]
    if change == "delete":
        assert reading.rows["releases"] == []
    else:
        assert lacking(many, before, reading) == []
    assert releases(many, reading).rows["releases"] == []
    assert projects_asked(many) == []


def test_more_projects_whose_releases_changed_than_the_probe_shows(many: Emulator) -> None:
    """Then all of them are listed, and each one's own time tells."""
    before = releases(many)
    changed = list(range(FIRST + 20, LAST + 1))
    for project_id in changed:
        edit_release(many, project_id)
    reading = releases(many, before)
    assert projects_asked(many) == changed
    assert lacking(many, before, reading) == []


def test_a_release_whose_transaction_outlasted_the_read(many: Emulator) -> None:
    """It shows a time before that read, and so does its project."""
    before = releases(many)
    through = moment(before.state("releases")["through"])
    started = stamp(through - 300 * SECOND)
    many.mutate("create", table="releases", project_id=LAST, created_at=started, updated_at=started)
    reading = releases(many, before)
    assert projects_asked(many) == [LAST]
    assert lacking(many, before, reading) == []


def test_a_project_that_failed_is_asked_when_more_than_the_probe_shows_changed_since(
    many: Emulator,
) -> None:
    """The probe has to reach back to the read that was the last one for any of the projects."""
    before = releases(many)
    edit_release(many, FIRST)
    many.clock(advance=60)
    for project_id in range(FIRST + 1, FIRST + 121):
        edit_release(many, project_id)
    many.faults([{"kind": "status", "status": 500, "path": f"/projects/{FIRST}/releases"}])
    failed = releases(many, before)
    assert failed.failure
    assert lacking(many, before, failed)
    many.faults([])
    reading = releases(many, failed)
    assert projects_asked(many) == [FIRST]
    assert lacking(many, before, failed, reading) == []


def test_a_project_that_enters_without_a_trace_shows_in_the_number_of_projects(
    many: Emulator,
) -> None:
    """Nothing of it changed, so it is on no probe."""
    long_ago = "2022-01-01T00:00:00Z"
    many.mutate("hide_project", id=LAST)
    before = releases(many)
    assert len(before.rows["releases"]) == MANY - 1
    # Its update says when the project was last changed.
    many.mutate("update", table="projects", id=LAST, set={"hidden": False}, updated_at=long_ago)
    reading = releases(many, before)
    assert projects_asked(many) == [LAST]
    assert lacking(many, before, reading) == []


def test_a_project_whose_releases_are_switched_off_and_on_again(many: Emulator) -> None:
    """It brings what changed meanwhile, and of the others none is asked."""
    before = releases(many)
    many.mutate("set_feature", id=LAST, feature="releases", level="disabled")
    off = releases(many, before)
    assert projects_asked(many) == []
    edit_release(many, LAST)
    still_off = releases(many, off)
    assert projects_asked(many) == []
    many.mutate("set_feature", id=LAST, feature="releases", level="enabled")
    on = releases(many, still_off)
    assert projects_asked(many) == [LAST]
    assert lacking(many, before, off, still_off, on) == []


def test_a_project_that_is_renamed_keeps_what_was_read(many: Emulator) -> None:
    """That touches it, so that it is asked; what did not change is not sent."""
    before = releases(many)
    many.mutate("rename_project", id=LAST, path="another")
    reading = releases(many, before)
    assert projects_asked(many) == [LAST]
    assert reading.rows["releases"] == []


def test_a_chosen_project_is_asked_when_its_own_row_says_so(changing_gitlab: Emulator) -> None:
    """No group's list or probe is asked for it."""
    changing_gitlab.mutate("create", table="issues", project_id=API)
    changing_gitlab.clock(advance=7200)
    config = config_for(changing_gitlab, projects_list=[str(WEB), str(API)])
    before = read(config, ["releases"])
    assert {row["project_id"] for row in before.rows["releases"]} == {WEB, API}
    changing_gitlab.clock(advance=7200)
    changing_gitlab.mutate("create", table="releases", project_id=API)
    changing_gitlab.reset_requests()
    reading = read(config, ["releases"], before.states.values())
    assert asked(changing_gitlab) == {"/projects/:id": 2, "/projects/:id/releases": 1}
    assert [row["project_id"] for row in reading.rows["releases"]] == [API]


# Labels: one list of the group's


LABELS = f"groups/{ACME}/labels?include_descendant_groups=true&only_group_labels=false"
SHORT, LONG = 300, 301
# The id of the first one that is made; the others follow, and almost all of the world's stand
# behind them.
LABEL = 10_000


def with_labels(gitlab: Emulator, total: int) -> None:
    """Let the group's list of labels be that long."""
    there = int(gitlab.get(LABELS).headers["x-total"])
    gitlab.mutate("create", table="labels", project_id=WEB, id=LABEL, count=total - there)
    page = gitlab.get(LABELS, per_page=100)
    assert page.headers["x-total"] == str(total)
    assert LABEL + 50 in {row["id"] for row in page.json()}
    assert LABEL + 250 not in {row["id"] for row in page.json()}


def colors(reading: Reading, label_id: int) -> set[str]:
    """The colors in which a read brought a label."""
    return {row["color"] for row in reading.rows["project_labels"] if row["id"] == label_id}


@pytest.mark.parametrize("change", ["create", "delete"])
def test_a_label_more_or_less_in_a_long_list_is_seen_at_once(
    changing_gitlab: Emulator, change: str
) -> None:
    """It is behind the first page, but the list says how long it is."""
    with_labels(changing_gitlab, LONG + 1)
    before = first(changing_gitlab, "project_labels")
    if change == "create":
        columns = {"name": "zz", "color": "#428BCA"}
        changing_gitlab.mutate("create", table="labels", project_id=API, set=columns)
    else:
        changing_gitlab.mutate("delete", table="labels", id=LABEL + 250)
    reading = again(changing_gitlab, "project_labels", before)
    assert asked(changing_gitlab)["/groups/:id/labels"] == 1
    destination = Destination()
    destination.write(reading)
    wanted = expected(changing_gitlab, "project_labels", groups=ACME)["project_labels"]
    assert not differences(destination.tables["project_labels"], wanted)


@pytest.mark.parametrize(
    ("total", "place", "pages", "at_once"),
    [(LONG, 50, 1, True), (LONG, 250, 1, False), (SHORT, 250, 3, True)],
)
def test_a_label_that_only_looks_different(
    changing_gitlab: Emulator, total: int, place: int, pages: int, *, at_once: bool
) -> None:
    """A short list shows it; a long one does on its first page, or else a day later."""
    with_labels(changing_gitlab, total)
    before = first(changing_gitlab, "project_labels")
    red = {"color": "#ff0000"}
    changing_gitlab.mutate("update", table="labels", id=LABEL + place, set=red)
    reading = again(changing_gitlab, "project_labels", before)
    assert asked(changing_gitlab)["/groups/:id/labels"] == pages
    assert colors(reading, LABEL + place) == ({"#ff0000"} if at_once else set())
    changing_gitlab.clock(advance=25 * 3600)
    assert colors(again(changing_gitlab, "project_labels", reading), LABEL + place) == {"#ff0000"}


def test_a_long_list_without_a_total_is_compared_as_a_whole(changing_gitlab: Emulator) -> None:
    """As it is behind a proxy that drops the header."""
    with_labels(changing_gitlab, LONG)
    changing_gitlab.settings(count_limit=200)
    before = first(changing_gitlab, "project_labels")
    red = {"color": "#ff0000"}
    changing_gitlab.mutate("update", table="labels", id=LABEL + 250, set=red)
    reading = again(changing_gitlab, "project_labels", before)
    assert colors(reading, LABEL + 250) == {"#ff0000"}
    # One tells that it is no list of 10,000. Four pages, and once more, because without a total
    # nothing tells that it stood still.
    assert asked(changing_gitlab)["/groups/:id/labels"] == 9


def test_a_quiet_long_list_is_one_request(changing_gitlab: Emulator) -> None:
    """Both kinds of labels are compared by it."""
    with_labels(changing_gitlab, LONG)
    names = ["group_labels", "project_labels"]
    changing_gitlab.clock(advance=7200)
    config = config_for(changing_gitlab, groups_list=[ACME])
    before = read(config, names)
    changing_gitlab.reset_requests()
    reading = read(config, names, before.states.values())
    assert not any(reading.rows.values())
    assert asked(changing_gitlab)["/groups/:id/labels"] == 1
