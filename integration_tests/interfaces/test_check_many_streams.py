"""The setup check of very many streams: one that is tried tells of those that need the same."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab.plain.resource import resources
from integration_tests.support.reading import config_for
from integration_tests.support.setup_checking import (
    JOB,
    MOST,
    report_of,
    step_of,
    with_token,
)
from source_gitlab.setup_check.needs import Needs, speaks_for
from source_gitlab.setup_check.result import NOT_PROBED, Verdict
from source_gitlab.setup_check.run import by_default
from source_gitlab.streams.vocabulary import ROLES, TIERS

if TYPE_CHECKING:
    from integration_tests.gitlab.launch import Emulator
    from source_gitlab.streams import Stream

MANY = 150
AREA = {"groups", "projects", "issues", "epics", "merge_requests", "branches", "jobs"}
GUEST = "glpat-emulator-guest-0001"


def repeated(**changes: Any) -> dict[str, Stream]:
    """So many streams: those that are declared, again and again under other names.

    `changes` are attributes of those that are not the first of their name; a list has one value
    for each repetition in turn.
    """
    found = dict(by_default())
    for number in count(2):
        if len(found) >= MANY:
            return found
        attributes = {
            name: value[number % len(value)] if isinstance(value, list) else value
            for name, value in changes.items()
        }
        for stream in by_default().values():
            # The query of a stream in GraphQL has the name of the stream.
            if stream.kind != "inventory" and not is_of_graphql(stream):
                name, parent = f"{stream.name}_{number}", stream.parent
                if parent and by_default()[parent].kind != "inventory":
                    parent = f"{parent}_{number}"
                attributes |= {"name": name, "parent": parent}
                found[name] = replace(stream, **attributes)
    raise AssertionError


def is_of_graphql(stream: Stream) -> bool:
    """Whether a stream, or one above it, is read through GraphQL."""
    above = by_default().get(stream.parent or "")
    return stream.walk == "graphql" or (above is not None and is_of_graphql(above))


def is_empty_instead(name: str) -> bool:
    """Whether GitLab shows an empty list where the tier lacks one."""
    return name in resources() and resources()[name].refused == "empty"


def original(name: str) -> str:
    """The declared stream that a repetition is of."""
    first, _, number = name.rpartition("_")
    return first if number.isdigit() else name


@pytest.mark.parametrize(
    "names", [{"groups_list": ["acme"]}, {"projects_list": ["acme/web"]}, {}], ids=str
)
def test_every_stream_has_a_verdict_within_the_budget(gitlab: Emulator, names: Any) -> None:
    """Those that were not tried say which one was; it needs the same, and was tried."""
    few = report_of(config_for(gitlab, **names))
    result = report_of(config_for(gitlab, **names), declared=repeated())
    assert result.requests <= MOST
    for name, found in result.streams.items():
        assert found.verdict == few.streams[original(name)].verdict, name
        if found.tried_as:
            assert not result.streams[found.tried_as].tried_as
            assert f"Not tried; {found.tried_as} was" in found.message
    inferred = sum(1 for found in result.streams.values() if found.tried_as)
    assert inferred > len(by_default())
    message = step_of(result, "Streams").message
    assert message.startswith(f"All {len(result.streams)} streams can be read.")
    assert f"{inferred} of them were not tried" in message
    told = result.to_json()["streams"]
    assert {name for name, one in told.items() if "tried_as" in one} == {
        name for name, found in result.streams.items() if found.tried_as
    }


def test_few_streams_are_all_tried(gitlab: Emulator) -> None:
    """As long as the budget has room for them, none is told by another one."""
    few = {name: one for name, one in by_default().items() if name in AREA or one.parent in AREA}
    result = report_of(config_for(gitlab, groups_list=["acme"]), declared=few)
    assert set(result.streams) > AREA
    assert not [name for name, found in result.streams.items() if found.tried_as]


@pytest.mark.parametrize("how", ["403", "404"])
def test_a_tier_that_is_missing_is_missing_for_all_of_it(
    changing_gitlab: Emulator, how: str
) -> None:
    """And for nothing else."""
    changing_gitlab.settings(epics=how, tier="free")
    result = report_of(config_for(changing_gitlab, groups_list=["acme"]), declared=repeated())
    paid = {
        name: f"needs {stream.tier.capitalize()}"
        for name, stream in repeated().items()
        if stream.tier != "free" and not is_empty_instead(original(name))
    }
    closed = {name: one.verdict for name, one in result.streams.items() if one.verdict != "ok"}
    assert closed == paid
    details = step_of(result, "Streams").details
    assert set(details["needs Premium"]) == {name for name in paid if "Premium" in paid[name]}


def test_a_role_that_is_too_low_is_so_for_all_that_take_it(gitlab: Emulator) -> None:
    """And those that take less are read."""
    result = report_of(with_token(gitlab, GUEST, groups_list=["acme"]), declared=repeated())
    alike = {one.verdict for name, one in result.streams.items() if original(name) == "deployments"}
    assert alike == {"needs role Reporter"}
    issues = {one.verdict for name, one in result.streams.items() if original(name) == "issues"}
    assert issues == {"ok"}


def test_a_token_whose_lists_are_allowed_one_by_one_is_not_guessed_about(gitlab: Emulator) -> None:
    """Of one list that it may read, nothing follows for another."""
    credentials = {"auth_type": "job_token", "job_token": JOB}
    config = {"api_url": gitlab.url, "credentials": credentials, "projects_list": ["acme/web"]}
    result = report_of(config, declared=repeated())
    counted = Counter(found.verdict for found in result.streams.values())
    assert counted[NOT_PROBED] > 0
    assert not [name for name, found in result.streams.items() if found.tried_as]
    untried = {one.message for one in result.streams.values() if one.verdict == NOT_PROBED}
    why = f"Not tried, because the test makes no more than {MOST} requests. A read tells."
    assert why in untried


def test_more_needs_than_requests(gitlab: Emulator) -> None:
    """What no stream that was tried tells of is said not to be known, and why."""
    declared = repeated(role=list(ROLES), tier=[*TIERS, *TIERS[1:]])
    result = report_of(config_for(gitlab, groups_list=["acme"]), declared=declared, requests=25)
    assert result.requests <= 25
    found = result.streams.values()
    assert {one.verdict for one in found} == {"ok", NOT_PROBED}
    assert {bool(one.tried_as) for one in found if one.verdict == "ok"} == {True, False}
    for one in found:
        if one.verdict == NOT_PROBED:
            assert re.search(
                r"no more than 25 requests|had no row|^As \w+, which it is", one.message
            )


ISSUES = Needs("group", "free", "issues", "guest", "guest", "issues")


@pytest.mark.parametrize(
    ("verdict", "changes", "score"),
    [
        ("ok", {}, 3),
        ("ok", {"family": "boards"}, 2),
        ("ok", {"feature": "builds"}, 1),
        ("ok", {"role": "reporter"}, 0),
        ("ok", {"tier": "premium"}, 0),
        ("ok", {"place": "project"}, 0),
        ("needs Premium", {"family": "boards"}, 2),
        ("needs role Guest", {"role": "owner", "least": "owner"}, 1),
        ("needs role Guest", {"role": "owner", "least": "owner", "place": "project"}, 0),
        ("feature off", {"family": "boards"}, 2),
        ("feature off", {"feature": "builds"}, 0),
        ("needs scope read_api", {}, 0),
        ("needs a token", {}, 0),
        ("unknown (probe failed)", {}, 0),
    ],
)
def test_what_one_verdict_tells_of_others(verdict: str, changes: Any, score: int) -> None:
    """What may be an accident, or is about one list, tells of no other."""
    assert speaks_for(ISSUES, Verdict(verdict, ""), replace(ISSUES, **changes)) == score


@pytest.mark.parametrize(
    ("verdict", "role", "least", "score"),
    [
        ("ok", "guest", "guest", 1),
        ("ok", "reporter", "reporter", 0),
        ("needs role Reporter", "guest", "guest", 0),
        ("needs role Reporter", "reporter", "guest", 0),
        ("needs role Reporter", "reporter", "reporter", 1),
    ],
)
def test_what_a_list_that_is_open_to_some_tells(
    verdict: str, role: str, least: str, score: int
) -> None:
    """Who reads it has no more than the least role, and who does not lacks no lesser one."""
    tried = replace(ISSUES, feature="builds", role="reporter", least="guest")
    other = replace(ISSUES, role=role, least=least)
    assert speaks_for(tried, Verdict(verdict, ""), other) == score
