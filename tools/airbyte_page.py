"""docs/airbyte.md, in the order of Airbyte's own pages about connectors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from source_gitlab.streams import streams
from tools.markdown import GENERATED, markdown_table
from tools.streams_pages import areas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from source_gitlab.streams import Stream

_CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"
_VERSION = re.compile(r"(?m)^## \[(\d[^\]]*)\] - (\S+)$")

_BEFORE = """\
# As an Airbyte source

The image speaks the Airbyte protocol: `spec`, `check`, `discover` and `read`. So does the command,
after `pip install .`; neither needs Airbyte's CDK.

## Prerequisites

- GitLab.com, or a GitLab of your own that answers at its API v4.
- A personal, group or project [access token](credentials.md) with the scope `read_api`, or an OAuth
  application. Public data takes no token. What each stream takes of a role: [rights](rights.md).
- Airbyte 0.64 or newer, whose images run without root; PyAirbyte; or anything that starts a
  container.

## Setup guide

### Step 1: Set up GitLab

Create an access token under *Preferences → Access tokens* (of a user), or *Settings → Access
tokens* (of a group or project), with the scope `read_api`.

### Step 2: Try it

```sh
make image                                       # source-gitlab:dev
docker run --rm source-gitlab:dev spec
docker run --rm -v "$PWD:/data" source-gitlab:dev check --config /data/config.json
docker run --rm -v "$PWD:/data" source-gitlab:dev discover --config /data/config.json
docker run --rm -v "$PWD:/data" source-gitlab:dev read \\
  --config /data/config.json --catalog /data/catalog.json --state /data/state.json
```

The smallest configuration, in `config.json`; [every field](configuration.md):

```json
{"credentials": {"auth_type": "access_token", "access_token": "glpat-…"}, "groups_list": ["acme"]}
```

### Step 3: Add it to the platform

Push the image to a registry that the platform reaches, and add it as a custom connector (Settings →
Sources → New connector). A configuration and a state of Airbyte's own connector are taken as they
are: [what differs](migrating-from-airbyte.md).

### With PyAirbyte

In one environment with PyAirbyte, whose package is called `airbyte`:

```sh
pip install .
```

```python
import airbyte as ab

source = ab.get_source("source-gitlab", config=config, local_executable="source-gitlab")
source.select_streams(["issues", "merge_requests"])
source.read()
```

A program that runs the CDK itself takes `source_gitlab.SourceGitlab`, which comes with the extra
`airbyte`.

## Supported sync modes

- Full Refresh, Overwrite or Append, of every stream.
- Incremental, Append or Append + Deduped, of the streams with a cursor. Take *Append + Deduped*,
  because a row that changes comes again.

**States** are one for each stream, about three characters a project ([more](state.md)). A stream
that can be read incrementally is resumable in a full refresh as well: where an attempt fails, the
next attempt of the same sync goes on from its last state, and the next sync starts anew. After a
refresh that removes the rows of earlier generations, states of these are not gone on from.

**Deletions** do not come as messages: the protocol has none for sources without a log. A full
refresh that replaces the table leaves such rows out.

## Supported streams
"""

_AFTER = """
Their columns, keys and costs: [streams](streams.md). Those that are read *by name* are in the
catalog, too: select them there.

## Performance considerations

- **Rate limits** are GitLab's own, of which the headers of its answers tell; GitLab.com allows a
  token 2,000 requests a minute. A read slows down before it meets them. While one holds it up, its
  streams say so to the platform (RUNNING with the reason RATE_LIMITED, and until when).
- **`num_workers`** is how many requests are under way at once, at most. Fewer are, where GitLab
  gets slower.
- **The first read** costs most. Streams *by name* take a request for each parent or project: their
  [costs](streams.md) tell before. `source-gitlab check --cost` counts them in your GitLab.
- **Several connections** of one token share its limit. `shard` in the configuration lets each read
  [its part](distributed.md).

## Limitations and troubleshooting

- **What GitLab refuses** (a role that is too low, a feature that is off, a tier) is skipped with a
  warning in the log, and its state stays; `--report FILE` of `check` and `read` writes it as JSON.
- **A stream that fails** ends INCOMPLETE, with one sentence in a TRACE, behind the states of all
  others.
- **OAuth.** A renewed pair of tokens goes to the platform in a CONTROL message, before it is used.
  [How tokens are renewed](credentials.md#how-an-oauth-token-is-renewed).
- **Exit codes.** A check that fails is an answer, with exit code 0. A read that fails in one stream
  ends with 1. One that is interrupted ends with 130, behind its last states.
- [Messages, and what to do](troubleshooting.md).

## IP allow list

Where your GitLab, or a group, restricts addresses, allow those from which the platform runs this
image.

## Not promised

- The connector builder: this is no manifest. [Why](architecture.md#why-not-a-low-code-manifest).
- Per-stream namespaces: a destination's settings choose the schema.
- Transfer of files.

## Changelog
"""


def airbyte_page() -> Iterator[str]:
    """The lines of the page."""
    yield GENERATED.format(source="streams/declared/ and tools/airbyte_page.py")
    yield ""
    yield from _BEFORE.splitlines()
    yield ""
    yield from markdown_table(("Area", "Incremental", "Full refresh only"), _streams())
    yield from _AFTER.splitlines()
    yield ""
    yield from markdown_table(("Version", "Date"), _versions())
    yield ""
    yield "[What changed in each](https://pypi.org/project/gitlab-warehouse/)."


def _streams() -> Iterator[tuple[str, str, str]]:
    for area in areas():
        found = [one for one in streams().values() if one.area == area]
        yield (
            area.replace("_", " "),
            ", ".join(_link(one) for one in found if one.incremental) or "-",
            ", ".join(_link(one) for one in found if not one.incremental) or "-",
        )


def _link(stream: Stream) -> str:
    return f"[`{stream.name}`](streams/{stream.area}.md#{stream.name})"


def _versions() -> list[tuple[str, str]]:
    return _VERSION.findall(_CHANGELOG.read_text(encoding="utf-8"))
