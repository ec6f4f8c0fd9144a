"""Views over the streams' tables, in one SQL for every destination.

`models/` has a view a file, `macros/` what several of them use, and `views.yaml` what they hold.
They are written as a dbt package is, and `make docs` copies them into one: dbt renders them for a
warehouse, and `catalog` for a file that `sync` has written.

Macros say what dialects do not share, in `macros/dialects.sql`. A translator of SQL would need no
macros, but whoever uses dbt wants models to read and override, not what a program made of others.
"""
