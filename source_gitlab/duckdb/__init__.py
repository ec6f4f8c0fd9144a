"""The DuckDB face: `source-gitlab sync --to gitlab.duckdb`.

Modules, from the file upwards: `types` (a JSON schema as a table), `fitting` (rows that a table
can take), `tables` (the file and its tables), `store` (rows and state, in transactions),
`progress` (what the terminal shows), `sync` (streams into a store) and `command` (the command
line).
"""
