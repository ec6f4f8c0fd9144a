"""The dlt face: any destination of dlt, in one command or in a pipeline of the user's.

`source-gitlab sync --to postgresql://…` writes to what `destinations` makes of the address.
`gitlab_source` is for those who write pipelines:

    import dlt
    from source_gitlab.interfaces.dlt import gitlab_source

    dlt.pipeline("gitlab", destination="postgres").run(gitlab_source(groups=["acme"]))

Modules: `columns` (what dlt calls the kinds of columns), `spool` (rows on their way), `held` (what
a destination has), `collected` (rows and states of one read), `loader` (load packages, one after
the other), `parquet_folder` (files of rows as a table), `destinations` (addresses), `sync` and
`source`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_gitlab.interfaces.dlt.source import gitlab_source

__all__ = ["gitlab_source"]


def __getattr__(name: str) -> Any:
    # Addresses are understood without dlt, whose import takes a second.
    if name in __all__:
        from source_gitlab.interfaces.dlt import source  # noqa: PLC0415

        return getattr(source, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
