"""The settings of the Singer tap are the fields of the specification."""

from __future__ import annotations

from typing import Any

import yaml

from source_gitlab.config import load_spec, parse
from source_gitlab.interfaces.singer.settings import about, environment, plugin, settings

SECRETS = {"access_token", "refresh_token", "client_id", "client_secret", "job_token"}


def test_every_field_that_people_fill_in_is_a_setting() -> None:
    """Those of each way to sign in as well."""
    properties: dict[str, Any] = load_spec()["connectionSpecification"]["properties"]
    shown = {name for name, one in properties.items() if not one.get("airbyte_hidden")}
    found = settings()
    assert shown - {"credentials"} <= found.keys()
    for variant in properties["credentials"]["oneOf"]:
        for name, one in variant["properties"].items():
            if not one.get("airbyte_hidden"):
                assert f"credentials.{name}" in found
    assert {f"credentials.{name}" for name in SECRETS} <= {
        name for name, one in found.items() if one.get("secret")
    }
    assert all(one["description"] and "<" not in one["description"] for one in found.values())


def test_the_definition_for_meltano() -> None:
    """Secrets are sensitive, ways to sign in are options, other taps' settings are hidden."""
    found = yaml.safe_load(plugin())
    by_name = {one["name"]: one for one in found["settings"]}
    assert by_name.keys() == about("1")["settings"]["properties"].keys()
    assert by_name["credentials.access_token"]["sensitive"] is True
    options = [one["value"] for one in by_name["credentials.auth_type"]["options"]]
    assert options == ["oauth2.0", "access_token", "job_token", "none"]
    assert (
        by_name["private_token"] | {"sensitive": True, "hidden": True} == by_name["private_token"]
    )
    assert by_name["start_date"]["kind"] == "date_iso8601"
    assert by_name["groups_list"]["kind"] == "array"
    assert by_name["num_workers"]["kind"] == "integer"


def test_a_configuration_in_variables() -> None:
    """Names with dots are objects; what a list holds may have commas or be JSON."""
    raw = environment(
        {
            "TAP_GITLAB_CREDENTIALS_AUTH_TYPE": "access_token",
            "TAP_GITLAB_CREDENTIALS_ACCESS_TOKEN": "glpat-not-a-token-0123",
            "TAP_GITLAB_GROUPS_LIST": '["acme", "other"]',
            "TAP_GITLAB_PROJECTS_LIST": "acme/web,acme/api",
            "TAP_GITLAB_NUM_WORKERS": "3",
            "TAP_GITLAB_START_DATE": "",
            "TAP_GITHUB_API_URL": "gitlab.invalid",
        }
    )
    config = parse(raw)
    assert config.groups == ("acme", "other")
    assert config.projects == ("acme/web", "acme/api")
    assert config.num_workers == 3
    assert config.base_url == "https://gitlab.com"
