"""The page that `source-gitlab report` makes out of a DuckDB file."""
