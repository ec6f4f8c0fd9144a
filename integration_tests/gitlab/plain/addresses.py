"""The addresses of a plain list in an emulator that runs: one for each owner in sight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_tests.gitlab.launch import Emulator
    from integration_tests.gitlab.plain.resource import Resource

ROOTS = {
    "projects": "projects?membership=true&per_page=100",
    "groups": "groups?per_page=100",
}


def addresses(gitlab: Emulator, resource: Resource) -> Iterator[str]:
    """Each address of the list, below /api/v4; those of the parts of an object stand together."""
    if resource.named_by:
        for owner in gitlab.get(ROOTS["groups"]).json():
            query = urlencode({resource.named_by: owner["full_path"]})
            yield from (f"{path}?{query}" for path in resource.paths)
    elif not resource.below:
        yield resource.path
    elif resource.below in ROOTS:
        for owner in gitlab.get(ROOTS[resource.below]).json():
            yield resource.path.replace(":id", str(owner["id"]))
    else:
        for entry in gitlab.world(streams=resource.below)[resource.below]:
            yield _filled(resource.path, {**entry["row"], **entry["parent"]}, entry["parent"])


def _filled(path: str, known: dict[str, Any], parent: dict[str, Any]) -> str:
    """The path with its parameters filled in from a row that it stands below."""
    root = known.get("project_id", known.get("group_id"))
    values = {"id": root, **parent}
    for name in re.findall(r":(\w+)", path):
        value = values.get(name, known.get(name))
        if value is None:
            value = known["iid" if name.endswith("iid") else "id"]
        path = path.replace(f":{name}", quote(str(value), safe=""), 1)
    return path
