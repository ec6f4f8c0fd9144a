"""The chart of the results: how many times less this connector takes than its peer, as SVG."""

from __future__ import annotations

from html import escape
from math import ceil, log10
from typing import TYPE_CHECKING

from benchmarks.contenders import PEER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.results import Verdict

_WIDTH = 760
_NAMES = 330
_ROW = 34
_TOP = 64
_BOTTOM = 40
_RIGHT = 80
_TITLE = f"How many times less than {PEER}"
_TIMES = "&#215;"


def draw(verdicts: Sequence[Verdict], titles: Mapping[str, str]) -> str:
    """An SVG document with a bar for each ratio to the peer, and a tick where the target is.

    The scale is logarithmic: each line is ten times the one before it.
    """
    bars = [v for v in verdicts if v.target.chart and v.figure is not None]
    most = max((verdict.figure or 1.0 for verdict in bars), default=10.0)
    decades = max(1, ceil(log10(most)))
    across = (_WIDTH - _NAMES - _RIGHT) / decades
    height = _TOP + _ROW * len(bars) + _BOTTOM
    bottom = height - _BOTTOM

    def x(ratio: float) -> float:
        return _NAMES + across * log10(max(ratio, 1.0))

    size = f'width="{_WIDTH}" height="{height}"'
    explained = "same emulated GitLab, same rows; the dark tick is the target"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {size}',
        ' font-family="system-ui, sans-serif" font-size="13" role="img">',
        f"<title>{_TITLE}</title>",
        f'<rect {size} fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="600" fill="#1f2430">{_TITLE}</text>',
        f'<text x="16" y="46" fill="#667085">{explained}</text>',
    ]
    for decade in range(decades + 1):
        at = x(10.0**decade)
        parts.append(
            f'<line x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{bottom}" stroke="#e4e7ec"/>'
            f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#667085">'
            f"{10**decade}{_TIMES}</text>"
        )
    for number, verdict in enumerate(bars):
        ratio = verdict.figure or 1.0
        middle = _TOP + _ROW * number + _ROW / 2
        end, goal = x(ratio), x(verdict.target.bound)
        name = escape(titles[verdict.target.case])
        parts.append(
            f'<text x="16" y="{middle - 2:.1f}" fill="#1f2430">{name}</text>'
            f'<text x="16" y="{middle + 12:.1f}" font-size="11" fill="#667085">'
            f"{escape(verdict.target.chart)}</text>"
            f'<rect x="{_NAMES}" y="{middle - 9:.1f}" width="{end - _NAMES:.1f}" height="18"'
            ' rx="3" fill="#fc6d26"/>'
            f'<line x1="{goal:.1f}" y1="{middle - 13:.1f}" x2="{goal:.1f}" y2="{middle + 13:.1f}"'
            ' stroke="#1f2430" stroke-width="2"/>'
            f'<text x="{max(end, goal) + 8:.1f}" y="{middle + 5:.1f}" font-weight="600"'
            f' fill="#1f2430">{ratio:.0f}{_TIMES}</text>'
        )
    parts.append("</svg>\n")
    return "\n".join(parts)
