"""The house stays as it was built: who imports whom, how long a file is, one version everywhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
import yaml

from source_gitlab.streams import streams

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "source_gitlab"
MODULES = sorted(PACKAGE.rglob("*.py"))
FRONT_DOOR = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}  # may name every room

FOLDERS = ("source_gitlab", "unit_tests", "integration_tests", "benchmarks", "tools")
LONGEST_FILE = 400  # lines

# A module may import from its own floor and from those below, never from above. A name is the
# first part below source_gitlab; a folder is one name.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"cli"}),
    frozenset({"interfaces", "agent", "distributed"}),
    frozenset({"setup_check", "login"}),
    frozenset({"engine"}),
    frozenset({"tables", "views"}),
    frozenset({"core"}),
    frozenset({"gitlab"}),
    frozenset({"tokens"}),
    frozenset({"config"}),
    frozenset({"streams"}),
    frozenset(
        {
            "distribution",
            "encodings",
            "files",
            "temporary_files",
            "interrupts",
            "redaction",
            "report_file",
            "terminal",
            "timestamps",
            "yaml_files",
        }
    ),
)
CDK = "source_gitlab.interfaces.airbyte.cdk"  # the only module that imports it
SPARK = "source_gitlab.interfaces.spark"  # which has an environment of its own
# The tools of the MCP server are calls of the agent face.
MAY_KNOW = {("mcp", "agent")}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}


def name_of(path: Path) -> str:
    """`core` for source_gitlab/core/walks/seek.py, `redaction` for source_gitlab/redaction.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    """The name under which a file of the package is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever the import stands in the file.

    Imports for type checkers count: they tie two modules together just as well.
    """
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def floor_of(name: str) -> int:
    """The floor of a module, 0 at the top; what the package itself exports stands on no floor."""
    return next((number for number, names in enumerate(FLOORS) if name in names), len(FLOORS))


def test_every_module_has_a_floor() -> None:
    """A new module must be placed before the next test can say anything about it."""
    homeless = {name_of(path) for path in MODULES if path not in FRONT_DOOR}
    homeless -= frozenset().union(*FLOORS)
    assert not homeless, f"say in FLOORS where these stand: {sorted(homeless)}"


@pytest.mark.parametrize("path", sorted({*MODULES} - FRONT_DOOR), ids=dotted)
def test_imports_run_one_way(path: Path) -> None:
    """cli, then the faces, the engine, the core, what talks to GitLab: never back up."""
    own = floor_of(name_of(path))
    upward = {
        module
        for module in imports(path)
        if module.startswith("source_gitlab.") and floor_of(module.split(".")[1]) < own
    }
    assert not upward, f"{dotted(path)} imports from above itself: {sorted(upward)}"


def test_faces_do_not_know_each_other() -> None:
    """A face translates messages; what two faces share belongs below them."""
    faces = {path.name for path in (PACKAGE / "interfaces").iterdir() if path.is_dir()}
    acquainted = {
        f"{dotted(path)} imports {module}"
        for path in MODULES
        for module in imports(path)
        if dotted(path).startswith("source_gitlab.interfaces.")
        and module.startswith("source_gitlab.interfaces.")
        and module.split(".")[2] in faces - {dotted(path).split(".")[2]}
        and (dotted(path).split(".")[2], module.split(".")[2]) not in MAY_KNOW
    }
    assert not acquainted


def test_only_one_module_names_the_cdk() -> None:
    """No import of the CDK anywhere else, not even inside a function."""
    offenders = {
        dotted(path)
        for path in MODULES
        if dotted(path) != CDK
        and any(module.split(".")[0] == "airbyte_cdk" for module in imports(path))
    }
    assert not offenders


def test_importing_the_rest_leaves_the_cdk_out() -> None:
    """The CDK takes most of a second to import, which no command should pay.

    What a library imports on our behalf is seen only by importing for real.
    """
    left_out = (CDK, "source_gitlab.__main__", SPARK)
    core = [dotted(path) for path in MODULES if not dotted(path).startswith(left_out)]
    program = (
        "import importlib, sys\n"
        f"for name in {core!r}: importlib.import_module(name)\n"
        "print(*[name for name in sys.modules if name.split('.')[0] == 'airbyte_cdk'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_long(folder: str) -> None:
    """A file that has outgrown the limit holds two things: part them. Tests too."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    assert lengths
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}


def test_no_module_is_a_drawer() -> None:
    """A newcomer finds the room of a thing by its name."""
    drawers = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.stem in DRAWERS
    }
    assert not drawers


def test_one_version_everywhere() -> None:
    """pyproject.toml, metadata.yaml, the image's label and the newest entry of the changelog."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    versions = {
        "pyproject.toml": [project["project"]["version"]],
        "metadata.yaml": [metadata["data"]["dockerImageTag"]],
        "CHANGELOG.md": re.findall(r"(?m)^## \[(\d[^\]]*)\]", changelog)[:1],
        "Dockerfile": re.findall(r"(?m)^ARG VERSION=(.+)$", dockerfile),
    }
    assert len({tuple(found) for found in versions.values()}) == 1, versions
    assert versions["pyproject.toml"], versions


def test_metadata_names_this_package() -> None:
    """What Airbyte reads from metadata.yaml is what pyproject.toml builds."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    data = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    assert data["license"] == project["license"]
    assert data["remoteRegistries"]["pypi"]["packageName"] == project["name"]
    assert set(data["suggestedStreams"]["streams"]) <= set(streams())


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", ["runtime", "dev", "pyairbyte"])
def test_locks_hold_every_dependency_with_hashes(lock: str) -> None:
    """A dependency that is in pyproject.toml only would be missing in the image and in tests."""
    project = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=\S)", text)
    # urllib3[socks]==2.7.0 locks urllib3.
    locked = {normalized(re.split(r"[\[=]", entry)[0]) for entry in entries if "==" in entry}
    wanted = {normalized(re.split(r"[<>=!~\[; ]", one)[0]) for one in project["dependencies"]}
    assert not wanted - locked, "run `make lock`"
    unhashed = [entry for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert not unhashed


def tracked_files() -> list[Path]:
    """The files of the repository, those that are not yet added included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_registry_or_a_machine() -> None:
    """A checkout installs from whatever index its user has configured, from any folder.

    The patterns are written so that this file does not match itself.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files")
    foreign = re.compile(
        r"""(?x)
        --(extra-)?index[-]url | --find[-]links | ^\s*-[if][ ]\S   # pip options that name an index
        | files[.]pythonhosted | /simple[/]
        | (?<![\w.$}])/(root|opt/pypi|opt/wheels|work|farm|home/(?!airbyte)\w+)/
        | file[:]///
        """,
        re.MULTILINE,
    )
    offenders = {
        f"{path.relative_to(ROOT)}: {match[0]!r}"
        for path in tracked_files()
        for match in foreign.finditer(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert not offenders


def test_the_second_gitlab_shares_no_code_with_the_first() -> None:
    """What both had from one hand, neither could find wrong in the connector."""
    second = ROOT / "integration_tests" / "second_gitlab"
    allowed = (*sys.stdlib_module_names, "typing_extensions", "integration_tests.second_gitlab")
    foreign = {
        f"{path.name}: {name}"
        for path in second.glob("*.py")
        for name in imports(path)
        if not name.startswith(tuple(f"{one}" for one in allowed))
    }
    assert not foreign
