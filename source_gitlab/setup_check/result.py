"""What the setup report says, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from source_gitlab.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PASSED, WARNING, FAILED = "passed", "warning", "failed"

# The verdicts on a stream; "needs scope", "needs role" and "needs" a tier go on with which. Where
# role and tier are refused alike, it is "needs role Developer or tier Ultimate".
OK = "ok"
NEEDS_SCOPE = "needs scope"
NEEDS_ROLE = "needs role"
NEEDS_TOKEN = "needs a token"  # noqa: S105 -- what is wrong, not a token
NEEDS_ANOTHER_TOKEN = "needs another token"  # noqa: S105
NEEDS_TIER = "needs"
FEATURE_OFF = "feature off"
EMPTY_SCOPE = "empty scope"
NOT_PROBED = "unknown (not probed)"
PROBE_FAILED = "unknown (probe failed)"


@dataclass(frozen=True)
class Step:
    """One test of the setup.

    `status` is "passed", "warning" or "failed"; `details` are the facts behind the sentence, as
    JSON values. A step that is `aside` is not worth a word in a short text when it passed.
    """

    title: str
    status: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    aside: bool = False

    def __post_init__(self) -> None:
        """Keep printable what may quote a name or a sentence of GitLab's."""
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "message", printable(self.message))


@dataclass(frozen=True)
class Verdict:
    """Whether a stream can be read with this token: one of the verdicts above, and a sentence.

    `tried_as` is the stream that was tried in its place, where it was not tried itself.
    """

    verdict: str
    message: str
    tried_as: str = ""

    def __post_init__(self) -> None:
        """Keep printable what may quote a name or a sentence of GitLab's."""
        object.__setattr__(self, "message", printable(self.message))

    @property
    def readable(self) -> bool:
        """Whether nothing is known to stand in the way."""
        return self.verdict in {OK, EMPTY_SCOPE}


@dataclass(frozen=True)
class Result:
    """What all tests say: the steps in their order, the streams by name, the requests it took."""

    steps: tuple[Step, ...]
    streams: Mapping[str, Verdict] = field(default_factory=dict)
    requests: int = 0
    is_mistake: bool = False

    @classmethod
    def of_mistake(cls, message: str) -> Result:
        """The result when the configuration itself has a mistake, so that nothing was asked."""
        return cls((Step("Configuration", FAILED, message),), is_mistake=True)

    @property
    def ok(self) -> bool:
        """Whether a read can work."""
        return all(step.status != FAILED for step in self.steps)

    @property
    def status(self) -> str:
        """The worst status of all steps."""
        found = {step.status for step in self.steps}
        return next((status for status in (FAILED, WARNING) if status in found), PASSED)

    @property
    def message(self) -> str:
        """Every failure in one text; when there is none, what was found, warnings last."""
        if not self.ok:
            return " ".join(step.message for step in self.steps if step.status == FAILED)
        passed = (step for step in self.steps if step.status == PASSED)
        found = [step.message for step in passed if not step.aside]
        warnings = [f"Warning: {step.message}" for step in self.steps if step.status == WARNING]
        return " ".join([*found, *warnings])

    def without(self, secrets: Iterable[str]) -> Result:
        """The same with each of these texts blotted out: a server may send back what it was sent.

        `details` are numbers, names and scopes that GitLab keeps, and stay.
        """
        texts = tuple(secrets)

        def clean(message: str) -> str:
            for text in texts:
                message = message.replace(text, "[secret]")
            return message

        steps = tuple(
            replace(step, title=clean(step.title), message=clean(step.message))
            for step in self.steps
        )
        streams = {
            name: replace(found, message=clean(found.message))
            for name, found in self.streams.items()
        }
        return replace(self, steps=steps, streams=streams)

    def to_json(self) -> dict[str, Any]:
        """The whole report as JSON values."""
        return {
            "status": self.status,
            "message": self.message,
            "steps": [
                {
                    "title": step.title,
                    "status": step.status,
                    "message": step.message,
                    "details": dict(step.details),
                }
                for step in self.steps
            ],
            "streams": {
                name: {
                    "verdict": found.verdict,
                    "message": found.message,
                    **({"tried_as": found.tried_as} if found.tried_as else {}),
                }
                for name, found in self.streams.items()
            },
            "requests": self.requests,
        }
