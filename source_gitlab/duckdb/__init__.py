"""The DuckDB face: `source-gitlab sync --to gitlab.duckdb`.

Modules, from the file upwards: `types` (a JSON schema as a table), `fitting` (rows that a table
can take), `tables` (the file and its tables), `loading` (rows on their way into a table), `store`
(rows and state, in transactions), `feed` (threads that read), `sync` (streams into a store),
`progress` and `summary` (what the terminal shows) and `command` (the command line).
"""
