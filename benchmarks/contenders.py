"""Who is measured, and how each is told what to read.

A contender gets what its users would give it. Ids, dates and the address are the same for all.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks import environments as env
from benchmarks.measuring import Invocation
from benchmarks.more_machines import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from integration_tests.gitlab.launch import Emulator

HERE = Path(__file__).parent
# The last version on the package index, and the newest, which is a manifest.
PEER = "airbyte-source-gitlab 4.3.7"
NEWEST = "airbyte-source-gitlab 4.4.37"
# Before the first row of a scaled world. airbyte-source-gitlab cuts the time since then into
# windows of 180 days, and without a date it would start in 2014.
START_DATE = "2023-01-01T00:00:00Z"


@dataclass
class Job:
    """One run that is wanted: `streams` of the group `group`, in an empty `folder`.

    `state` is what an earlier run of the same contender left; `workers` is this connector's
    setting, None for its default.
    """

    gitlab: Emulator
    folder: Path
    command: str = "read"
    streams: tuple[str, ...] = ()
    group: str = "scaled"
    workers: int | None = None
    state: list[dict[str, Any]] = field(default_factory=list)

    def write(self, name: str, content: object) -> str:
        """Put JSON into the folder, and return its path."""
        path = self.folder / name
        path.write_text(json.dumps(content))
        return str(path)


@dataclass(frozen=True)
class Contender:
    """A program, the environment that it is installed in, and its command line as people see it.

    `rows_of` counts the rows by stream where they do not go to standard output.
    """

    name: str
    title: str
    environment: env.Environment
    shown: str
    invoke: Callable[[Job, Path], Invocation]
    rows_of: Callable[[Job], dict[str, int]] | None = None

    def prepare(self, job: Job) -> Invocation:
        """The invocation for a job.

        Raises:
            Unavailable: the contender cannot be measured here.
        """
        return self.invoke(job, env.programs_of(self.environment))


def _config(job: Job) -> dict[str, Any]:
    config: dict[str, Any] = {
        "api_url": job.gitlab.url,
        "credentials": {"auth_type": "access_token", "access_token": job.gitlab.token},
        "groups_list": [job.group],
        "start_date": START_DATE,
    }
    return config if job.workers is None else {**config, "num_workers": job.workers}


@cache
def _catalog(*program: str) -> list[dict[str, Any]]:
    """What `discover` says: each connector has a static catalog that asks GitLab nothing."""
    credentials = {"auth_type": "access_token", "access_token": "unused"}
    config = {"api_url": "http://127.0.0.1:9", "credentials": credentials}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps(config))
        command = (*program, "discover", "--config", str(path))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "CATALOG":
            streams: list[dict[str, Any]] = message["catalog"]["streams"]
            return streams
    message = f"`discover` gave no catalog: {done.stdout[-300:]} {done.stderr[-300:]}"
    raise env.Unavailable(message)


def _airbyte(job: Job, programs: Path) -> Invocation:
    return _connector(job, _config(job), str(programs / "source-gitlab"))


def _newest(job: Job, programs: Path) -> Invocation:
    config = {**_config(job), "groups_list": [], "projects_list": _projects(job)}
    return _connector(job, config, str(programs / "python"), str(HERE / "newest.py"))


def _connector(job: Job, config: dict[str, Any], *program: str) -> Invocation:
    if job.command == "spec":
        return Invocation((*program, "spec"))
    command = [*program, job.command, "--config", job.write("config.json", config)]
    if job.command == "read":
        chosen = [
            {
                "stream": stream,
                "sync_mode": stream["supported_sync_modes"][-1],
                "destination_sync_mode": "append",
            }
            for stream in _catalog(*program)
            if not job.streams or stream["name"] in job.streams
        ]
        command += ["--catalog", job.write("catalog.json", {"streams": chosen})]
        # A platform gives no state to a stream that is read in full, and airbyte-source-gitlab
        # would take its own for "already read".
        incremental = {c["stream"]["name"] for c in chosen if c["sync_mode"] == "incremental"}
        state = [s for s in job.state if s["stream"]["stream_descriptor"]["name"] in incremental]
        if state:
            command += ["--state", job.write("state.json", state)]
    return Invocation(command)


def _floor(job: Job, programs: Path) -> Invocation:
    url = f"{job.gitlab.url}/api/v4/groups/{quote(job.group, safe='')}/{job.streams[0]}"
    return Invocation((str(programs / "python"), str(HERE / "floor.py"), url, job.gitlab.token))


def _projects(job: Job) -> list[str]:
    """The ids of a group's projects, for a contender that takes projects."""
    path = f"groups/{quote(job.group, safe='')}/projects"
    answer = job.gitlab.get(path, include_subgroups="true", per_page=100)
    return [str(project["id"]) for project in answer.json()]


def _tap(job: Job, programs: Path) -> Invocation:
    config = {
        "private_token": job.gitlab.token,
        "groups": "",
        "projects": ",".join(_projects(job)),
        "start_date": START_DATE,
    }
    program = (str(programs / "python"), str(HERE / "tap.py"))
    environment = {"TAP_GITLAB_API": f"{job.gitlab.url}/api/v4"}
    configured = (*program, "--config", job.write("config.json", config))
    done = subprocess.run(
        (*configured, "--discover"), env=environment, capture_output=True, text=True, check=True
    )
    catalog = json.loads(done.stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in job.streams
    return Invocation(
        (*configured, "--catalog", job.write("catalog.json", catalog)), environment=environment
    )


def _ingestr(job: Job, programs: Path) -> Invocation:
    program = str(programs / "ingestr")
    tried = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        message = (
            "its package holds no program; it downloads one from its releases page at first start,"
            " and that failed here. (It could be pointed at the emulator, with base_url.)"
        )
        raise env.Unavailable(message)
    api = quote(f"{job.gitlab.url}/api/v4", safe="")
    return Invocation(
        (
            *(program, "ingest", "--source-table", job.streams[0]),
            *("--source-uri", f"gitlab://?access_token={job.gitlab.token}&base_url={api}"),
            *("--dest-uri", f"duckdb:///{_database(job)}"),
            *("--dest-table", f"copied.{job.streams[0]}"),
        )
    )


def _rest_source(job: Job, programs: Path) -> Invocation:
    given = {
        "url": job.gitlab.url,
        "token": job.gitlab.token,
        "group": quote(job.group, safe=""),
        "streams": list(job.streams),
        "folder": str(job.folder),
    }
    environment = {"DLT_DATA_DIR": str(job.folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    command = (str(programs / "python"), str(HERE / "rest_source.py"))
    return Invocation(command, json.dumps(given), environment)


def _sync(job: Job, programs: Path) -> Invocation:
    return Invocation(
        (
            *(str(programs / "source-gitlab"), "sync", "--to", str(_database(job))),
            *("--url", job.gitlab.url, "--group", job.group, "--since", START_DATE),
            *("--select", ",".join(job.streams)),
        ),
        environment={"GITLAB_TOKEN": job.gitlab.token},
    )


def _pyairbyte(job: Job, programs: Path) -> Invocation:
    given = {
        "config": _config(job),
        "executable": str(programs / "source-gitlab"),
        "streams": list(job.streams),
        "database": str(_database(job)),
    }
    folder = str(job.folder)
    environment = {
        "AIRBYTE_OFFLINE_MODE": "1",
        "AIRBYTE_LOGGING_ROOT": folder,
        "AIRBYTE_PROJECT_DIR": folder,
        "AIRBYTE_TEMP_DIR": folder,
        "DO_NOT_TRACK": "1",
    }
    command = (str(programs / "python"), str(HERE / "pyairbyte.py"))
    return Invocation(command, json.dumps(given), environment)


def _over(way: str) -> Callable[[Job, Path], Invocation]:
    def invoke(job: Job, programs: Path) -> Invocation:
        given = {
            "config": _config(job),
            "streams": list(job.streams),
            "processes": PROCESSES,
            "folder": str(job.folder),
        }
        command = (str(programs / "python"), str(HERE / "executors.py"), way)
        return Invocation(command, json.dumps(given))

    return invoke


def _spark(job: Job, programs: Path) -> Invocation:
    python = str(programs / "python")
    options = {
        "api_url": job.gitlab.url,
        "groups": job.group,
        "config": json.dumps({"start_date": START_DATE}),
    }
    given = {
        "options": options,
        "stream": job.streams[0],
        "processes": PROCESSES,
        "folder": str(job.folder),
    }
    environment = {"GITLAB_TOKEN": job.gitlab.token, "PYSPARK_PYTHON": python}
    return Invocation((python, str(HERE / "spark.py")), json.dumps(given), environment)


def _counted(job: Job) -> dict[str, int]:
    counts: dict[str, int] = json.loads((job.folder / "counts.json").read_text())
    return counts


def _database(job: Job) -> Path:
    return job.folder / "database.duckdb"


def _rows_in(
    schema: str, environment: env.Environment = env.LOADER
) -> Callable[[Job], dict[str, int]]:
    """Count with the DuckDB that wrote the file, which an older one may not read."""

    def count(job: Job) -> dict[str, int]:
        python = env.programs_of(environment) / "python"
        program = (
            "import duckdb, json, sys\n"
            "with duckdb.connect(sys.argv[1], read_only=True) as connection:\n"
            "    print(json.dumps({name: connection.execute("
            'f\'select count(*) from "{sys.argv[2]}"."{name}"\').fetchone()[0]'
            " for name in sys.argv[3:]}))"
        )
        command = (str(python), "-c", program, str(_database(job)), schema, *job.streams)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        counted: dict[str, int] = json.loads(done.stdout)
        return counted

    return count


_READ = "source-gitlab read --config config.json --catalog catalog.json [--state state.json]"
CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("ours", "this connector", env.READER, _READ, _airbyte),
        Contender("peer", PEER, env.PEER, _READ, _airbyte),
        Contender(
            "newest",
            f"{NEWEST}, rebuilt",
            env.LOADER,
            "python benchmarks/newest.py read --config config.json --catalog catalog.json",
            _newest,
        ),
        Contender(
            "tap",
            "tap-gitlab",
            env.TAP,
            "python benchmarks/tap.py --config config.json --catalog catalog.json",
            _tap,
        ),
        Contender(
            "ingestr",
            "ingestr",
            env.INGESTR,
            "ingestr ingest --source-uri 'gitlab://?access_token=…&base_url=…' --source-table"
            " issues --dest-uri duckdb:///database.duckdb --dest-table copied.issues",
            _ingestr,
            _rows_in("copied"),
        ),
        Contender(
            "dlt",
            "dlt's REST source",
            env.DLT,
            "python benchmarks/rest_source.py < given.json",
            _rest_source,
            _rows_in("copied", env.DLT),
        ),
        Contender(
            "floor",
            "the floor",
            env.READER,
            "python benchmarks/floor.py http://127.0.0.1:…/api/v4/groups/scaled/issues $TOKEN",
            _floor,
        ),
        Contender(
            "sync",
            "this connector, `sync`",
            env.READER,
            "source-gitlab sync --to database.duckdb --url http://127.0.0.1:… --group scaled"
            " --select issues",
            _sync,
            _rows_in("main", env.READER),
        ),
        Contender(
            "pyairbyte",
            "PyAirbyte reading this connector",
            env.LOADER,
            "python benchmarks/pyairbyte.py < given.json",
            _pyairbyte,
            _rows_in("copied"),
        ),
        Contender(
            "pool",
            "this connector in a pool of processes",
            env.READER,
            "python benchmarks/executors.py pool < given.json",
            _over("pool"),
            _counted,
        ),
        Contender(
            "dask",
            "this connector in Dask",
            env.DASK,
            "python benchmarks/executors.py dask < given.json",
            _over("dask"),
            _counted,
        ),
        Contender(
            "spark",
            "this connector in Spark",
            env.SPARK,
            "python benchmarks/spark.py < given.json",
            _spark,
            _counted,
        ),
    )
}
