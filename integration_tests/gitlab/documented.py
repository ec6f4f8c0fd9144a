"""What GitLab's own documents say of its API, where they are at hand beside the repository.

The emulator is written from GitLab's documentation; these files are another account of it, which
tests hold it against. Nothing else reads them.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "shared"
OPENAPI = FOLDER / "reference" / "openapi-17.10.json"
LISTS = FOLDER / "reference" / "list-endpoints.txt"
ENTITIES = FOLDER / "entities.json"
GRAPHQL = FOLDER / "graphql" / "gitlab-16.2.graphql"

ARE_HERE = all(path.is_file() for path in (OPENAPI, LISTS, ENTITIES))
NOT_HERE = "GitLab's documents are not beside the repository"


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{\w+\}|:\w+", "{}", path)


@cache
def _openapi() -> dict[str, Any]:
    if not ARE_HERE:
        return {"endpoints": {}, "entities": {}}
    read: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
    return read


@cache
def answers() -> dict[str, Any]:
    """What each endpoint answers, by shape: ``@Entity``, or a list of one."""
    return {shape(path): one["answer"] for path, one in _openapi()["endpoints"].items()}


@cache
def parameters() -> dict[str, set[str]]:
    """The parameters that each endpoint takes, by shape."""
    found = {
        shape(path): {name.removesuffix("[]") for name in one["query"]}
        for path, one in _openapi()["endpoints"].items()
    }
    for line in LISTS.read_text(encoding="utf-8").splitlines() if ARE_HERE else []:
        path, _, names = line.partition("|")
        found.setdefault(shape(path.strip()), set()).update(names.split())
    return found


def columns(entity: str) -> set[str]:
    """The columns of an entity of the OpenAPI document, ``@API_Entities_Note``."""
    return set(_openapi()["entities"].get(entity.removeprefix("@"), {}))


@cache
def fields() -> dict[str, dict[str, Any]]:
    """The fields of each entity by its short name, ``Note``, each with what is known of it."""
    if not ARE_HERE:
        return {}
    read = json.loads(ENTITIES.read_text(encoding="utf-8"))["entities"]
    return {name: entry["fields"] for name, entry in read.items()}


def entity_of(path: str) -> str:
    """The short name of what an endpoint answers; empty where no document says it."""
    answer = answers().get(shape(path))
    name = answer[0] if isinstance(answer, list) and answer else answer
    if not isinstance(name, str):
        return ""
    return re.sub(r"^@(EE_)?(API_)?(Entities_)?", "", name)
