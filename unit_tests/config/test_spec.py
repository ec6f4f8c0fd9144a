"""The connector specification: what Airbyte demands of it, and what it must let through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from airbyte_cdk.models.airbyte_protocol_serializers import ConnectorSpecificationSerializer
from airbyte_cdk.test.standard_tests._spec_lint import assert_spec_is_valid
from airbyte_cdk.utils.airbyte_secrets_utils import get_secrets
from jsonschema import Draft7Validator, ValidationError

from integration_tests.support.configurations import DIALECTS, PAT, TOKEN
from source_gitlab.config import AccessToken, Config, ConfigError, load_spec, parse, secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airbyte_cdk.models.airbyte_protocol import ConnectorSpecification

SCHEMA: dict[str, Any] = load_spec()["connectionSpecification"]
PROPERTIES: dict[str, Any] = SCHEMA["properties"]


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every schema inside one, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from schemas(inner, f"{path}/{name}")
    for position, variant in enumerate(schema.get("oneOf", [])):
        yield from schemas(variant, f"{path}[{position}]")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")


ALL = dict(schemas(SCHEMA))
FIELDS = {path: schema for path, schema in ALL.items() if path and not path.endswith("]")}


def test_the_cdk_accepts_it() -> None:
    """The CDK's own lint, and the JSON schema of JSON schemas."""
    spec: ConnectorSpecification = ConnectorSpecificationSerializer.load(load_spec())
    assert_spec_is_valid(spec, connector_name="source-gitlab")
    assert spec.advanced_auth is not None
    assert spec.documentationUrl is not None
    assert spec.documentationUrl.startswith("https://")
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", ALL)
def test_no_forbidden_keyword(path: str) -> None:
    """What Airbyte's acceptance tests forbid anywhere in a specification."""
    forbidden = {
        *("not", "anyOf", "allOf", "patternProperties", "prefixItems", "if", "then", "else"),
        *("dependencies", "dependentSchemas", "dependentRequired", "$ref"),
    }
    schema = ALL[path]
    assert not forbidden & set(schema)
    assert not isinstance(schema.get("type"), list)
    assert schema.get("additionalProperties", True) is True
    if schema.get("type") == "object":
        assert schema.get("properties") or schema.get("oneOf")
    if "enum" in schema:
        assert len(set(schema["enum"])) == len(schema["enum"])


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_is_described(path: str) -> None:
    """A form shows titles and sentences; its examples and defaults are valid."""
    schema = FIELDS[path]
    assert schema["title"]
    assert schema["description"].endswith(".")
    name = path.rsplit("/", 1)[-1]
    assert "type" in schema or name in {"groups", "projects"}
    if path.count("/") == 1:
        assert schema["group"] in {group["id"] for group in SCHEMA["groups"]}
    examples = schema.get("examples", [])
    assert not [example for example in examples if list(_errors(schema, example))]
    assert "default" not in schema or not list(_errors(schema, schema["default"]))


def _errors(schema: dict[str, Any], value: object) -> Iterator[ValidationError]:
    of_items = schema.get("type") == "array" and not isinstance(value, list)
    yield from Draft7Validator(schema["items"] if of_items else schema).iter_errors(value)


def test_orders_are_unique() -> None:
    """The form shows the fields in the order in which they are written."""
    assert [schema["order"] for schema in PROPERTIES.values()] == list(range(len(PROPERTIES)))


def test_variants_of_credentials() -> None:
    """One common constant tells them apart; OAuth comes first."""
    variants = PROPERTIES["credentials"]["oneOf"]
    kinds = [variant["properties"]["auth_type"] for variant in variants]
    assert [kind["const"] for kind in kinds] == ["oauth2.0", "access_token", "job_token", "none"]
    assert not [
        kind for kind in kinds if kind["type"] != "string" or {"default", "enum"} & set(kind)
    ]


def test_oauth_writes_where_the_form_reads() -> None:
    """A platform that connects for the user fills in the right fields."""
    auth = load_spec()["advanced_auth"]
    assert auth["auth_flow_type"] == "oauth2.0"
    oauth = PROPERTIES["credentials"]["oneOf"][0]["properties"]
    assert oauth[auth["predicate_key"][1]]["const"] == auth["predicate_value"]
    written = {
        tuple(target["path_in_connector_config"])
        for name, part in auth["oauth_config_specification"].items()
        if "output" in name
        for target in part["properties"].values()
    }
    names = ("access_token", "refresh_token", "token_expiry_date", "client_id", "client_secret")
    assert written == {("credentials", name) for name in names}
    assert written <= {("credentials", name) for name in oauth}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_passes_unchanged(name: str) -> None:
    """The platform validates before parse sees anything."""
    raw = DIALECTS[name]["config"]
    if name == "numbers and switches as text":
        pytest.skip("text for numbers comes from environment variables, not from a form")
    Draft7Validator(SCHEMA).validate(raw)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_secret_is_declared(name: str) -> None:
    """A platform stores and masks what the specification calls a secret."""
    raw = DIALECTS[name]["config"]
    if "config" in raw:
        pytest.skip("a request to Fivetran's API is unwrapped before a platform sees it")
    hidden = set(secrets(parse(raw)))
    assert hidden & set(_texts(raw)) <= set(get_secrets(SCHEMA, raw))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize(
    "raw",
    [
        {"credentials": {"auth_type": "access_token"}},
        {"credentials": {"auth_type": "oauth2.0", "access_token": TOKEN}},
        {"credentials": {"auth_type": "basic"}},
        {"credentials": PAT, "num_workers": 41},
        {"credentials": PAT, "commit_refs": "main"},
        {"credentials": PAT, "start_date": "yesterday"},
    ],
)
def test_the_form_refuses(raw: dict[str, Any]) -> None:
    """The schema is wide, but not a hole."""
    with pytest.raises(ValidationError):
        Draft7Validator(SCHEMA).validate(raw)
    with pytest.raises(ConfigError):
        parse(raw)


def test_defaults_are_those_of_the_code() -> None:
    """Leaving a field empty and typing its default mean the same."""
    defaults = {name: field["default"] for name, field in PROPERTIES.items() if "default" in field}
    bare = Config(base_url="https://gitlab.com", credentials=AccessToken(TOKEN))
    assert parse({"credentials": PAT}) == bare
    assert parse({"credentials": PAT, **defaults}) == bare


@pytest.mark.parametrize("name", [n for n, field in PROPERTIES.items() if "minimum" in field])
def test_bounds_are_those_of_the_code(name: str) -> None:
    """The form and parse draw the same lines."""
    least, most = PROPERTIES[name]["minimum"], PROPERTIES[name]["maximum"]
    for good in (least, most):
        assert getattr(parse({"credentials": PAT, name: good}), name) == good
    for bad in (least - 1, most + 1):
        with pytest.raises(ConfigError, match=f"from {least} to {most}"):
            parse({"credentials": PAT, name: bad})


@pytest.mark.parametrize(
    ("date", "good"),
    [
        ("2021-03-01T00:00:00Z", True),
        ("2021-03-01T00:00:00", True),
        ("2021-03-01", True),
        ("2021-03-01 00:00", True),
        ("2021-03-01T00:00:00.123+02:00", True),
        ("2021-03", False),
        ("01.03.2021", False),
        ("2021-03-01T00", False),
        ("2021-03-01T00:00:00 UTC", False),
    ],
)
def test_the_pattern_of_dates_is_that_of_the_code(date: str, *, good: bool) -> None:
    """The form and parse take the same dates."""
    assert bool(re.search(PROPERTIES["start_date"]["pattern"], date)) is good
    try:
        parse({"credentials": PAT, "start_date": date})
    except ConfigError:
        assert not good
    else:
        assert good


def test_certificates_are_multiline() -> None:
    """PEM text has lines."""
    fields = ("ca_certificate", "client_certificate", "client_private_key")
    assert all(PROPERTIES[name]["multiline"] for name in fields)


def test_a_caller_cannot_change_the_spec_of_the_next() -> None:
    """load_spec reads the file once and gives copies."""
    load_spec()["connectionSpecification"]["properties"].clear()
    assert load_spec()["connectionSpecification"] == SCHEMA
