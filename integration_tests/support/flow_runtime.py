"""What Flow's runtime keeps of a capture: documents and state, and both only at commits.

It is the strictest runtime there can be. Each document must fit the schema that discovery gave its
collection. Documents wait for a checkpoint, and checkpoints for a commit, which takes everything
before it at once; what was not committed is lost with the capture.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson

from integration_tests.support.merge_patch import apply, nulls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Document = dict[str, Any]
Key = tuple[Any, ...]

KINDS = (
    "spec",
    "discovered",
    "validated",
    "applied",
    "opened",
    "captured",
    "sourcedSchema",
    "checkpoint",
)


@dataclass
class Collection:
    """A collection, as discovery describes it, and the documents in it by their key."""

    name: str
    key: list[str]
    schema: dict[str, Any]
    resource: dict[str, Any]
    documents: dict[Key, Document] = field(default_factory=dict)
    backfill: int = 0

    def __post_init__(self) -> None:
        """Make what documents are validated with."""
        self._validator = jsonschema.Draft201909Validator(self.schema)
        self._deleting = jsonschema.Draft201909Validator(self.schema["if"])

    @classmethod
    def of(cls, binding: dict[str, Any]) -> Collection:
        """The collection that a discovered binding asks for."""
        assert set(binding["key"]) <= {f"/{name}" for name in binding["documentSchema"]["required"]}
        return cls(
            binding["recommendedName"],
            binding["key"],
            binding["documentSchema"],
            binding["resourceConfig"],
        )

    @property
    def state_key(self) -> str:
        """What the runtime calls the binding's state; another one after each backfill."""
        return f"{self.name}.v{self.backfill}"

    def validate(self, document: Document) -> None:
        """Refuse a document that does not fit; the runtime would stop the task for it."""
        self._validator.validate(document)

    def write(self, document: Document) -> None:
        """Reduce a document into the collection as its schema's annotations say."""
        key = tuple(document[pointer.removeprefix("/")] for pointer in self.key)
        says = "then" if self._deleting.is_valid(document) else "else"
        reduce = self.schema[says]["reduce"]
        if reduce.get("delete"):
            self.documents.pop(key, None)
        else:
            assert reduce == {"strategy": "lastWriteWins"}
            self.documents[key] = document

    def binding(self) -> dict[str, Any]:
        """The binding of a capture that is validated or applied."""
        collection = {"name": self.name, "key": self.key, "writeSchema": self.schema}
        return {"resourceConfig": self.resource, "collection": collection}

    def opened(self) -> dict[str, Any]:
        """The binding of a capture that is opened."""
        path = [self.resource["stream"]]
        more = {"resourcePath": path, "stateKey": self.state_key, "backfill": self.backfill}
        return {**self.binding(), **more}


def _at_once() -> bool:
    return True


@dataclass
class Runtime:
    """Takes the messages of a capture of these collections.

    `commits` says of each checkpoint whether it is committed now, or with a later one. `brought`
    counts documents by collection. `messages` are all that came; `on_checkpoint` is called with
    the number of each.
    """

    collections: Sequence[Collection]
    commits: Callable[[], bool] = _at_once
    on_checkpoint: Callable[[int], None] | None = None
    state: dict[str, Any] = field(default_factory=dict)
    checkpoints: int = 0
    kept: int = 0
    brought: Counter[str] = field(default_factory=Counter)
    deletions: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    _waiting: list[tuple[int, Document]] = field(default_factory=list)
    _covered: int = 0
    _patches: list[dict[str, Any]] = field(default_factory=list)
    _rest: bytes = b""

    @property
    def documents(self) -> int:
        """How many came."""
        return self.brought.total()

    def write(self, lines: bytes) -> None:
        """Take some bytes of the capture's output."""
        *whole, self._rest = (self._rest + lines).split(b"\n")
        for line in whole:
            self.take(line)

    def take(self, line: bytes) -> None:
        """Take one message."""
        message = orjson.loads(line)
        ((kind, body),) = message.items()
        assert kind in KINDS, kind
        if kind == "captured":
            document = body["doc"]
            self.collections[body["binding"]].validate(document)
            self._waiting.append((body["binding"], document))
            self.brought[self.collections[body["binding"]].name] += 1
            self.deletions += document["_meta"]["op"] == "d"
            return
        self.messages.append(message)
        if kind == "checkpoint":
            assert body["state"]["mergePatch"] is True
            self.checkpoints += 1
            self._covered = len(self._waiting)
            self._patches.append(body["state"]["updated"])
            if self.commits():
                self.commit()
            if self.on_checkpoint:
                self.on_checkpoint(self.checkpoints)

    def commit(self) -> None:
        """Keep what the checkpoints so far cover, all of it at once."""
        for number, document in self._waiting[: self._covered]:
            self.collections[number].write(document)
        del self._waiting[: self._covered]
        self._covered = 0
        for patch in self._patches:
            self.state = apply(patch, self.state)
        self.kept += len(self._patches)
        self._patches.clear()
        assert nulls(self.state) == []

    def kill(self) -> None:
        """Lose what was not committed."""
        self._waiting.clear()
        self._patches.clear()
        self._covered, self._rest = 0, b""

    def open(self, config: dict[str, Any]) -> dict[str, Any]:
        """The request that opens the capture; the state goes as text, as it is kept."""
        spec = {
            "name": "acme/gitlab",
            "connectorType": "IMAGE",
            "config": config,
            "intervalSeconds": 300,
            "bindings": [one.opened() for one in self.collections],
        }
        state = orjson.loads(orjson.dumps(self.state))
        range_ = {"keyEnd": 0xFFFFFFFF, "rClockEnd": 0xFFFFFFFF}
        return {"open": {"capture": spec, "version": "1", "range": range_, "state": state}}

    def validate(self, config: dict[str, Any]) -> dict[str, Any]:
        """The request that validates the capture."""
        bindings = [one.binding() for one in self.collections]
        body = {"name": "acme/gitlab", "connectorType": "IMAGE", "config": config}
        return {"validate": {**body, "bindings": bindings}}

    def tables(self) -> dict[str, dict[Key, Document]]:
        """The documents of each collection, without what is not GitLab's."""
        return {
            one.name: {
                key: {name: value for name, value in row.items() if name != "_meta"}
                for key, row in one.documents.items()
            }
            for one in self.collections
        }
