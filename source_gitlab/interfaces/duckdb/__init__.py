"""The DuckDB face: `source-gitlab sync --to gitlab.duckdb`.

Modules, from the file upwards: `file` (opening it), `types` (a JSON schema as a table), `fitting`
(rows that a table can take), `layout` (what of a file is ours), `tables` (the streams' tables),
`rows_file` and `loading` (rows on their way into a table), `merging` (a table that is read anew),
`transactions` and `store` (rows and state, in transactions), `feed` (threads that read), `sync`
(streams into a store), `progress` and `summary` (what the terminal shows) and `command` (the
command line).
"""
