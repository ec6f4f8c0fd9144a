"""Reads lists of GitLab by dlt's REST source into a DuckDB file: what its users would write.

A program for dlt's own environment. On standard input comes {"url", "token", "group", "streams",
"folder"}; each list of the group is merged by id into the schema `copied` of `database.duckdb`.
"""

import json
import sys
from pathlib import Path

import dlt  # type: ignore[import-not-found,unused-ignore]
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found,unused-ignore]

given = json.load(sys.stdin)
source = rest_api_source(
    {
        "client": {
            "base_url": f"{given['url']}/api/v4/",
            "auth": {"type": "bearer", "token": given["token"]},
            "paginator": {"type": "header_link"},
        },
        "resources": [
            {
                "name": stream,
                "primary_key": "id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": f"groups/{given['group']}/{stream}",
                    "params": {"scope": "all", "per_page": 100},
                },
            }
            for stream in given["streams"]
        ],
    }
)
folder = Path(given["folder"])
pipeline = dlt.pipeline(
    "copying",
    pipelines_dir=str(folder / "pipelines"),
    destination=dlt.destinations.duckdb(str(folder / "database.duckdb")),
    dataset_name="copied",
)
pipeline.run(source)
