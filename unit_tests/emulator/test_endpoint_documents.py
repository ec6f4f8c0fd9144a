"""The emulator serves what GitLab's documents know: its paths, its parameters, its fields.

They are an OpenAPI document of release 17.10, a table of lists with their filters, and the columns
of entities in 17.10 and 19.5. What none of them has, an entry says itself, with where it was found.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.gitlab import documented
from integration_tests.gitlab.app import endpoints
from integration_tests.gitlab.documented import answers, parameters, shape
from integration_tests.gitlab.launch import Emulator
from integration_tests.gitlab.plain.resource import Resource, rest_resources

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not documented.ARE_HERE, reason=documented.NOT_HERE)

# Paths in code, and of single rows, that the documents lack.
PATHS = {
    "/user",  # lib/api/users.rb
    "/projects/{}/issues/{}",  # lib/api/issues.rb
    "/groups/{}/epics/{}",  # ee/lib/api/epics.rb
    "/projects/{}/merge_requests/{}/notes/{}",  # lib/api/notes.rb
    "/projects/{}/milestones/{}",  # lib/api/project_milestones.rb
    "/groups/{}/milestones/{}",  # lib/api/group_milestones.rb
}

# Columns whose type the documents mistake: their example is of another.
MISTAKEN = {
    ("project_integrations", "slug"),  # lib/api/entities/integration_basic.rb
    ("pipeline_test_cases", "system_output"),  # lib/gitlab/ci/parsers/test/junit.rb
}


@pytest.fixture(scope="module")
def gitlab() -> Iterator[Emulator]:
    """The default world, whose reader may see every column."""
    with Emulator() as emulator:
        emulator.mutate("make_admin", user_id=1)
        yield emulator


def test_every_path_exists() -> None:
    """And no exception stays that the documents have."""
    served = {shape(endpoint.template) for endpoint in endpoints()}
    known = answers().keys() | parameters().keys()
    beyond = [one for one in rest_resources().values() if "path" in one.beyond]
    told = {shape(path) for one in beyond for path in one.paths}
    assert served - known == PATHS | told


def entity_of(resource: Resource) -> str:
    """What the documents call the rows of an entry."""
    return resource.entity or documented.entity_of(resource.path)


def sent_to(resource: Resource) -> set[str]:
    """The parameters that an entry takes."""
    named = (resource.filters, resource.ancestors, resource.descendants, resource.adds)
    found = {name for one in named for name in one} | {*resource.projects_below}
    found |= {resource.named_by} - {""}
    return found | ({"order_by", "sort"} if resource.orders else set())


@pytest.mark.parametrize("name", rest_resources())
def test_every_parameter_is_taken(name: str) -> None:
    """By GitLab, where the emulator takes it."""
    resource = rest_resources()[name]
    known = parameters().get(shape(resource.path), set())
    assert sent_to(resource) - known == sent_to(resource) & {*resource.beyond}


@pytest.mark.parametrize("name", rest_resources())
def test_every_field_is_shown(name: str, gitlab: Emulator) -> None:
    """And none that GitLab does not show."""
    resource = rest_resources()[name]
    entity = entity_of(resource)
    fields = documented.fields().get(entity)
    assert fields, f"no document has {entity or resource.path}: the entry needs an entity"
    rows = [entry["row"] for entry in gitlab.world(streams=name)[name]]
    shown: set[str] = set().union(*rows)
    assert shown - fields.keys() == {*resource.beyond} - sent_to(resource) - {"path"}
    old = {field for field, known in fields.items() if "new" not in known}
    assert old - shown == {*resource.unsent} - shown


@pytest.mark.parametrize("name", rest_resources())
def test_every_value_has_its_type(name: str, gitlab: Emulator) -> None:
    """That the documents give it, or null."""
    fields = documented.fields()[entity_of(rest_resources()[name])]
    for entry in gitlab.world(streams=name)[name]:
        for column, value in entry["row"].items():
            known = None if (name, column) in MISTAKEN else fields.get(column)
            assert known is None or fits(known, value), (column, json.dumps(value), known)


TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "string": (str,),
    "date-time": (str,),
    "date": (str,),
    "object": (dict,),
    "array": (list,),
}


def fits(known: dict[str, Any], value: object) -> bool:
    """Whether a value is null or of the type of its field."""
    kind = known["type"]
    if value is None or kind == "any":
        return True
    if isinstance(value, bool):
        return bool(kind == "boolean")
    return isinstance(value, TYPES[kind])


def test_print_what_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a run says how much of the emulator other accounts of GitLab confirm."""
    served = [endpoint.template for endpoint in endpoints()]
    entities = {entity_of(one) for one in rest_resources().values()}
    taken = [(one, parameter) for one in rest_resources().values() for parameter in sent_to(one)]
    found = [one for one in taken if one[1] not in one[0].beyond]
    known = answers().keys() | parameters().keys()
    paths = [path for path in served if shape(path) in known]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(paths)} of {len(served)} paths are documented, and "
            f"{len(found)} of {len(taken)} parameters of "
            f"{len(rest_resources())} plain lists, whose fields are those of"
            f" {len(entities)} entities\n"
        )
    assert rest_resources()
