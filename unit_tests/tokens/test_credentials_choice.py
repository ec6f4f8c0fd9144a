"""Which credentials count when there are several, and what is said when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from source_gitlab.cli.options import assemble
from source_gitlab.config import AccessToken, ConfigError, JobToken, OAuth, parse, secrets
from source_gitlab.gitlab.auth import TokenHeader
from source_gitlab.tokens.encryption import Purpose
from source_gitlab.tokens.model import Contents, SignIn, Tokens
from source_gitlab.tokens.profiles import Profile, default_name

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://gitlab.example.com"
OTHER = "https://other.example.com"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A machine with a sign-in to URL under the default name, and one to OTHER named `work`."""
    made = {"SOURCE_GITLAB_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    for name, url in ((default_name(URL), URL), ("work", OTHER)):
        profile = Profile(tmp_path, Purpose(name, url, "the-application"), made)
        tokens = Tokens(f"access-{name}", f"refresh-{name}", 0.0, 7200.0)
        with profile.lock():
            profile.reserve().fill(Contents((SignIn.begun(tokens),), "the-secret", None))
    return made


def chosen(environment: dict[str, str], *, profile: str | None = None, **raw: Any) -> Any:
    """The credentials that count."""
    flags = {name: raw.pop(name) for name in ("api_url",) if name in raw}
    return assemble(flags, environment, raw, profile).credentials


def test_a_named_profile_counts_most(environment: dict[str, str]) -> None:
    """It is typed for this run; its address comes with it."""
    token = {**environment, "GITLAB_TOKEN": "glpat-environment"}
    config = assemble({}, token, {"private_token": "glpat-file"}, "work")
    assert isinstance(config.credentials, OAuth)
    assert config.credentials.access_token == "access-work"
    assert config.credentials.profile == "work"
    assert config.credentials.client_secret == "the-secret"
    assert config.base_url == OTHER


def test_then_the_file_then_the_environment_then_the_sign_in(environment: dict[str, str]) -> None:
    """From what was written for this to what lies around."""
    token = {**environment, "GITLAB_TOKEN": "glpat-environment"}
    assert chosen(token, private_token="glpat-file", api_url=URL) == AccessToken("glpat-file")
    assert chosen(token, api_url=URL) == AccessToken("glpat-environment")
    found = chosen(environment, api_url=URL)
    assert isinstance(found, OAuth)
    assert found.refresh_token == f"refresh-{default_name(URL)}"


def test_a_sign_in_is_not_used_for_another_gitlab(environment: dict[str, str]) -> None:
    """Not even one that is named, with an address beside it."""
    with pytest.raises(ConfigError, match=f"There is no token for {OTHER}"):
        chosen(environment, api_url=OTHER)
    with pytest.raises(ConfigError, match=f"is for {OTHER}, not for {URL}"):
        chosen(environment, profile="work", api_url=URL)


def test_a_sign_in_without_a_refresh_token_is_an_access_token(tmp_path: Path) -> None:
    """Device sign-ins of some versions of GitLab give none."""
    machine = {"SOURCE_GITLAB_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    profile = Profile(tmp_path, Purpose("short", URL, "the-application"), machine)
    with profile.lock():
        profile.reserve().fill(Contents((SignIn.begun(Tokens("access-short", "")),)))
    assert chosen(machine, profile="short") == AccessToken("access-short")


def test_a_job_token_is_one_when_it_is_called_so(environment: dict[str, str]) -> None:
    """In its own field, in the usual one, or in the job's environment."""
    job = JobToken("glcbt-64-0123456789")
    own = {"auth_type": "job_token", "job_token": job.access_token}
    usual = {"auth_type": "CI job token", "access_token": job.access_token}
    for credentials in (own, usual, {"job_token": job.access_token}):
        config = parse({"credentials": credentials, "projects_list": ["acme/web"]})
        assert config.credentials == job
        assert secrets(config) == (job.access_token,)
        assert job.access_token not in repr(config)
    in_job = {**environment, "CI_JOB_TOKEN": job.access_token}
    assert chosen(in_job, credentials={"auth_type": "job_token"}) == job
    with pytest.raises(ConfigError, match=r"credentials.job_token: this is missing"):
        chosen(environment, credentials={"auth_type": "job_token"})


@pytest.mark.parametrize(
    ("token", "job", "headers"),
    [
        ("one", False, {"Authorization": "Bearer one"}),
        ("one", True, {"JOB-TOKEN": "one"}),
        ("", False, {}),
        ("", True, {}),
    ],
)
def test_each_kind_has_its_header(token: str, headers: dict[str, str], *, job: bool) -> None:
    """Bearer for all but the tokens of jobs, and none at all for public data."""

    class Request:
        """What a header is put into."""

        def __init__(self) -> None:
            self.headers: dict[str, str] = {}

    request: Any = Request()
    TokenHeader(token, job=job)(request)
    assert request.headers == headers
