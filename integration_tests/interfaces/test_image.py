"""The Docker image, built and run for real, with GitLab on the host's own network.

Without a Docker engine these tests are skipped; under CI they fail, because there the image is
what is shipped.
"""

from __future__ import annotations

import gc
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import docker
import pytest
from docker.errors import BuildError, DockerException

from integration_tests.gitlab.patience import PATIENCE
from source_gitlab import __version__
from source_gitlab.streams import root_of, streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.client import DockerClient
    from docker.models.containers import Container
    from docker.models.images import Image

    from integration_tests.gitlab.launch import Emulator

ROOT = Path(__file__).parents[2]
NETWORK = "host"  # the emulator listens on the loopback address only
INSIDE = "/mnt/connection"  # where the configuration and the catalog are seen in the container
CONFIG = f"{INSIDE}/config.json"

Message = dict[str, Any]

PAYLOADS = {
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "CATALOG": "catalog",
    "RECORD": "record",
    "STATE": "state",
}


def _connected() -> tuple[DockerClient | None, str]:
    """A client, or None and why there is none."""
    try:
        return docker.from_env(timeout=PATIENCE), ""
    except DockerException as error:
        return None, f"no Docker engine answers: {error}"


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    """The Docker engine of this machine, wherever DOCKER_HOST says it is."""
    with warnings.catch_warnings():
        # docker leaves the socket open that it could not connect, for whichever test comes next.
        warnings.simplefilter("ignore", ResourceWarning)
        client, reason = _connected()
        gc.collect()
    if client is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{reason}; under CI the image must be tested")
        pytest.skip(reason)
    yield client
    client.close()


@pytest.fixture(scope="module")
def image(engine: DockerClient) -> Image:
    """The image as this checkout builds it; layers that are unchanged come from the cache."""
    try:
        built, _ = engine.images.build(
            path=str(ROOT), tag="source-gitlab:test", network_mode=NETWORK, rm=True, forcerm=True
        )
    except BuildError as error:
        said = "".join(str(entry.get("stream", "")) for entry in error.build_log)
        pytest.fail(f"{error}\n{said[-4000:]}")
    return built


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory, gitlab: Emulator) -> Path:
    """A folder with config.json that the image's user, who is not ours, may read."""
    folder = tmp_path_factory.mktemp("connection")
    declared = json.loads((ROOT / "integration_tests/configs/access_token.json").read_text())
    (folder / "config.json").write_text(json.dumps({**declared, "api_url": gitlab.url}))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def container(engine: DockerClient, image: Image, connection: Path) -> Iterator[Container]:
    """A container that waits for commands; an engine may take long to make each new one."""
    waiting = engine.containers.run(
        image,
        ["infinity"],
        entrypoint=["sleep"],
        network_mode=NETWORK,
        volumes={str(connection): {"bind": INSIDE, "mode": "ro"}},
        read_only=True,
        tmpfs={"/tmp": ""},  # noqa: S108 - a path in the container
        detach=True,
    )
    yield waiting
    waiting.remove(force=True)


def run(container: Container, *command: str) -> str:
    """The output of a command that must succeed; what it says on stderr is shown if it fails."""
    code, streamed = container.exec_run(list(command), demux=True)
    output, said = cast("tuple[bytes | None, bytes | None]", streamed)
    assert code == 0, f"{command} exited with {code}:\n{(output or b'')[-2000:]!r}\n{said!r}"
    return (output or b"").decode()


def of_type(output: str, kind: str) -> list[Any]:
    """The payloads of the messages of one type; every line of the output must be a message."""
    lines: list[Message] = [json.loads(line) for line in output.splitlines()]
    return [message[PAYLOADS[kind]] for message in lines if message["type"] == kind]


def test_spec(engine: DockerClient, image: Image) -> None:
    """`docker run <image> spec` needs no configuration and no network, and says one thing."""
    output: bytes = engine.containers.run(image, ["spec"], network_mode="none", remove=True)
    (spec,) = of_type(output.decode(), "SPEC")
    assert "credentials" in spec["connectionSpecification"]["properties"]


def test_check(container: Container) -> None:
    """The container reaches GitLab and signs in."""
    output = run(container, "source-gitlab", "check", "--config", CONFIG)
    (status,) = of_type(output, "CONNECTION_STATUS")
    assert status["status"] == "SUCCEEDED", status


def test_discover_and_read_every_stream(container: Container, connection: Path) -> None:
    """What `discover` offers, `read` delivers: rows and a final state for each of the streams."""
    output = run(container, "source-gitlab", "discover", "--config", CONFIG)
    (catalog,) = of_type(output, "CATALOG")
    offered = [stream["name"] for stream in catalog["streams"]]
    assert offered == list(streams())

    configured = {
        "streams": [
            {
                "stream": stream,
                "sync_mode": stream["supported_sync_modes"][-1],
                "destination_sync_mode": "append",
                "primary_key": stream["source_defined_primary_key"],
            }
            for stream in catalog["streams"]
        ]
    }
    (connection / "catalog.json").write_text(json.dumps(configured))
    catalog_path = f"{INSIDE}/catalog.json"
    output = run(container, "source-gitlab", "read", "--config", CONFIG, "--catalog", catalog_path)
    read = {record["stream"] for record in of_type(output, "RECORD")}
    closed = set(offered) - read
    assert read <= set(offered)
    assert {root_of(streams()[name]).role for name in closed} <= {"admin"}, closed
    stated = {state["stream"]["stream_descriptor"]["name"] for state in of_type(output, "STATE")}
    assert stated == set(offered)


def test_every_face_is_in_the_image(container: Container) -> None:
    """What users start from it needs no pip, which the image does not have."""
    database = ("--to", "/tmp/gitlab.duckdb", "--select", "projects")  # noqa: S108 - a container's
    output = run(container, "source-gitlab", "sync", *database, "--config", CONFIG)
    assert output.splitlines()[1].startswith("projects")
    code = "import cryptography, filelock, rich"
    run(container, "python", "-c", code)
    assert f"source-gitlab {__version__}" in run(container, "source-gitlab", "--version")


def test_the_image_is_a_flow_capture(container: Container, image: Image) -> None:
    """Its labels say so to Flow's runtime, which starts it without arguments."""
    labels = {"FLOW_RUNTIME_PROTOCOL": "capture", "FLOW_RUNTIME_CODEC": "json"}
    assert labels.items() <= image.labels.items()
    ask = """echo '{"spec":{"connectorType":"IMAGE"}}' | source-gitlab"""
    (answer,) = map(json.loads, run(container, "sh", "-c", ask).splitlines())
    assert answer["spec"]["protocol"] == 3032023


def test_runs_as_somebody_else_than_root(container: Container) -> None:
    """A connector needs no rights in its container."""
    assert int(run(container, "id", "-u")) != 0


def test_holds_no_compiler(container: Container) -> None:
    """What builds stays in the build stage."""
    script = "for name in cc gcc make git; do command -v $name; done; true"
    assert run(container, "sh", "-c", script).split() == []


def test_tells_airbyte_what_it_is(image: Image) -> None:
    """The platform reads the version from a label and the command from the environment."""
    (line,) = [
        line
        for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
        if line.startswith("version = ")
    ]
    assert image.labels["io.airbyte.version"] == line.split('"')[1]
    assert image.labels["io.airbyte.name"] == "source-gitlab"
    settings = image.attrs["Config"]
    environment = dict(entry.split("=", 1) for entry in settings["Env"])
    assert settings["Entrypoint"] == environment["AIRBYTE_ENTRYPOINT"].split()
