"""The least that one Python process must do to read a list: fetch, parse, write the lines.

A program: `floor.py URL TOKEN` reads the list at URL page by page and writes Airbyte records. It
has no retries, no limits, no state and no second request under way, and it trusts what it gets;
the body is read in one piece and nothing is collected, because that is cheapest.
"""

from __future__ import annotations

import gc
import sys
import time

import orjson
import requests


def main(url: str, token: str) -> None:
    """Write every row of the list as a record."""
    gc.disable()
    stream = url.rpartition("/")[2]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    page = "1"
    while page:
        query = f"?scope=all&per_page=100&page={page}"
        with session.get(url + query, stream=True, timeout=60) as response:
            body = response.raw.read(decode_content=True)
        response.raise_for_status()
        now = int(time.time() * 1000)
        lines = [
            orjson.dumps(
                {
                    "type": "RECORD",
                    "record": {"stream": stream, "data": row, "emitted_at": now},
                }
            )
            for row in orjson.loads(body)
        ]
        lines.append(b"")
        sys.stdout.buffer.write(b"\n".join(lines))
        page = response.headers.get("X-Next-Page", "")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
