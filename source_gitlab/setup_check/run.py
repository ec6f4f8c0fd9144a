"""All tests of the setup report, in the order in which one is the ground of the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from source_gitlab.config import secrets
from source_gitlab.core.name_advice import of_group
from source_gitlab.core.origin_check import ahead
from source_gitlab.core.session import Session
from source_gitlab.core.state.origin import lies_ahead
from source_gitlab.gitlab.client import Retries
from source_gitlab.gitlab.errors import GitlabError, Skipped, Unauthorized, UserRefused
from source_gitlab.setup_check import identity, instance
from source_gitlab.setup_check.budget import TRIES, Budget, OutOfBudget
from source_gitlab.setup_check.result import (
    FAILED,
    NEEDS_SCOPE,
    NOT_PROBED,
    PASSED,
    PROBE_FAILED,
    WARNING,
    Result,
    Step,
    Verdict,
)
from source_gitlab.setup_check.selection import SelectionTests
from source_gitlab.setup_check.streams import StreamTests
from source_gitlab.streams import streams
from source_gitlab.timestamps import at, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from source_gitlab.config import Config
    from source_gitlab.gitlab.auth import NewTokens
    from source_gitlab.streams import Stream
    from source_gitlab.tokens.rotation import TokenRotation

REQUESTS = 40
# A server that never answers costs three time-outs, and its error tells more than "too slow".
# Together with the time-out of the request that was started last, this is half a minute.
SECONDS = 22.0
_TIMEOUT = 7
_NAMED = 12  # streams that the message spells out; all are in the details


def session_for(
    config: Config,
    *,
    on_rotated: Callable[[NewTokens], None] | None = None,
    rotation: TokenRotation | None = None,
) -> Session:
    """A session for `check`: of its own, and without the patience that a read has."""
    quick = replace(config, request_timeout=min(config.request_timeout, _TIMEOUT))
    retries = Retries(tries=TRIES, first=0.2, refusals=TRIES - 1)
    return Session(quick, on_rotated=on_rotated, retries=retries, rotation=rotation)


def check(
    session: Session,
    *,
    requests: int = REQUESTS,
    seconds: float = SECONDS,
    declared: Mapping[str, Stream] | None = None,
) -> Result:
    """Test the address, the token, every group and project that was named, and every stream.

    The streams are those that are `declared`, by name; where none are given, those that are read
    unless told otherwise.
    At most `requests` requests are made, and none is started after `seconds`; what was not asked
    then is said to be so. A test whose ground is missing
    is left out: with a wrong address nothing is said of the token. Raises nothing of
    `client.errors`: what goes wrong is a step.
    """
    tested = by_default() if declared is None else declared
    steps: list[Step] = []
    verdicts: dict[str, Verdict] = {}
    budget = Budget(session.client, requests=requests, seconds=seconds)
    try:
        verdicts = _run(session, budget, steps, tested)
    except (Unauthorized, UserRefused) as error:
        if not steps:
            steps += instance.steps(session.config, instance.Instance())
        steps.append(identity.refused(error, session.config))
    except OutOfBudget:
        steps.append(_too_slow(session, budget, seconds))
    except GitlabError as error:
        steps.append(instance.failure(error, first=not steps))
    return Result(tuple(steps), verdicts, budget.used).without(secrets(session.config))


def by_default() -> dict[str, Stream]:
    """The streams that are read unless told otherwise, and their parents."""
    return with_parents({name: one for name, one in streams().items() if one.selected})


def with_parents(chosen: Mapping[str, Stream]) -> dict[str, Stream]:
    """Streams with all that they are read through, in declared order."""
    wanted = set(chosen)
    for stream in chosen.values():
        above = stream.parent
        while above:
            wanted.add(above)
            above = streams()[above].parent
    return {name: one for name, one in streams().items() if name in wanted}


def _run(
    session: Session, budget: Budget, steps: list[Step], declared: Mapping[str, Stream]
) -> dict[str, Verdict]:
    """Add to `steps` as far as they lead; the verdicts on the streams, if they led there."""
    config = session.config
    try:
        here = instance.find(budget, config)
    except Skipped as error:
        steps += instance.steps(config, instance.Instance())
        steps.append(Step("Token", FAILED, str(error), {"status": error.status}))
        return {}
    steps += instance.steps(config, here)
    whose, found = identity.identify(budget, config)
    steps += found
    if any(step.status == FAILED for step in found):
        return {}
    found = _start_date(config, budget.now())
    steps += found
    if any(step.status == FAILED for step in found):
        return {}
    scope, found = SelectionTests(budget, session.prefetcher, config, whose).run()
    steps += found
    if any(step.status == FAILED for step in found):
        return {}
    tests = StreamTests(
        budget,
        session.prefetcher,
        scope,
        declared,
        enterprise=here.enterprise,
        identity=whose,
        inside=of_group(config),
    )
    verdicts = tests.verdicts()
    if verdicts:
        step = _summary(verdicts, declared, tests.tried(), why=budget.why)
        others = len(streams()) - len(declared)
        if declared == by_default() and others > 0:
            told = f"{step.message} {others} others are read when they are chosen."
            step = replace(step, message=told)
        steps.append(step)
    return verdicts


def _start_date(config: Config, now: float) -> list[Step]:
    if not config.start_date or instant(config.start_date) <= at(now):
        return []
    if lies_ahead(config.start_date, now):
        message = ahead(config.start_date)
        return [Step("Start date", FAILED, message, {"start_date": config.start_date})]
    message = (
        f"start_date is {config.start_date}, which is still to come: only what changes after it is"
        " read. Write an earlier date, or none to read everything."
    )
    return [Step("Start date", WARNING, message, {"start_date": config.start_date})]


def _too_slow(session: Session, budget: Budget, seconds: float) -> Step:
    url = session.config.base_url
    if session.client.limits.refusals:
        message = f"{url} refuses requests as too many (429). Try again in some minutes."
    elif not budget.late:
        message = f"{url} fails to answer: {budget.used} requests were made. Try again later."
    else:
        message = f"{url} did not answer within {seconds:.0f} s. Try again, or ask who runs it."
    return Step("Address", FAILED, message, {"url": url})


def _summary(
    verdicts: Mapping[str, Verdict],
    declared: Mapping[str, Stream],
    tried: Sequence[Verdict],
    *,
    why: str,
) -> Step:
    """One step for all streams, of which those that were `tried` may have been answered.

    It fails when a missing scope keeps every stream closed, and when no list was answered. `why`
    tells why a stream was not tried.
    """
    alike: dict[str, list[str]] = {}
    for name, found in verdicts.items():
        if not found.readable:
            alike.setdefault(found.verdict, []).append(name)
    details = {verdict: list(names) for verdict, names in alike.items()}
    closed = sum(map(len, alike.values()))
    inferred = sum(1 for found in verdicts.values() if found.tried_as)
    how = f" {inferred} of them were not tried, but others that need the same." if inferred else ""
    if not closed:
        message = f"All {len(verdicts)} streams can be read.{how}"
        return Step("Streams", PASSED, message, details)
    silent = [found for found in tried if found.verdict in {NOT_PROBED, PROBE_FAILED}]
    if silent and len(silent) == len(tried):
        worst = next((found for found in silent if found.verdict == PROBE_FAILED), silent[0])
        message = f"No stream could be tested: none of {len(tried)} lists was answered."
        return Step("Streams", FAILED, f"{message} The first one: {worst.message}", details)
    if not tried and NOT_PROBED in alike:
        return Step("Streams", WARNING, f"No stream was tested. {why} A read tells.", details)
    # The inventory is seen on the way to the streams, so it does not speak for them, nor does what
    # is inside its rows, nor what the whole GitLab tells.
    asked = [
        found
        for name, found in verdicts.items()
        if declared[name].kind not in {"inventory", "instance"}
        and declared[name].walk != "derived"
        and found.verdict != NOT_PROBED
    ]
    if asked and all(found.verdict.startswith(NEEDS_SCOPE) for found in asked):
        message = "The token may read none of the streams. Make a token with the scope read_api."
        return Step("Streams", FAILED, message, details)
    listed = "; ".join(f"{_listed(names)}: {verdict}" for verdict, names in alike.items())
    message = f"{len(verdicts) - closed} of {len(verdicts)} streams can be read ({listed}).{how}"
    is_well = alike.keys() == {NOT_PROBED} and not silent
    return Step("Streams", PASSED if is_well else WARNING, message, details)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])}{f' and {more} more' if more > 0 else ''}"
