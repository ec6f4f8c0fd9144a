"""The DuckDB face: `source-gitlab sync --to gitlab.duckdb`, and `verify` of such a file.

Modules, from the file upwards: `file` (opening it), `layout` (what of a file is ours), `tables`
(the streams' tables), `load_buffer` and `loads` (rows on their way into a table), `merging` (a
table that is read anew), `deletions` and `owned` (rows that are gone), `transactions` and `store`
(rows and state, in transactions), `runs` (what syncs did and did not read), `views` (views over the
tables), `counted`, `verifying` and `daily_look` (the file beside GitLab), and `target` (the file
that is named).
"""
