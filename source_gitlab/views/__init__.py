"""Views over the streams' tables, in one SQL for every destination.

`models/` has a view a file, `macros/` what several of them use, and `views.yaml` what they hold.
They are written as a dbt package is, and `tools/dbt.py` copies them into one: dbt renders them for
a warehouse, and `catalog` for a file that `sync` has written.
"""
