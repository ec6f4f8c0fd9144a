"""Whatever a configuration holds, it is understood or named as a mistake."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from integration_tests.support.configurations import (
    CERTIFICATE,
    DIALECTS,
    KEY,
    KEY_LINES,
    OAUTH,
    PAT,
    TOKEN,
)
from source_gitlab.config import (
    Config,
    ConfigError,
    parse,
)

NAMES = sorted({name for dialect in DIALECTS.values() for name in dialect["config"]})
INNER = sorted({*OAUTH, *PAT, "personal_access_token", "client_access", "redirect_uri"})
TEXTS = [
    *("https://gitlab.com/a/b", "http://", "//", "[", "a/b c", "2024-01-01", "0000-00-00", "none"),
    *(
        "oauth2.0",
        "access_token",
        "custom",
        "default",
        TOKEN,
        CERTIFICATE,
        KEY,
        "-----BEGIN x-----",
    ),
    *("~nobody/x", "xn--a", "[::1]:80", "git@gitlab.com:a/b.git", "%2F%2e%2e%2F", "\ud800", "1e5"),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(TEXTS),
    st.builds("".join, st.lists(st.sampled_from(TEXTS), max_size=3)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(INNER) | st.text(max_size=12), inner, max_size=4),
    ),
    max_leaves=8,
)


def attempt(raw: Any) -> Config | ConfigError:
    """The outcome of parse, whichever of the two that it promises."""
    try:
        return parse(raw)
    except ConfigError as error:
        return error


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=12), VALUES, max_size=8) | VALUES)
def test_anything_is_a_config_or_a_config_error(raw: Any) -> None:
    """No input makes parse raise anything else."""
    outcome = attempt(raw)
    assert isinstance(outcome, (Config, ConfigError))
    if isinstance(outcome, ConfigError):
        assert TOKEN not in str(outcome)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([name for name in NAMES if name != "credentials"]),
    VALUES,
    st.sampled_from([PAT, OAUTH]),
)
def test_any_value_beside_good_credentials(name: str, value: Any, credentials: Any) -> None:
    """What was understood can be written down and understood again."""
    config = attempt({"credentials": credentials, name: value})
    if isinstance(config, ConfigError):
        assert TOKEN not in str(config)
        assert KEY_LINES[0] not in str(config)
        return
    canonical = {
        "credentials": credentials,
        "api_url": config.base_url,
        "start_date": config.start_date,
        "groups_list": list(config.groups),
        "projects_list": list(config.projects),
    }
    again = parse(canonical)
    assert again.base_url == config.base_url
    assert again.start_date == config.start_date
    assert (again.groups, again.projects) == (config.groups, config.projects)
