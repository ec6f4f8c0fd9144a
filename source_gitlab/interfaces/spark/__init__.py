"""GitLab as a data source of Spark: what `from source_gitlab.interfaces.spark import …` gives."""

try:
    from source_gitlab.interfaces.spark.source import GitlabDataSource
    from source_gitlab.interfaces.spark.taken import Taken, taken
except ModuleNotFoundError as error:
    if error.name not in {"pyspark", "pyarrow"}:
        raise
    from source_gitlab.distribution import install_command

    message = f"This needs Spark. Install it with: {install_command('spark')}"
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["GitlabDataSource", "Taken", "taken"]
