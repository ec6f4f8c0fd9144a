"""Spark reads into Parquet files: what its users write, for its own environment.

A program: standard input is JSON with `options`, `stream`, `processes` and `folder`.
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from source_gitlab.interfaces.spark import GitlabDataSource, taken

given = json.load(sys.stdin)
spark = (
    SparkSession.builder.master(f"local[{given['processes'] + 1}]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
)
spark.dataSource.register(GitlabDataSource)
rows = spark.read.format("gitlab").options(
    stream=given["stream"], processes=given["processes"], **given["options"]
)
folder = f"{given['folder']}/rows"
rows.load().write.parquet(folder)
written = spark.read.parquet(folder)
come = taken(written)
if come is None or not come.is_complete:
    sys.exit(f"{come}")
counts = {given["stream"]: written.where("_progress is null").count()}
Path(given["folder"], "counts.json").write_text(json.dumps(counts))
spark.stop()
