"""Comparing a DuckDB file with an emulated GitLab."""
