"""`source-gitlab sync` before it reads: its arguments, its configuration, its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from source_gitlab.cli import main
from source_gitlab.cli.options import assemble, read_file
from source_gitlab.config import AccessToken, ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN", "CI_JOB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("variable", ["GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN"])
def test_the_environment_gives_the_token(variable: str) -> None:
    """Both names are in use; a line end that a shell left there is no part of it."""
    config = assemble({}, {variable: "glpat-environment\n"}, {})
    assert config.credentials == AccessToken("glpat-environment")


def test_flags_stand_before_the_file_and_its_credentials_before_the_environment() -> None:
    """A flag is typed for this run; a file that has credentials was written with them."""
    file = {"private_token": "glpat-from-file", "groups": "acme", "num_workers": 3}
    config = assemble({"groups_list": ["labs"]}, {"GITLAB_TOKEN": "glpat-environment"}, file)
    assert config.credentials == AccessToken("glpat-from-file")
    assert config.groups == ("labs",)
    assert config.num_workers == 3


def test_a_flag_replaces_the_file_in_any_dialect() -> None:
    """The taps call it `groups` and Fivetran calls it `base_url`."""
    file = {"groups": "acme", "projects": "acme/web", "base_url": "https://one.example.com"}
    flags = {
        "groups_list": ["labs"],
        "projects_list": ["x/y"],
        "api_url": "https://two.example.com",
    }
    config = assemble(flags, {"GITLAB_TOKEN": "glpat-environment"}, file)
    assert (config.groups, config.projects) == (("labs",), ("x/y",))
    assert config.base_url == "https://two.example.com"


def test_without_a_token_the_message_says_where_to_put_one() -> None:
    """And that the token of a CI job will not do."""
    with pytest.raises(ConfigError, match="Set GITLAB_TOKEN to an access token") as caught:
        assemble({}, {}, {})
    assert "CI_JOB_TOKEN" not in str(caught.value)
    with pytest.raises(ConfigError, match="CI_JOB_TOKEN of this job may not read most lists"):
        assemble({}, {"CI_JOB_TOKEN": "glcbt-64"}, {})


@pytest.mark.parametrize("text", ['{"groups_list": ["acme"]}', "groups_list:\n- acme\n"])
def test_a_file_is_json_or_yaml(tmp_path: Path, text: str) -> None:
    """Whatever its name ends with."""
    path = tmp_path / "config"
    path.write_text(text)
    assert read_file(path) == {"groups_list": ["acme"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is neither JSON nor YAML. Line "),
        ("glpat-forgotten-key", "must hold fields"),
        ("\xff", "is neither JSON nor YAML."),
        ("a: 1\n---\nb: 2", "holds several documents"),
        ("a: *glpat-forgotten-key", "is neither JSON nor YAML. Line "),
    ],
)
def test_a_file_that_is_neither_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    """Without what is in it, which may be a token."""
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    assert message in str(caught.value)
    assert "glpat" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"nowhere.json cannot be read: No such file"):
        read_file(tmp_path / "nowhere.json")


NAMES = ("--group", "--project", "--select")
# What a shell makes of variables that are not set: "$A", "$A,$B", "acme,$B".
EMPTY = ("", " ", ",", "issues,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "There is no token for https://gitlab.com. Set GITLAB_TOKEN"),
        (["--select", "isues"], "There is no stream isues. Did you mean issues?"),
        (["--select", "issues,xyz"], "There is no such stream. There are: groups, "),
        (["--config", "nowhere.json"], "nowhere.json cannot be read: No such file"),
        *(([flag, value], f"{flag} has an empty value") for flag in NAMES for value in EMPTY),
        *(([flag, "issues", ""], f"{flag} has an empty value") for flag in NAMES),
        *(([flag, ""], f"{flag} has an empty value") for flag in ("--url", "--since", "--profile")),
        *(
            ([flag, ""], f"argument {flag}: its value is empty")
            for flag in ("--config", "--report")
        ),
    ],
)
def test_a_wrong_command_is_one_sentence_and_makes_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Exit code 2, no traceback."""
    path = tmp_path / "gitlab.duckdb"
    assert main(["sync", "--to", str(path), *arguments]) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""
    assert not path.exists()
