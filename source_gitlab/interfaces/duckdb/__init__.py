"""The DuckDB face: `source-gitlab sync --to gitlab.duckdb`.

Modules, from the file upwards: `file` (opening it), `types` (what DuckDB calls the kinds of
columns), `layout` (what of a file is ours), `tables` (the streams' tables), `rows_file` and
`load_buffer` (rows on their way into a table), `merging` (a table that is read anew),
`transactions` and `store` (rows and state, in transactions), `views` (views over the tables),
`sync` (streams into a store), `progress` and `summary` (what the terminal shows), and `target` (the
file that is named).
"""
