"""The Docker image, built and run for real, with GitLab on the host's own network.

Without a Docker engine these tests are skipped; under CI they fail, because there the image is
what is shipped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import pytest
from docker.errors import BuildError, DockerException

from source_gitlab.declarations import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.client import DockerClient
    from docker.models.images import Image

ROOT = Path(__file__).parent.parent
NETWORK = "host"  # the emulator listens on the loopback address only
INSIDE = "/mnt/connection"  # where the configuration and the catalog are seen in the container

Message = dict[str, Any]

PAYLOADS = {
    "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus",
    "CATALOG": "catalog",
    "RECORD": "record",
    "STATE": "state",
}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def engine() -> Iterator[DockerClient]:
    """The Docker engine of this machine, wherever DOCKER_HOST says it is."""
    try:
        client = docker.from_env(timeout=600)
    except DockerException as error:
        reason = f"no Docker engine answers: {error}"
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


@pytest.fixture
def connection(tmp_path: Path, config: dict[str, object]) -> Path:
    """A folder with config.json that the image's user, who is not ours, may read."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    tmp_path.chmod(0o755)
    return tmp_path


def run(engine: DockerClient, image: Image, connection: Path, *arguments: str) -> list[Message]:
    """Run the connector in a container of its own; every line of stdout must be a message.

    Raises:
        docker.errors.ContainerError: it exited with another code than 0.
    """
    output: bytes = engine.containers.run(
        image,
        list(arguments),
        network_mode=NETWORK,
        volumes={str(connection): {"bind": INSIDE, "mode": "ro"}},
        read_only=True,
        tmpfs={"/tmp": ""},  # noqa: S108 - a path in the container
        remove=True,
        stdout=True,
        stderr=False,
    )
    return [json.loads(line) for line in output.splitlines()]


def of_type(messages: list[Message], kind: str) -> list[Any]:
    """The payloads of the messages of one type."""
    return [message[PAYLOADS[kind]] for message in messages if message["type"] == kind]


def test_spec(engine: DockerClient, image: Image, connection: Path) -> None:
    """`spec` needs no configuration and says exactly one thing."""
    (spec,) = of_type(run(engine, image, connection, "spec"), "SPEC")
    assert "credentials" in spec["connectionSpecification"]["properties"]


def test_check(engine: DockerClient, image: Image, connection: Path) -> None:
    """The container reaches GitLab and signs in."""
    messages = run(engine, image, connection, "check", "--config", f"{INSIDE}/config.json")
    (status,) = of_type(messages, "CONNECTION_STATUS")
    assert status["status"] == "SUCCEEDED", status


def test_discover_and_read_every_stream(
    engine: DockerClient, image: Image, connection: Path
) -> None:
    """What `discover` offers, `read` delivers: rows and a final state for each of the streams."""
    config = ("--config", f"{INSIDE}/config.json")
    (catalog,) = of_type(run(engine, image, connection, "discover", *config), "CATALOG")
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
    messages = run(
        engine, image, connection, "read", *config, "--catalog", f"{INSIDE}/catalog.json"
    )
    read = {record["stream"] for record in of_type(messages, "RECORD")}
    assert read == set(offered)
    stated = {state["stream"]["stream_descriptor"]["name"] for state in of_type(messages, "STATE")}
    assert stated == set(offered)


def test_runs_as_somebody_else_than_root(engine: DockerClient, image: Image) -> None:
    """A connector needs no rights in its container."""
    who = engine.containers.run(image, entrypoint=["id", "-u"], network_mode=NETWORK, remove=True)
    assert int(who) != 0


def test_holds_no_compiler(engine: DockerClient, image: Image) -> None:
    """What builds stays in the build stage."""
    found: bytes = engine.containers.run(
        image,
        ["-c", "for name in cc gcc make git; do command -v $name; done; true"],
        entrypoint="sh",
        network_mode=NETWORK,
        remove=True,
    )
    assert found.decode().split() == []


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
