"""Streams as tables of typed columns, for every face that has tables: `table` and `fitting`."""
