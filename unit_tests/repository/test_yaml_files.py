"""YAML files of the package, and the JSON that a wheel has of them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from source_gitlab import yaml_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "source_gitlab"
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.yaml"))
COMMANDS = (["spec"], ["discover", "--config", "config.json"])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel of this checkout installs."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*built, "--directory", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    (folder / "site" / "config.json").write_text("{}", encoding="utf-8")
    return folder / "site"


def printed(folder: Path, program: str) -> str:
    """What a program prints that runs in a folder, whose package comes before this checkout's."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, '.')\n{program}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def run_of(arguments: list[str]) -> str:
    """A program that runs a command, and then says whether YAML was imported."""
    return (
        f"from source_gitlab.cli import main\nmain({arguments!r})\n"
        "print(__import__('source_gitlab').__file__)\nprint('yaml' in sys.modules)\n"
    )


def repeated(node: yaml.Node | None) -> Iterator[str]:
    """The keys that stand twice in one mapping: YAML takes the last, without a word."""
    inner = node.value if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        counts = Counter(key.value for key, _ in node.value)
        yield from (f"{key}{node.start_mark}" for key, count in counts.items() if count > 1)
        inner = [value for _, value in node.value]
    for one in inner:
        yield from repeated(one)


@pytest.mark.parametrize("name", FILES)
def test_no_key_stands_twice(name: str) -> None:
    """Of two streams of one name, or two requests for one column, one would be lost."""
    text = (PACKAGE / name).read_text(encoding="utf-8")
    found = yaml.compose(text, Loader=yaml.SafeLoader)
    assert list(repeated(found)) == []


def test_a_key_that_stands_twice_is_found() -> None:
    """At any depth."""
    found = yaml.compose("a: {b: [{c: 1, d: 2, c: 3}]}", Loader=yaml.SafeLoader)
    assert [one[0] for one in repeated(found)] == ["c"]


@pytest.mark.parametrize("name", FILES)
def test_the_json_holds_what_the_yaml_holds(name: str) -> None:
    """Nothing in our files has a type that JSON lacks: a date, or a key that is a number."""
    written = yaml.safe_load((PACKAGE / name).read_text(encoding="utf-8"))
    assert json.loads(json.loads(yaml_files.compiled())[name]["json"]) == written
    assert yaml_files.read(*name.split("/")) == written


def test_a_wheel_has_the_json_and_a_checkout_has_not(installed: Path) -> None:
    """What is edited in a checkout has no second place to be changed in."""
    made = (installed / "source_gitlab" / yaml_files.COMPILED).read_bytes()
    assert made == yaml_files.compiled()
    assert set(json.loads(made)) == set(FILES)
    assert not (PACKAGE / yaml_files.COMPILED).exists()


@pytest.mark.parametrize("arguments", COMMANDS, ids=["spec", "discover"])
def test_a_wheel_needs_no_yaml_to_say_the_same(installed: Path, arguments: list[str]) -> None:
    """Both commands print what they print in a checkout."""
    said, place, with_yaml = printed(installed, run_of(arguments)).splitlines()
    assert Path(place).is_relative_to(installed)
    assert with_yaml == "False"
    (installed / "elsewhere").mkdir(exist_ok=True)
    (installed / "elsewhere" / "config.json").write_text("{}", encoding="utf-8")
    there, place, with_yaml = printed(installed / "elsewhere", run_of(arguments)).splitlines()
    assert Path(place).is_relative_to(ROOT)
    assert with_yaml == "True"
    assert json.loads(said) == json.loads(there)


def test_a_file_that_was_edited_counts_and_not_its_json(installed: Path) -> None:
    """Also where the length stays."""
    path = installed / "source_gitlab" / "streams" / "entities.yaml"
    before = path.read_text(encoding="utf-8")
    program = (
        "import json\nfrom source_gitlab import yaml_files\n"
        "print(json.dumps(yaml_files.read('streams', 'entities.yaml')))\n"
    )
    for edited in (before.replace("user:", "usex:", 1), before + "\nanother:\n  id: integer\n"):
        assert edited != before
        path.write_text(edited, encoding="utf-8")
        assert json.loads(printed(installed, program)) == yaml.safe_load(edited)
    path.write_text(before, encoding="utf-8")
    assert json.loads(printed(installed, program)) == yaml.safe_load(before)
