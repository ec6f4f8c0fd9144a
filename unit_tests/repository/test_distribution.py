"""No text tells people to install a package that is not ours."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli
import yaml

from source_gitlab.config import load_spec
from source_gitlab.distribution import DISTRIBUTION, install_command
from source_gitlab.interfaces.flow import form

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
# What is written by a tool and checked by it, or is about other packages: their names are theirs.
LOCKS = ("requirements/", "benchmarks/locks/")

# A command that installs, up to where a sentence or a line of shell goes on with something else.
# A backslash at the end of a line continues the command.
_COMMAND = re.compile(
    r"""(?x)
    (?: pip[\d.]* \s+ (?: install | download | wheel )
      | pipx \s+ (?: install | inject | run | upgrade )
      | uvx
      | uv \s+ (?: add | tool \s+ (?: install | run ) )
      | poetry \s+ add | pdm \s+ add | conda \s+ install
    ) \b
    (?P<rest> (?: \\\n | [^\n`;|&>] )* )
    """
)
_WITH_EXTRAS = re.compile(rf"([A-Za-z][\w.-]*)\[(?:{'|'.join(EXTRAS)})(?:, ?[\w-]+)*\]")
_NAME = re.compile(r"[A-Za-z][\w.-]*(?=$|[\[<>=!~ @])")
# Options of pip and uv whose value is the next word.
_VALUED = frozenset({"-r", "--requirement", "-c", "--constraint", "-w", "--wheel-dir", "-d", "-i"})


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _words(rest: str) -> list[str]:
    """The words of a command; of a quote that is never closed, what stands in it."""
    text = rest.replace("\\\n", " ")
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.replace('"', " ").replace("'", " ").split()


def named_by(text: str) -> Iterator[str]:
    """The packages that a text tells its reader to install."""
    for command in _COMMAND.finditer(text):
        expected = ""
        for word in _words(command["rest"]):
            if expected in _VALUED:
                expected = ""
                continue
            expected = word
            # A path, a variable and a placeholder name no package of an index.
            if word.startswith(("-", ".", "/", "$", "{", "<", "*")) or "/" in word:
                continue
            name = _NAME.match(word)
            if name is None or word.endswith((".", ",", ":", ")")):
                break  # the sentence around the command goes on
            yield name[0]
    for match in _WITH_EXTRAS.finditer(text):
        yield match[1]


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of the repository that people write, except this one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and not name.startswith(LOCKS) and path != Path(__file__):
            yield path, path.read_text(encoding="utf-8", errors="replace")


def test_no_text_names_a_package_that_is_not_ours() -> None:
    """The index has a package with the name of our command, and it is somebody else's."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files")
    found = {
        (str(path.relative_to(ROOT)), name) for path, text in texts() for name in named_by(text)
    }
    assert found, "the documents do say how to install"
    assert {(path, name) for path, name in found if normalized(name) != DISTRIBUTION} == set()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pip install 'source-gitlab[airbyte]'", ["source-gitlab", "source-gitlab"]),
        ('f"run: pip install source_gitlab"', ["source_gitlab"]),
        ("python -m pip install -r a.txt --quiet b==1", ["b"]),
        ("pip install \\\n    a \\\n    b && pip3 download c | d", ["a", "b", "c"]),
        ("`pipx install a`, `pipx run b`, or `uvx c --version`", ["a", "b", "c"]),
        ("uv pip install a; uv tool install 'b>=1'; uv add c", ["a", "b", "c"]),
        ("pip install '.[airbyte]'   # in a clone", []),
        ("$(BIN)/pip install --no-deps $(LOCKS) dist/*.whl .", []),
        ("the extra a-b[airbyte] brings it", ["a-b"]),
    ],
)
def test_what_counts_as_naming_a_package(text: str, named: list[str]) -> None:
    """The forms in which texts and programs ask for a package, and those that name none."""
    assert list(named_by(text)) == named


def test_messages_name_the_package_that_is_built() -> None:
    """What a message tells people to type installs this package with an extra that it has."""
    assert normalized(PROJECT["name"]) == DISTRIBUTION
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "source_gitlab").rglob("*.py"))
    asked = {
        extra for text in sources for extra in re.findall(r"install_command\(['\"](\w+)", text)
    }
    assert asked
    assert asked <= EXTRAS
    assert install_command("airbyte") == "pip install 'gitlab-warehouse[airbyte]'"


def test_nothing_asks_for_the_metadata_of_the_distribution() -> None:
    """A checkout on the path, an image and a vendored copy have none, or that of another name."""
    sources = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "source_gitlab").rglob("*.py")
    }
    assert [name for name, text in sources.items() if "importlib.metadata" in text] == []


def test_the_documentation_is_ours() -> None:
    """What platforms link to beside a form is the page of this package, everywhere the same."""
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    found = {
        PROJECT["urls"]["Documentation"],
        metadata["documentationUrl"],
        load_spec()["documentationUrl"],
        form.spec()["documentationUrl"],
    }
    assert found == {f"https://pypi.org/project/{DISTRIBUTION}/"}
